"""Hyperliquid frames in, exact readings out."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ctc.codec import encode_line, read_record
from ctc.errors import FrameError
from ctc.exchanges import Hyperliquid
from ctc.model import Parties, Reject
from ctc.quality.dedup import is_dense
from ctc.settings import machine

REALDATA = Path(__file__).parents[1] / "fixtures" / "realdata"
LINES = gzip.decompress((REALDATA / "hyperliquid_btc_ws_20250126.excerpt.gz").read_bytes()).splitlines()
FRAMES = [line.partition(b" ")[2] for line in LINES]
TRADES = [frame for frame in FRAMES if b'"trades"' in frame]
SINGLE = next(frame for frame in TRADES if frame.count(b'"tid"') == 1)


def hyperliquid() -> Hyperliquid:
    return Hyperliquid({"BTC": "BTC-PERP"}, "perp")


def trades(**changes: Any) -> str:
    """A frame of one trade with some fields changed; None takes one out."""
    fields = {**json.loads(SINGLE)["data"][0], **changes}
    return json.dumps({"channel": "trades", "data": [{name: value for name, value in fields.items() if value is not None}]})


def test_hyperliquid_trade_becomes_exact_row() -> None:
    received = datetime(2025, 1, 26, 19, 14, 7, 319919, tzinfo=UTC)
    (trade,) = hyperliquid().read(SINGLE, received).trades
    assert (trade.symbol, trade.native_symbol, trade.quote_currency) == ("BTC-PERP", "BTC", "USD")
    assert (trade.exchange, trade.market, trade.kind, trade.trade_id) == ("hyperliquid", "perp", "trade", 917211710228416)
    assert (trade.price, trade.quantity) == (Decimal("105056.0"), Decimal("0.02222"))
    assert trade.quote_volume == Decimal("2334.344320")
    assert trade.side == "buy"
    assert trade.timestamp == datetime(2025, 1, 26, 19, 14, 7, tzinfo=UTC)
    assert (trade.ingestion_timestamp, trade.raw_event_payload) == (
        received,
        json.dumps(json.loads(SINGLE)["data"][0], separators=(",", ":")),
    )
    assert trade.parties == Parties(
        buyer="0x8a43b5424eb06a3e79bc6036c8cae55417fada0e", seller="0x6802b4267f7f2bf7003dcf993c51542245b38329", hash="0x" + "0" * 64
    )
    assert not is_dense(trade.space)


def test_hyperliquid_side_is_the_takers_one_order_has_one_wallet_on_it() -> None:
    """The recording's larger sweeps: prints of one transaction share the wallet of the side that took."""
    reading = hyperliquid().read(next(frame for frame in TRADES if frame.count(b'"tid"') == 7))
    assert {trade.side for trade in reading.trades} == {"sell"}
    assert len({trade.parties.hash for trade in reading.trades if trade.parties}) == 1
    assert len({trade.parties.seller for trade in reading.trades if trade.parties}) == 1
    assert len({trade.parties.buyer for trade in reading.trades if trade.parties}) == 3


def test_hyperliquid_frame_of_many_trades_gives_each_its_own_part() -> None:
    reading = hyperliquid().read(TRADES[0])
    assert (reading.kind, len(reading.trades), reading.native_symbol) == ("trades", 30, "BTC")
    assert [json.loads(trade.raw_event_payload)["tid"] for trade in reading.trades] == [trade.trade_id for trade in reading.trades]
    assert all(trade.raw_event_payload.encode() in TRADES[0] for trade in reading.trades)
    assert reading.event_time == max(trade.timestamp for trade in reading.trades)


def test_hyperliquid_history_that_ids_are_not_remembered_for_is_left_out() -> None:
    """Subscribing to a quiet market brings trades of hours ago, again and again."""
    newest = hyperliquid().read(TRADES[0]).trades[-1].timestamp
    assert len(hyperliquid().read(TRADES[0], newest + timedelta(minutes=29)).trades) == 30
    reading = hyperliquid().read(TRADES[0], newest + timedelta(hours=2))
    assert (reading.trades, reading.event_time) == ((), newest)


def test_hyperliquid_addresses_are_written_small() -> None:
    users = ["0x8A43B5424EB06A3E79BC6036C8CAE55417FADA0E", "0x6802b4267f7f2bf7003dcf993c51542245b38329"]
    (trade,) = hyperliquid().read(trades(users=users)).trades
    assert trade.parties is not None
    assert (trade.parties.buyer, trade.parties.seller) == (users[0].lower(), users[1])


def test_hyperliquid_trade_is_itself_after_the_wire_and_wallets_are_whole_or_a_reject() -> None:
    (trade,) = hyperliquid().read(SINGLE).trades
    line = encode_line(trade)
    assert read_record(line) == [trade]
    for broken in (line.replace(b"0x8a43", b"0x8a4"), line.replace(b'"seller"', b'"sold_by"')):
        (reject,) = read_record(broken)
        assert isinstance(reject, Reject)
        assert (reject.category, reject.rules) == ("malformed", ("wrong_type",))


