"""Coinbase frames in, exact readings out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ctc.errors import FrameError
from ctc.exchanges import Coinbase

SINGLES = Path(__file__).parents[1] / "fixtures" / "realdata" / "coinbase_exchange_singles.jsonl"
FRAMES = SINGLES.read_text().splitlines()


def coinbase() -> Coinbase:
    return Coinbase({"BTC-USD": "BTC-USDT"})


def match(**changes: Any) -> str:
    """A match with some fields changed; None takes one out."""
    fields = {**json.loads(next(line for line in FRAMES if '"match"' in line)), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def test_coinbase_match_becomes_exact_row() -> None:
    frame = next(line for line in FRAMES if '"match"' in line)
    received = datetime(2026, 8, 25, 3, 35, 58, tzinfo=UTC)
    (trade,) = coinbase().read(frame, received).trades
    assert (trade.symbol, trade.native_symbol, trade.quote_currency) == ("BTC-USDT", "BTC-USD", "USD")
    assert (trade.exchange, trade.market, trade.kind, trade.trade_id) == ("coinbase", "spot", "match", 1081862675)
    assert (trade.price, trade.quantity) == (Decimal("80691.53"), Decimal("0.00000001"))
    assert trade.quote_volume == Decimal("0.0008069153")
    assert trade.side == "buy"  # the frame's side is the maker's: sell
    assert trade.timestamp == datetime(2026, 8, 25, 3, 35, 57, 198335, tzinfo=UTC)
    assert (trade.ingestion_timestamp, trade.raw_event_payload) == (received, frame)


def test_coinbase_buying_maker_means_a_selling_taker() -> None:
    assert coinbase().read(match(side="buy")).trades[0].side == "sell"


def test_coinbase_canonical_name_is_only_the_profiles() -> None:
    trade = coinbase().read(match(product_id="XRP-EUR")).trades[0]
    assert (trade.symbol, trade.quote_currency) == ("XRP-EUR", "EUR")
    assert Coinbase().read(match()).trades[0].symbol == "BTC-USD"


def test_coinbase_other_time_zones_become_utc() -> None:
    trade = coinbase().read(match(time="2026-08-25T05:35:57.198335+02:00")).trades[0]
    assert trade.timestamp == datetime(2026, 8, 25, 3, 35, 57, 198335, tzinfo=UTC)
    assert trade.timestamp.tzinfo is UTC


def test_coinbase_last_match_is_history_but_names_an_id() -> None:
    reading = coinbase().read(FRAMES[0])
    assert (reading.kind, reading.trades, reading.last_id) == ("last_match", (), 1087540757)
    assert coinbase().identify(FRAMES[0]) is None


def test_coinbase_heartbeat_names_the_last_trade() -> None:
    reading = coinbase().read(next(line for line in FRAMES if '"heartbeat"' in line))
    assert (reading.kind, reading.last_id, reading.native_symbol) == ("heartbeat", 278953096, "ETH-USD")
    assert reading.event_time == datetime(2022, 5, 20, 21, 22, 34, 751219, tzinfo=UTC)


def test_coinbase_errors_are_explained() -> None:
    said = [reading.error or "" for line in FRAMES if (reading := coinbase().read(line)).kind == "error"]
    assert len(said) == 5
    assert sum("profile" in words for words in said) == 3
    assert sum("need no key" in words for words in said) == 1
    assert any("No channels provided" in words for words in said)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ('{"type":"subscriptions","channels":[{"name":"matches","product_ids":["BTC-USD"]}]}', "subscriptions"),
        ('{"type":"ticker","product_id":"BTC-USD","trade_id":5,"price":"1","side":"buy","time":"2022-05-20T21:22:34Z"}', "ticker"),
        ('{"type":"received","time":"x","product_id":7}', "received"),
    ],
)
def test_coinbase_other_frames_are_named(frame: str, kind: str) -> None:
    reading = coinbase().read(frame)
    assert (reading.kind, reading.trades) == (kind, ())


@pytest.mark.parametrize(
    "change",
    [
        {"price": None},
        {"size": None},
        {"side": None},
        {"time": None},
        {"trade_id": None},
        {"product_id": None},
        {"side": "hold"},
        {"price": "x"},
        {"size": "-1"},
        {"time": "2026-08-25T03:35:57"},
        {"time": "0001-01-01T00:00:00+23:00"},
        {"trade_id": "7"},
        {"type": None},
        {"type": 4},
    ],
)
def test_coinbase_broken_match_is_a_frame_error_with_its_bytes(change: dict[str, Any]) -> None:
    frame = match(**change)
    with pytest.raises(FrameError) as caught:
        coinbase().read(frame)
    assert (caught.value.raw, caught.value.exchange) == (frame.encode(), "coinbase")


@pytest.mark.parametrize("frame", ["", "[]", "null", "{", b"\x00\xff", FRAMES[0][:60]])
def test_coinbase_unreadable_is_a_frame_error(frame: str | bytes) -> None:
    with pytest.raises(FrameError):
        coinbase().read(frame)


def test_coinbase_subscribes_to_matches_and_heartbeat() -> None:
    (frame,) = coinbase().subscriptions(["BTC-USD", "ETH-USD"], "match")
    assert json.loads(frame) == {"type": "subscribe", "product_ids": ["BTC-USD", "ETH-USD"], "channels": ["matches", "heartbeat"]}
    assert coinbase().url("wss://host", ["BTC-USD"], "match") == "wss://host"
