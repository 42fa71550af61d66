"""The wire format: records of zstd-compressed NDJSON, one canonical symbol (the partition key) a record.

A line is a trade (PRD 6.3's event; prices and amounts are JSON numbers, exact) or a heartbeat (`{"heartbeat": ...}`).
Reading never raises on data: what is not a trade or a heartbeat comes back as a `Reject` with its bytes.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from decimal import Context, Decimal, Inexact, InvalidOperation

import msgspec
import zstandard

from ctc.model import EXACT, Heartbeat, Reject, Trade

# A producer's record unpacks to 1.3 MB at most; what is far beyond would cost a worker its memory.
MAX_UNPACKED = 16 << 20
MAX_LINES = 100_000
_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TRADES = msgspec.json.Decoder(Trade)
_HEARTBEAT = msgspec.json.Decoder(Heartbeat)
_ANY = msgspec.json.Decoder()
_LOCAL = threading.local()
_MAGIC = b"\x28\xb5\x2f\xfd"

REQUIRED = ("event_id", "symbol", "price", "quantity", "timestamp")
Line = Trade | Heartbeat | Reject


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
        return [Reject(category="malformed", reasons=(str(error),), raw=data)]
    try:
        trades = _TRADES.decode_lines(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return [_read_line(line, symbols) for line in _split(text)]
    if all([(symbols is None or line.symbol in symbols) and _storable(line) for line in trades]):  # noqa: C419 - faster than a generator
        return list[Line](trades)
    return [_read_line(line, symbols) for line in _split(text)]  # again, each with its own bytes: a reject keeps what came


def _split(text: bytes) -> Iterator[bytes]:
    return (line for line in text.split(b"\n") if line.strip())


def _read_line(raw: bytes, symbols: frozenset[str] | None) -> Line:
    try:
        trade = _TRADES.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return _read_other(raw, str(error), symbols)
    return _judge(trade, symbols, raw) or trade


def _read_other(raw: bytes, trouble: str, symbols: frozenset[str] | None) -> Line:
    try:
        value = _ANY.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        return Reject(category="malformed", reasons=(f"not JSON: {error}",), raw=raw)
    if not isinstance(value, dict):
        return Reject(category="malformed", reasons=("not a JSON object",), raw=raw)
    if "heartbeat" in value:
        return _read_heartbeat(raw, symbols)
    missing = tuple(f"{name} is missing" for name in REQUIRED if value.get(name) is None)
    if missing:
        return Reject(category="incomplete", reasons=missing, raw=raw)
    return Reject(category="malformed", reasons=(trouble,), raw=raw)


def _read_heartbeat(raw: bytes, symbols: frozenset[str] | None) -> Heartbeat | Reject:
    try:
        heartbeat = _HEARTBEAT.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        return Reject(category="malformed", reasons=(f"heartbeat: {error}",), raw=raw)
    if symbols is not None and heartbeat.symbol not in symbols:  # it would move another symbol's clock
        return Reject(category="invalid", reasons=("heartbeat: symbol is not in the allowed list",), raw=raw)
    if heartbeat.peg is not None and not _fits(heartbeat.peg):
        return Reject(category="invalid", reasons=("heartbeat: peg is not above zero, or does not fit decimal(38,18)",), raw=raw)
    if heartbeat.heartbeat.year not in _YEARS:
        return Reject(category="invalid", reasons=(f"heartbeat: not between {_YEARS[0]} and {_YEARS[-1]}",), raw=raw)
    return heartbeat


_ZERO = Decimal(0)
_LIMIT = Decimal(10) ** 20  # beyond what decimal(38,18) holds
_SCALE = Decimal(1).scaleb(-18)
_YEARS = range(1970, 2200)  # windows around the first and last representable instants overflow
_CHECKING = Context(prec=EXACT.prec, traps=[Inexact, InvalidOperation])


def _judge(trade: Trade, symbols: frozenset[str] | None, raw: bytes) -> Reject | None:
    """The Reject of a trade that breaks a validity rule, else None."""
    if (symbols is None or trade.symbol in symbols) and _storable(trade):
        return None
    return Reject(category="invalid", reasons=tuple(_faults(trade, symbols)), raw=raw)


def _storable(trade: Trade) -> bool:
    """Whether price, quantity and quote volume are above zero and fit decimal(38,18), and the times can be reckoned with."""
    price, quantity, volume = trade.price, trade.quantity, trade.quote_volume
    try:  # each by itself: digits below the scale can cancel out in a sum
        return (
            _ZERO < price < _LIMIT
            and _ZERO < quantity < _LIMIT
            and _ZERO < volume < _LIMIT
            and not _CHECKING.remainder(price, _SCALE)
            and not _CHECKING.remainder(quantity, _SCALE)
            and not _CHECKING.remainder(volume, _SCALE)
            and trade.timestamp.year in _YEARS
            and trade.ingestion_timestamp.year in _YEARS
        )
    except (Inexact, InvalidOperation):
        return False


def _faults(trade: Trade, symbols: frozenset[str] | None) -> Iterator[str]:
    if symbols is not None and trade.symbol not in symbols:
        yield "symbol is not in the allowed list"
    for name in ("price", "quantity", "quote_volume"):
        value: Decimal = getattr(trade, name)
        if not value.is_finite() or value <= _ZERO:
            yield f"{name} is not above zero"
        elif not _fits(value):
            yield f"{name} does not fit decimal(38,18)"
    for name in ("timestamp", "ingestion_timestamp"):
        if getattr(trade, name).year not in _YEARS:
            yield f"{name} is not between {_YEARS[0]} and {_YEARS[-1]}"


def _fits(value: Decimal) -> bool:
    """Whether one amount is above zero and fits decimal(38,18)."""
    try:
        return _ZERO < value < _LIMIT and not _CHECKING.remainder(value, _SCALE)
    except (Inexact, InvalidOperation):
        return False
