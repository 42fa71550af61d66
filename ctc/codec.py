"""The wire format: records of zstd-compressed NDJSON, one canonical symbol (the partition key) a record.

A line is a trade (PRD 6.3's event; prices and amounts are JSON numbers, exact) or a heartbeat (`{"heartbeat": ...}`).
Reading never raises on data: what is not a trade or a heartbeat comes back as a `Reject` with its bytes and every reason,
each tied to a rule of `ctc.quality.rules`.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import Any

import msgspec
import zstandard

from ctc.model import Heartbeat, Reject, Trade
from ctc.quality.rules import category_of

# A producer's record unpacks to 1.3 MB at most; what is far beyond would cost a worker its memory.
MAX_UNPACKED = 16 << 20
MAX_LINES = 100_000
MAX_REASON = 300  # characters: msgspec repeats a wrong value, which may be the whole line
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TRADES = msgspec.json.Decoder(Trade)
_HEARTBEAT = msgspec.json.Decoder(Heartbeat)
_ANY = msgspec.json.Decoder()
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_SPEC = {field.name: (msgspec.json.Decoder(field.type), field.required) for field in msgspec.structs.fields(Trade)}
JSON_TROUBLE = (msgspec.MsgspecError, UnicodeError, RecursionError)  # what reading JSON raises; `json_trouble` says it
_LOCAL = threading.local()
_MAGIC = b"\x28\xb5\x2f\xfd"
_HEARTBEAT_BEGINS = b'\n{"heartbeat":'  # as `encode_line` writes it

REQUIRED = ("event_id", "symbol", "price", "quantity", "timestamp")
Line = Trade | Heartbeat | Reject
Fault = tuple[str, str]  # a rule of ctc.quality.rules, and what is wrong in words


def encode_line(line: Trade | Heartbeat) -> bytes:
    """One line of NDJSON, without its newline."""
    return _ENCODER.encode(line)


def pack(lines: Iterable[bytes]) -> bytes:
    """A record's data from encoded lines."""
    compressor = _LOCAL.__dict__.get("compressor")
    if compressor is None:
        compressor = _LOCAL.compressor = zstandard.ZstdCompressor(level=1)
    return compressor.compress(b"\n".join(lines) + b"\n")


def unpack(data: bytes) -> bytes:
    """A record's NDJSON; plain NDJSON is taken as it is. Raises ValueError when it can't be decompressed, or is far too much."""
    text = _decompress(data) if data[:4] == _MAGIC else data
    if text.count(b"\n") > MAX_LINES:
        raise ValueError(f"more than {MAX_LINES:,} lines in one record")
    return text


def _decompress(data: bytes) -> bytes:
    try:
        if zstandard.frame_content_size(data) > MAX_UNPACKED:  # max_output_size is for frames that don't say theirs
            raise ValueError(f"zstd: it would unpack to more than {MAX_UNPACKED} bytes")
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=MAX_UNPACKED, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise ValueError(f"zstd: {error}") from error


def read_record(data: bytes, symbols: frozenset[str] | None = None) -> list[Line]:
    """Every line of a record, in order; a line's index is its position in the log.

    `symbols` are the allowed ones (PRD 9.1 validity), None allows all. Bytes that can't be decompressed are one Reject.
    """
    try:
        text = unpack(data)
    except ValueError as error:
        return [_refused([("record_unreadable", str(error))], data)]
    trades, *rest = (b"\n" + text).split(_HEARTBEAT_BEGINS)
    lines = _read_trades(trades, symbols)
    for part in rest:
        heartbeat, _, trades = part.partition(b"\n")
        lines.append(_read_line(_HEARTBEAT_BEGINS[1:] + heartbeat, symbols))
        lines += _read_trades(trades, symbols)
    return lines


def _read_trades(text: bytes, symbols: frozenset[str] | None) -> list[Line]:
    """Lines that are mostly trades: all of them at once are read at two thirds of what they cost one by one."""
    try:
        trades = _TRADES.decode_lines(text)
    except JSON_TROUBLE:
        return [_read_line(line, symbols) for line in _split(text)]
    if all([(symbols is None or line.symbol in symbols) and _storable(line) for line in trades]):  # noqa: C419 - faster than a generator
        return list[Line](trades)
    return [_read_line(line, symbols) for line in _split(text)]  # again, each with its own bytes: a reject keeps what came


def json_trouble(error: Exception) -> str:
    """What is wrong with JSON, in the same words wherever it is read: Python's own, of nesting, tell how deep the caller stands."""
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)


def _split(text: bytes) -> Iterator[bytes]:
    return (line for line in text.split(b"\n") if line.strip())


def _refused(faults: Iterable[Fault], raw: bytes) -> Reject:
    rules, reasons = zip(*faults, strict=True)
    return Reject(category=category_of(rules), reasons=tuple(reason[:MAX_REASON] for reason in reasons), raw=raw, rules=rules)


def _read_line(raw: bytes, symbols: frozenset[str] | None) -> Line:
    try:
        trade = _TRADES.decode(raw)
    except JSON_TROUBLE as error:
        return _read_other(raw, json_trouble(error), symbols)
    return _judge(trade, symbols, raw) or trade


