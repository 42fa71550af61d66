"""The wire format: what goes in comes out exactly, and bytes of any kind come out as lines, never as an exception."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from ctc.codec import MAX_UNPACKED, Line, encode_line, pack, read_record, unpack
from ctc.model import EXACT, Heartbeat, Reject, Trade, VenueMark

TRADE = Trade(
    event_id="e",
    exchange="binance",
    market="spot",
    symbol="BTC-USDT",
    native_symbol="BTCUSDT",
    quote_currency="USDT",
    kind="aggTrade",
    trade_id=1,
    price=Decimal("67432.50"),
    quantity=Decimal("0.5"),
    quote_volume=Decimal("33716.250"),
    side="buy",
    timestamp=datetime(2025, 2, 5, 10, 30, 0, 123000, UTC),
    ingestion_timestamp=datetime(2025, 2, 5, 10, 30, 0, 456000, UTC),
    raw_event_payload='{"e":"aggTrade"}',
)

moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
amounts = st.decimals(Decimal("0.00000001"), Decimal(10) ** 9, allow_nan=False, places=8)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    price, quantity = draw(amounts), draw(amounts)
    return msgspec.structs.replace(
        TRADE,
        event_id=draw(texts),
        symbol=draw(texts),
        trade_id=draw(st.integers(0, (1 << 63) - 1)),
        price=price,
        quantity=quantity,
        quote_volume=EXACT.multiply(price, quantity),
        side=draw(st.sampled_from(["buy", "sell"])),
        timestamp=draw(moments),
        ingestion_timestamp=draw(moments),
        raw_event_payload=draw(texts),
    )


@st.composite
def heartbeats(draw: st.DrawFn) -> Heartbeat:
    mark = VenueMark(
        exchange="binance", market="spot", native_symbol="BTCUSDT", kind="trade", connected=draw(st.booleans()), last_id=draw(st.none())
    )
    peg = draw(st.none() | amounts)
    return Heartbeat(heartbeat=draw(moments), symbol=draw(texts), producer=draw(texts), venues=(mark,), peg=peg, final=draw(st.booleans()))


def wire(**changes: Any) -> bytes:
    """A trade's line with fields replaced; None removes one."""
    fields = {**json.loads(encode_line(TRADE)), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def only(data: bytes, symbols: frozenset[str] | None = None) -> Line:
    (line,) = read_record(data, symbols)
    return line


def rejected(data: bytes, symbols: frozenset[str] | None = None) -> Reject:
    line = only(data, symbols)
    assert isinstance(line, Reject)
    return line


@given(st.lists(trades() | heartbeats(), min_size=1, max_size=8))
def test_record_round_trips(lines: list[Trade | Heartbeat]) -> None:
    assert read_record(pack(encode_line(line) for line in lines)) == lines


@given(trades())
def test_amounts_keep_their_text(trade: Trade) -> None:
    read = only(encode_line(trade))
    assert isinstance(read, Trade)
    assert [str(read.price), str(read.quantity)] == [str(trade.price), str(trade.quantity)]


def test_amounts_are_json_numbers() -> None:
    line = json.loads(encode_line(TRADE), parse_float=lambda text: ("number", text))
    assert line["price"] == ("number", "67432.50")
    assert line["timestamp"] == "2025-02-05T10:30:00.123000Z"


def test_times_of_any_zone_are_the_same_moment() -> None:
    east = TRADE.timestamp.astimezone(timezone(timedelta(hours=9)))
    read = only(wire(timestamp=east.isoformat()))
    assert isinstance(read, Trade)
    assert read.timestamp == TRADE.timestamp


@given(st.binary(max_size=300))
def test_any_bytes_are_lines(data: bytes) -> None:
    for line in read_record(data):
        assert isinstance(line, Trade | Heartbeat | Reject)
        assert not isinstance(line, Reject) or line.reasons


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts,
    lambda inner: st.lists(inner) | st.dictionaries(texts, inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from(list(Trade.__struct_fields__)), json_values, max_size=3))
