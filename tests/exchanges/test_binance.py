"""Binance frames in, exact readings out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from ctc.errors import FrameError
from ctc.exchanges import Binance
from ctc.model import Trade

RECEIVED = datetime(2024, 8, 8, 23, 54, 14, 87896, tzinfo=UTC)
REAL = (
    '{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255343,"s":"BTCUSDT","t":3735683259,'
    '"p":"61837.63000000","q":"0.02000000","T":1723161255342,"m":true,"M":true}}'
)


def binance() -> Binance:
    return Binance({"BTCUSDT": "BTC-USDT"})


def event(**changes: Any) -> str:
    """A bare trade event with some fields changed; None takes one out."""
    fields: dict[str, Any] = {
        "e": "trade",
        "E": 1723161255343,
        "s": "BTCUSDT",
        "t": 7,
        "p": "2.5",
        "q": "4",
        "T": 1723161255342,
        "m": False,
    }
    return json.dumps({name: value for name, value in {**fields, **changes}.items() if value is not None})


def only(frame: str | bytes) -> Trade:
    (trade,) = binance().read(frame).trades
    return trade


def test_binance_combined_trade_becomes_exact_row() -> None:
    reading = binance().read(REAL.encode(), RECEIVED)
    assert reading.kind == "trade"
    assert reading.event_time == datetime(2024, 8, 8, 23, 54, 15, 343000, tzinfo=UTC)
    assert reading.trades == (
        Trade(
            event_id="ee1c4848-9d5c-5962-a585-a651608bc6e3",
            exchange="binance",
            market="spot",
            symbol="BTC-USDT",
            native_symbol="BTCUSDT",
            quote_currency="USDT",
            kind="trade",
            trade_id=3735683259,
            price=Decimal("61837.63000000"),
            quantity=Decimal("0.02000000"),
            quote_volume=Decimal("1236.7526000000000000"),
            side="sell",
            timestamp=datetime(2024, 8, 8, 23, 54, 15, 342000, tzinfo=UTC),
            ingestion_timestamp=RECEIVED,
            raw_event_payload=REAL,
        ),
    )
    assert str(reading.trades[0].price) == "61837.63000000"


def test_binance_side_is_the_takers() -> None:
    assert only(event(m=True)).side == "sell"
    assert only(event(m=False)).side == "buy"


def test_binance_without_receive_time_takes_the_event_time() -> None:
    trade = only(event())
    assert trade.ingestion_timestamp == trade.timestamp == datetime(2024, 8, 8, 23, 54, 15, 342000, tzinfo=UTC)


def test_binance_microseconds_are_told_by_magnitude() -> None:
    trade = only(event(T=1735689600010866, E=1735689600010999))
    assert trade.timestamp == datetime(2025, 1, 1, 0, 0, 0, 10866, tzinfo=UTC)


def test_binance_agg_trade_is_identified_by_its_own_id() -> None:
    trade = only(event(e="aggTrade", a=99, f=7, l=9, t=None))
    assert (trade.kind, trade.trade_id, trade.space) == ("aggTrade", 99, "binance|spot|BTCUSDT|aggTrade")


@pytest.mark.parametrize("fields", [{"X": "MARKET"}, {"nq": "0.001"}, {"st": 0}])
def test_binance_futures_frames_are_another_market(fields: dict[str, Any]) -> None:
    assert only(event(**fields)).market == "usdm"


@pytest.mark.parametrize("flag", ["INSURANCE_FUND", "ADL", "NA"])
def test_binance_off_book_prints_are_no_trades(flag: str) -> None:
    reading = binance().read(event(X=flag, p="0", q="0"))
    assert (reading.trades, reading.kind, reading.native_symbol) == ((), flag, "BTCUSDT")
    assert binance().identify(event(X=flag)) is None


def test_binance_drifting_fields_do_not_matter() -> None:
    old = only(event(b=88, a=50, M=True, new={"deep": [1, {}]}))
    assert (old.trade_id, old.price, old.market) == (7, Decimal("2.5"), "spot")


def test_binance_order_of_fields_does_not_matter() -> None:
    inner = json.loads(event())
    shuffled = json.dumps({"data": dict(reversed(inner.items())), "stream": "btcusdt@trade"}, indent=1)
    assert only(shuffled).trade_id == 7
    assert binance().identify(shuffled) == ("spot", "BTCUSDT", "trade")


def test_binance_amounts_keep_every_digit() -> None:
    trade = only(event(p="0.00000001", q="123456789.123456789"))
    assert trade.quote_volume == Decimal("1.23456789123456789")
    assert only(event(p="1e-8", t=9223372036854775807)).price == Decimal("0.00000001")


@pytest.mark.parametrize(
    "change",
    [
        {"p": None},
        {"q": None},
        {"m": None},
        {"s": None},
        {"T": None},
        {"t": None},
        {"e": None},
        {"p": "abc"},
        {"p": "NaN"},
        {"p": "sNaN"},
        {"p": "Infinity"},
        {"p": "0"},
        {"p": "-1"},
        {"q": "1e30"},
        {"p": "1" * 19 + "." + "1" * 70},
        {"m": "true"},
        {"t": "7"},
        {"t": -1},
        {"t": 1 << 63},
        {"t": 1 << 70},
        {"s": ""},
        {"s": 5},
        {"T": 1},
        {"T": 10**30},
        {"T": "now"},
    ],
)
def test_binance_broken_trade_is_a_frame_error_with_its_bytes(change: dict[str, Any]) -> None:
    frame = event(**change)
    for broken in (frame, '{"stream":"btcusdt@trade","data":' + frame + "}"):
        with pytest.raises(FrameError) as caught:
            binance().read(broken)
        assert caught.value.raw == broken.encode()
        assert caught.value.exchange == "binance"


@pytest.mark.parametrize("frame", ["", "{", "nonsense", "12", '"text"', REAL[:-1], REAL[:40], b"\xff\xfe{}", "\ud800"])
def test_binance_unreadable_is_a_frame_error(frame: str | bytes) -> None:
    with pytest.raises(FrameError):
        binance().read(frame)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ('{"stream":"btcusdt@bookTicker","data":{"u":1,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4"}}', "bookTicker"),
        ('{"u":1,"s":"BTCUSDT","b":"1","B":"2","a":"3","A":"4"}', "bookTicker"),
        ('{"e":"depthUpdate","E":1723161255208,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}', "depthUpdate"),
        ('{"stream":"btcusdt@depth5","data":{"lastUpdateId":1,"bids":[],"asks":[]}}', "depth"),
        ('{"stream":"btcusdt@miniTicker","data":{"e":"24hrMiniTicker","E":1723161255208,"s":"BTCUSDT","c":"1"}}', "miniTicker"),
        ('{"e":"kline","E":1784410630021528,"s":"BTCUSDT","k":{"t":1784410620000000}}', "kline"),
        ('{"stream":"!miniTicker@arr","data":[{"e":"24hrMiniTicker"}]}', "arr"),
        ('[{"e":"24hrMiniTicker"}]', "array"),
        ('{"result":null,"id":1}', "ack"),
        ("{}", "unknown"),
    ],
)
def test_binance_other_frames_are_named_and_hold_no_trades(frame: str, kind: str) -> None:
    reading = binance().read(frame)
    assert (reading.kind, reading.trades, reading.error) == (kind, (), None)
    assert binance().identify(frame) is None


def test_binance_mini_ticker_tells_its_time() -> None:
    reading = binance().read('{"e":"24hrMiniTicker","E":1723161255208,"s":"ETHUSDT","c":"1"}')
    assert reading.event_time == datetime(2024, 8, 8, 23, 54, 15, 208000, tzinfo=UTC)
    assert reading.native_symbol == "ETHUSDT"


def test_binance_kline_in_microseconds_tells_its_time() -> None:
    reading = binance().read('{"e":"kline","E":1784410630021528,"s":"BTCUSDT","k":{}}')
    assert reading.event_time == datetime(2026, 7, 18, 21, 37, 10, 21528, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frame", "words"),
    [
        ('{"error":{"code":2,"msg":"Invalid request: unknown variant"},"id":1}', "check stream names"),
        ('{"code":-1003,"msg":"Way too much request weight used"}', "use the websocket"),
        ('{"code":-1121,"msg":"Invalid symbol."}', "no such symbol"),
        ('{"error":"gone","id":1}', "refused"),
    ],
)
def test_binance_errors_are_explained(frame: str, words: str) -> None:
    reading = binance().read(frame)
    assert reading.kind == "error"
    assert words in (reading.error or "")


def test_binance_url_and_subscriptions_name_trades_and_tickers() -> None:
    natives = ["BTCUSDT", "ETHUSDT"]
    streams = ["btcusdt@aggTrade", "btcusdt@miniTicker", "ethusdt@aggTrade", "ethusdt@miniTicker"]
    assert binance().url("ws://host:1/", natives, "aggTrade") == "ws://host:1/stream?streams=" + "/".join(streams)
    assert binance().single_url("ws://host:1", "BTCUSDT", "trade") == "ws://host:1/ws/btcusdt@trade"
    (frame,) = binance().subscriptions(natives, "aggTrade")
    assert json.loads(frame) == {"method": "SUBSCRIBE", "params": streams, "id": 1}


def test_binance_error_keeps_the_envelope_of_a_broken_event() -> None:
    frame = b'{"stream":"btcusdt@trade","data":{"e":"trade","s":"BTCUSDT","T":1e400}}'
    with pytest.raises(FrameError) as caught:
        Binance().read(frame)
    assert caught.value.raw == frame
