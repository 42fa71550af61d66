"""Letters read again: what a fixed decoder or rule makes of them, and what stays."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from samples_quality import LINES, NOON, RECORDS, SYMBOL, a_trade, beat

from ctc.codec import encode_line, pack
from ctc.model import to_us
from ctc.quality.letters import Letter, Refused, letter_of
from ctc.settings import load_profile
from ctc.sources.letters import Again, Reader

SETTINGS = load_profile("sim")
EVENT = {"e": "aggTrade", "E": 1768478400500, "s": "BTCUSDT", "a": 900, "p": "67432.5", "q": "2", "T": 1768478400500, "m": True}


def letter(raw: bytes, **changes: Any) -> Letter:
    refused = Refused("malformed", ("why",), raw, SYMBOL, "s", "5", 0, to_us(NOON), ("not_json",))
    return letter_of(msgspec.structs.replace(refused, **changes), SETTINGS.session.symbols)


def frame(body: Any, exchange: str = "binance", **changes: Any) -> Again:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reader(SETTINGS).read(letter(raw, **{"source": "frames", "exchange": exchange, "received": NOON, **changes}))


def lines(raw: bytes) -> Again:
    return Reader(SETTINGS).read(letter(raw))


def test_frame_that_its_reader_knows_now_is_a_trade_of_when_it_was_received() -> None:
    found = frame(EVENT)
    (trade,) = found.trades
    assert (trade.symbol, trade.trade_id, trade.ingestion_timestamp, found.outcome) == (SYMBOL, 900, NOON, "1 trade")
    (trade,) = frame({"stream": "btcusdt@aggTrade", "data": EVENT}, received=None).trades
    assert trade.ingestion_timestamp == NOON  # when the letter arrived, where it does not say


def test_frame_without_a_trade_of_ours_says_why() -> None:
    assert frame(b"{").outcome.startswith("still refused: binance: not a JSON object")
    assert frame({**EVENT, "s": "DOGEUSDT"}).outcome == "a market that this session does not follow"
    assert frame({**EVENT, "e": "trade", "t": 5}).outcome == "a market that this session does not follow"  # the other kind
    assert frame({"e": "24hrMiniTicker", "s": "BTCUSDT", "E": 1}).outcome == "no trade: miniTicker"
    assert frame(EVENT, "nowhere").outcome == "still refused: no exchange 'nowhere' in this session"
    assert frame(EVENT, cut_from=2_000_000).outcome == "still refused: cut from 2,000,000 bytes: the rest is gone"


def test_line_that_keeps_to_the_rules_now_is_sent_under_its_own_symbol() -> None:
    moved = a_trade(1, symbol="ETH-USDT", native_symbol="ETHUSDT")
    assert lines(encode_line(moved)).trades == (moved,)


def test_record_gives_all_its_trades_and_says_what_stays() -> None:
    trades = [a_trade(n, timestamp=NOON + timedelta(seconds=n)) for n in range(3)]
    found = lines(pack([*(encode_line(trade) for trade in trades), b"broken"]))
    assert (found.trades, found.outcome) == (tuple(trades), "3 trades, 1 more still refused")


def test_heartbeats_are_not_sent_again() -> None:
    assert lines(beat()).outcome == "a heartbeat, whose time has passed"


def test_what_breaks_a_rule_still_breaks_it() -> None:
    for name, raw in {**LINES, **RECORDS}.items():
        if name != "heartbeat_symbol_not_allowed":
            again = lines(raw)
            assert (again.trades, again.outcome[:14]) == ((), "still refused:"), name


@given(st.binary(max_size=300), st.booleans())
def test_any_letter_has_an_outcome(raw: bytes, is_frame: bool) -> None:
    assert (frame(raw) if is_frame else lines(raw)).outcome