def test_any_value_in_a_field_is_a_trade_or_a_reasoned_reject(changes: dict[str, Any]) -> None:
    line = only(json.dumps({**json.loads(encode_line(TRADE)), **changes}).encode())
    assert isinstance(line, Trade) or (isinstance(line, Reject) and line.reasons)


numbers = st.from_regex(r"-?(0|[1-9][0-9]{0,24})(\.[0-9]{1,24})?([eE][+-]?[0-9]{1,6})?", fullmatch=True)


@given(numbers, numbers, numbers)
def test_what_is_accepted_fits_the_table(price: str, quantity: str, volume: str) -> None:
    body = encode_line(TRADE)
    for old, new in ((b'"price":67432.50', price), (b'"quantity":0.5', quantity), (b'"quote_volume":33716.250', volume)):
        body = body.replace(old, old.split(b":")[0] + b":" + new.encode())
    line = only(body)
    if isinstance(line, Reject):
        assert line.reasons
        return
    assert isinstance(line, Trade)
    for amount in (line.price, line.quantity, line.quote_volume):
        stored = amount.quantize(Decimal(1).scaleb(-18), context=EXACT)
        assert stored == amount
        assert 0 < stored < Decimal(10) ** 20


def test_amounts_that_only_add_up_to_the_scale_are_rejected() -> None:
    half = Decimal("0.0000000000000000005")
    trade = msgspec.structs.replace(TRADE, price=1 + half, quantity=1 + half, quote_volume=Decimal(1))
    assert "price does not fit decimal(38,18)" in rejected(encode_line(trade)).reasons


def test_large_amounts_that_fit_are_kept() -> None:
    trade = msgspec.structs.replace(TRADE, price=Decimal(6 * 10**19), quantity=Decimal(1), quote_volume=Decimal(6 * 10**19))
    assert only(encode_line(trade)) == trade


@pytest.mark.parametrize("name", ["event_id", "symbol", "price", "quantity", "timestamp"])
def test_missing_required_field_is_incomplete(name: str) -> None:
    line = rejected(wire(**{name: None}))
    assert (line.category, line.reasons) == ("incomplete", (f"{name} is missing",))


@pytest.mark.parametrize("name", ["price", "quantity", "quote_volume"])
@pytest.mark.parametrize("value", [0, -1])
def test_amount_not_above_zero_is_invalid(name: str, value: int) -> None:
    line = rejected(wire(**{name: value}))
    assert (line.category, line.reasons) == ("invalid", (f"{name} is not above zero",))


@pytest.mark.parametrize("peg", ['"NaN"', '"Infinity"', "0", "-1", "1e30", "1e-30"])
def test_heartbeat_with_an_unusable_peg_is_invalid(peg: str) -> None:
    body = f'{{"heartbeat":"2025-02-05T10:30:00Z","symbol":"BTC-USDT","producer":"p","venues":[],"peg":{peg}}}'
    assert rejected(body.encode()).category == "invalid"


@pytest.mark.parametrize("price", ['"NaN"', '"sNaN"', '"Infinity"', "1e30", "1e-30", "1e999999"])
def test_amount_that_is_no_amount_is_invalid(price: str) -> None:
    assert rejected(encode_line(TRADE).replace(b"67432.50", price.encode())).category == "invalid"


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "1969-12-31T23:59:59Z", "2200-01-01T00:00:00Z"]
)
def test_time_that_windows_can_not_be_reckoned_around_is_invalid(moment: str) -> None:
    assert rejected(wire(timestamp=moment)).reasons == ("timestamp is not between 1970 and 2199",)
    assert rejected(wire(ingestion_timestamp=moment)).reasons == ("ingestion_timestamp is not between 1970 and 2199",)
    assert rejected(f'{{"heartbeat":"{moment}","symbol":"BTC-USDT","producer":"p","venues":[]}}'.encode()).category == "invalid"


def test_symbol_outside_the_allowed_is_invalid() -> None:
    assert isinstance(only(wire(), frozenset({"BTC-USDT"})), Trade)
    assert rejected(wire(), frozenset({"ETH-USDT"})).reasons == ("symbol is not in the allowed list",)