def _read_other(raw: bytes, trouble: str, symbols: frozenset[str] | None) -> Line:
    try:
        fields = _FIELDS.decode(raw)
    except JSON_TROUBLE:
        return _refused([_no_fields(raw)], raw)
    if "heartbeat" in fields:
        return _read_heartbeat(raw, symbols)
    return _refused(list(_field_faults(fields, symbols)) or [("wrong_type", trouble)], raw)


def _no_fields(raw: bytes) -> Fault:
    try:
        _ANY.decode(raw)
    except JSON_TROUBLE as error:
        return "not_json", f"not JSON: {json_trouble(error)}"
    return "not_an_object", "not a JSON object"


def _field_faults(fields: dict[str, msgspec.Raw], symbols: frozenset[str] | None) -> Iterator[Fault]:
    """All that is wrong with an object that is no trade: what is missing, what can't be read, and what the rest breaks."""
    values: dict[str, Any] = {}
    for name, (decoder, required) in _SPEC.items():
        raw = bytes(fields.get(name, b"null"))
        if raw == b"null" and (required or name in fields):
            yield (f"{name}_missing" if name in REQUIRED else "field_missing"), f"{name} is missing"
        elif name in fields:
            try:
                values[name] = decoder.decode(raw)
            except JSON_TROUBLE as error:
                yield "wrong_type", f"{name}: {json_trouble(error)}"
    yield from _faults(values, symbols)


def _read_heartbeat(raw: bytes, symbols: frozenset[str] | None) -> Heartbeat | Reject:
    try:
        heartbeat = _HEARTBEAT.decode(raw)
    except JSON_TROUBLE as error:
        return _refused([("heartbeat_malformed", f"heartbeat: {json_trouble(error)}")], raw)
    faults = list(_heartbeat_faults(heartbeat, symbols))
    return _refused(faults, raw) if faults else heartbeat


def _heartbeat_faults(heartbeat: Heartbeat, symbols: frozenset[str] | None) -> Iterator[Fault]:
    if symbols is not None and heartbeat.symbol not in symbols:  # it would move another symbol's clock
        yield "heartbeat_symbol_not_allowed", "heartbeat: symbol is not in the allowed list"
    if heartbeat.peg is not None and not _fits(heartbeat.peg):
        yield "heartbeat_peg_unusable", "heartbeat: peg is not above zero, or does not fit decimal(38,18)"
    if heartbeat.heartbeat.year not in _YEARS:
        yield "heartbeat_out_of_range", f"heartbeat: not between {_YEARS[0]} and {_YEARS[-1]}"


_ZERO, _ONE = Decimal(0), Decimal(1)
_SCALE = Decimal(1).scaleb(-18)
_YEARS = range(1970, 2200)  # windows around the first and last representable instants overflow
# `_to_scale(amount, _SCALE)` raises one of `_MISFITS` for what decimal(38,18) does not hold; bound here, it costs half.
_to_scale = Context(prec=38, traps=[Inexact, InvalidOperation]).quantize
_MISFITS = (Inexact, InvalidOperation)


def _judge(trade: Trade, symbols: frozenset[str] | None, raw: bytes) -> Reject | None:
    """The Reject of a trade that breaks a validity rule, else None."""
    if (symbols is None or trade.symbol in symbols) and _storable(trade):
        return None
    return _refused(_faults(msgspec.structs.asdict(trade), symbols), raw)


def _storable(trade: Trade) -> bool:
    """Whether price, quantity and quote volume are above zero and fit decimal(38,18), and the times can be reckoned with."""
    price, quantity, volume = trade.price, trade.quantity, trade.quote_volume
    try:  # each by itself: digits below the scale can cancel out in a sum
        _to_scale(price, _SCALE), _to_scale(quantity, _SCALE), _to_scale(volume, _SCALE)
        return (
            price > _ZERO
            and quantity > _ZERO
            and volume > _ZERO
            and trade.timestamp.year in _YEARS
            and trade.ingestion_timestamp.year in _YEARS
        )
    except _MISFITS:
        return False


def _faults(values: Mapping[str, Any], symbols: frozenset[str] | None) -> Iterator[Fault]:
    """The validity rules that these fields of a trade break."""
    if symbols is not None and "symbol" in values and values["symbol"] not in symbols:
        yield "symbol_not_allowed", "symbol is not in the allowed list"
    for name in ("price", "quantity", "quote_volume"):
        value: Decimal = values.get(name, _ONE)
        if not value.is_finite() or value <= _ZERO:
            yield f"{name}_not_positive", f"{name} is not above zero"
        elif not _fits(value):
            yield f"{name}_does_not_fit", f"{name} does not fit decimal(38,18)"
    for name in ("timestamp", "ingestion_timestamp"):
        if name in values and values[name].year not in _YEARS:
            yield f"{name}_out_of_range", f"{name} is not between {_YEARS[0]} and {_YEARS[-1]}"


def _fits(value: Decimal) -> bool:
    """Whether one amount is above zero and fits decimal(38,18)."""
    try:
        _to_scale(value, _SCALE)
        return value > _ZERO
    except _MISFITS:
        return False