@pytest.mark.parametrize(
    ("coin", "named"),
    [("BTC", ("BTC-PERP", "perp", "USD")), ("kPEPE", ("kPEPE-PERP", "perp", "USD")), ("PURR/USDC", ("PURR/USDC", "spot", "USDC")),
     ("@107", ("@107", "spot", ""))],
)  # fmt: skip
def test_hyperliquid_perpetual_futures_have_names_of_their_own(coin: str, named: tuple[str, str, str]) -> None:
    (trade,) = Hyperliquid().read(trades(coin=coin)).trades
    assert (trade.symbol, trade.market, trade.quote_currency) == named


def test_hyperliquid_book_says_the_time() -> None:
    book = next(frame for frame in FRAMES if b'"l2Book"' in frame)
    reading = hyperliquid().read(book)
    assert (reading.kind, reading.trades, reading.native_symbol) == ("l2Book", (), "BTC")
    assert reading.event_time == datetime(2025, 1, 26, 19, 14, 3, 542000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        ('{"channel":"subscriptionResponse","data":{"method":"subscribe"}}', "subscriptionResponse"),
        ('{"channel":"pong"}', "pong"),
        ('{"channel":"trades","data":[]}', "trades"),
        ('{"channel":"allMids","data":{"mids":{"BTC":"1"}}}', "allMids"),
        ('{"channel":"bbo","data":[7]}', "bbo"),
        ('{"channel":"l2Book","data":{"coin":7,"time":"late"}}', "l2Book"),
    ],
)  # fmt: skip
def test_hyperliquid_other_frames_are_named(frame: str, kind: str) -> None:
    reading = hyperliquid().read(frame)
    assert (reading.kind, reading.trades, reading.event_time, reading.error) == (kind, (), None, None)
    assert hyperliquid().identify(frame) is None


def test_hyperliquid_error_is_explained() -> None:
    reading = hyperliquid().read('{"channel":"error","data":"Invalid subscription {\\"type\\":\\"trades\\",\\"coin\\":\\"BTCC\\"}"}')
    assert reading.error is not None
    assert "Hyperliquid refused" in reading.error
    assert "BTCC" in reading.error
    assert "profile" in reading.error


@pytest.mark.parametrize(
    "change",
    [
        *({name: None} for name in ("coin", "side", "px", "sz", "time", "tid", "users", "hash")),
        {"side": "buy"},
        {"px": "x"},
        {"px": "-1"},
        {"sz": "0"},
        {"time": 1737918847},
        {"time": "1737918847000"},
        {"tid": -1},
        {"tid": "7"},
        {"users": []},
        {"users": ["0x" + "0" * 40]},
        {"users": ["0x" + "0" * 40, "0x" + "g" * 40]},
        {"users": ["0x" + "0" * 40] * 3},
        {"hash": "0x00"},
        {"hash": "0x" + "0" * 64 + "\n"},
    ],
)
def test_hyperliquid_broken_trade_is_a_frame_error_with_the_whole_frame(change: dict[str, Any]) -> None:
    body = json.loads(TRADES[0])
    body["data"] += json.loads(trades(**change))["data"]
    frame = json.dumps(body)
    with pytest.raises(FrameError) as caught:
        hyperliquid().read(frame)
    assert (caught.value.raw, caught.value.exchange) == (frame.encode(), "hyperliquid")


@pytest.mark.parametrize(
    "frame", ["", "[]", "null", "{", b"\x00\xff", "{}", '{"channel":7}', '{"channel":"trades"}', SINGLE[:90]]
)  # fmt: skip
def test_hyperliquid_unreadable_is_a_frame_error(frame: str | bytes) -> None:
    with pytest.raises(FrameError):
        hyperliquid().read(frame)


def test_hyperliquid_subscribes_to_book_and_trades_of_each_coin_and_then_pings() -> None:
    asked = [json.loads(frame) for frame in hyperliquid().subscriptions(["BTC", "ETH"], "trade")]
    wanted = [(each["subscription"]["type"], each["subscription"]["coin"]) for each in asked[:-1]]
    assert wanted == [("l2Book", "BTC"), ("trades", "BTC"), ("l2Book", "ETH"), ("trades", "ETH")]
    assert {each["method"] for each in asked[:-1]} == {"subscribe"}
    assert asked[-1] == {"method": "ping"}
    assert hyperliquid().url("wss://api.hyperliquid.xyz", ["BTC"], "trade") == "wss://api.hyperliquid.xyz/ws"


def test_hyperliquid_whole_recording() -> None:
    folder = machine("CTC_REALDATA")
    if not folder:
        pytest.skip("CTC_REALDATA names no folder of recordings")
    lines = gzip.decompress((Path(folder) / "hyperliquid_btc_ws_20250126.gz").read_bytes()).splitlines()
    found = [trade for line in lines for trade in hyperliquid().read(line.partition(b" ")[2]).trades]
    assert (len(found), len({trade.trade_id for trade in found})) == (64, 64)
    assert len({address for trade in found if trade.parties for address in (trade.parties.buyer, trade.parties.seller)}) == 31