@pytest.mark.parametrize(
    "raw", [b"{", b"[1]", b"1", b"\xff\xfe", b'{"side":"up"}' + b" " * 3, b"[" * 5000, b'{"heartbeat":1}', b"null"], ids=repr
)
def test_reject_keeps_its_bytes(raw: bytes) -> None:
    assert rejected(raw).raw == raw


@pytest.mark.parametrize("raw", [b"[" * 5_000, b'{"price":' + b"[" * 5_000, b"[" * 5_000 + b"]" * 5_000])
def test_line_nested_too_deeply_is_refused_in_the_same_words_wherever_it_is_read(raw: bytes) -> None:
    def deeper(frames: int) -> list[Line]:
        return read_record(raw) if frames == 0 else deeper(frames - 1)

    found = [deeper(frames) for frames in (0, 1, 2, 50, 51)]
    assert [reason for line in found[0] for reason in line.reasons] == ["not JSON: nested too deeply"]
    assert all(each == found[0] for each in found)


def test_positions_count_rejects_too() -> None:
    lines = [encode_line(TRADE), b"{", wire(price=0), encode_line(TRADE)]
    kinds = [type(line).__name__ for line in read_record(pack(lines))]
    assert kinds == ["Trade", "Reject", "Reject", "Trade"]


awkward = st.sampled_from(
    [
        encode_line(TRADE),
        b"{",
        b"",
        b"  ",
        b'{"heartbeat":1}',
        b'{"heartbeat":',
        b' {"heartbeat":2}',
        wire(price=0),
        wire(symbol="NO-SUCH"),
        wire(heartbeat=3),
    ]
)


@given(
    st.lists(st.one_of(trades().map(encode_line), heartbeats().map(encode_line), awkward)), st.sampled_from([None, frozenset({"BTC-USDT"})])
)
def test_record_is_read_as_each_of_its_lines_is(lines: list[bytes], allowed: frozenset[str] | None) -> None:
    assert read_record(pack(lines), allowed) == [only(line, allowed) for line in lines if line.strip()]


def test_plain_ndjson_is_read_as_it_is() -> None:
    assert read_record(encode_line(TRADE) + b"\n" + encode_line(TRADE)) == [TRADE, TRADE]


@given(st.data())
def test_damaged_record_is_lines_or_one_reject(data: st.DataObject) -> None:
    packed = bytearray(pack([encode_line(TRADE)] * 3))
    spot = data.draw(st.integers(4, len(packed) - 1))
    packed[spot] ^= data.draw(st.integers(1, 255))
    for line in read_record(bytes(packed)):
        assert isinstance(line, Trade | Heartbeat | Reject)


@given(st.integers(4, 60))
def test_truncated_record_is_one_malformed_reject_with_its_bytes(keep: int) -> None:
    cut = pack([encode_line(TRADE)] * 3)[:keep]
    line = rejected(cut)
    assert (line.category, line.raw) == ("malformed", cut)


def test_record_that_unpacks_to_too_much_is_rejected() -> None:
    bomb = zstandard.ZstdCompressor().compress(b" " * (MAX_UNPACKED + 1))
    assert rejected(bomb).category == "malformed"


def test_bytes_after_a_frame_are_not_dropped_silently() -> None:
    packed = pack([encode_line(TRADE)])
    assert any(isinstance(line, Reject) for line in read_record(packed + b"garbage"))


def test_unpack_says_what_is_wrong() -> None:
    with pytest.raises(ValueError, match="zstd"):
        unpack(b"\x28\xb5\x2f\xfd\x00")


def test_reject_keeps_the_bytes_that_came_beside_good_lines() -> None:
    """Unknown fields and spaces too: what goes to the dead letters is what was on the wire."""
    bad = encode_line(TRADE).replace(b'"symbol":"BTC-USDT"', b'"symbol": "NO-SUCH","more":[1]')
    good, refused = read_record(b"\n".join([encode_line(TRADE), bad]), frozenset({"BTC-USDT"}))
    assert good == TRADE
    assert isinstance(refused, Reject)
    assert (refused.category, refused.reasons, refused.raw) == ("invalid", ("symbol is not in the allowed list",), bad)
