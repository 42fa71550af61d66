"""The ledger says of every id what became of it, whatever the order and the cuts."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from log_strategies import T0, make_trade, space_of

from ctc.model import GapLedger, IdSpan, Trade, from_us
from ctc.quality.dedup import Gap
from ctc.quality.ledger import PRESENT, Ledger
from ctc.quality.settled import settle, still_open

SPACE = space_of("binance")
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def trade(number: int, second: float | None = None, *, late: bool = False) -> Trade:
    us = T0 + int((number if second is None else second) * 1_000_000)
    made = make_trade(us, "100", "1", trade_id=number, exchange="binance", side="buy")
    return msgspec.structs.replace(made, is_backfilled=late)


def gap(first: int, last: int, *, natural: bool = False) -> Gap:
    return Gap(symbol="BTC-USDT", space=SPACE, first_id=first, last_id=last, declared_at=NOW, natural=natural)


def told(spans: list[IdSpan]) -> list[tuple[str, int, int, int]]:
    return [(span.state, span.first_id, span.last_id, span.trades) for span in spans]


def test_ledger_tells_received_from_backfilled_lost_and_natural() -> None:
    ledger = Ledger(300)
    for number in (1, 2, 3, 7, 8):
        ledger.trade(trade(number, late=number in (2, 3)))
    ledger.gap(gap(4, 5))
    ledger.gap(gap(6, 6, natural=True))
    found = settle(ledger.spans())
    assert told(found) == [("received", 1, 1, 1), ("backfilled", 2, 3, 2), ("lost", 4, 5, 0), ("natural", 6, 6, 0), ("received", 7, 8, 2)]
    assert found[1].started_at == from_us(T0 + 2_000_000)
    assert found[1].ended_at == from_us(T0 + 3_000_000)
    assert ledger.state.spaces[SPACE].ids == {"received": 3, "backfilled": 2, "lost": 2, "natural": 1}


def test_ledger_takes_what_came_after_all_off_the_lost() -> None:
    ledger = Ledger(300)
    ledger.trade(trade(1))
    ledger.trade(trade(5))
    ledger.gap(gap(2, 4))
    early = ledger.spans()
    ledger.trade(trade(3, late=True))
    spans = early + ledger.spans()
    assert told(settle(spans)) == [
        ("received", 1, 1, 1),
        ("lost", 2, 2, 0),
        ("backfilled", 3, 3, 1),
        ("lost", 4, 4, 0),
        ("received", 5, 5, 1),
    ]
    assert ledger.state.spaces[SPACE].ids == {"received": 2, "backfilled": 1, "lost": 2}
    assert told(ledger.state.spaces[SPACE].noted) == [("lost", 2, 2, 0), ("lost", 4, 4, 0), ("backfilled", 3, 3, 1)]


def test_lost_range_that_is_filled_later_is_backfilled_wherever_the_batches_are_cut() -> None:
    for cut in (0, 3, 4, 5):
        ledger = Ledger(300)
        ledger.trade(trade(1))
        ledger.trade(trade(6))
        ledger.gap(gap(2, 5))
        spans = ledger.spans()
        for number in (2, 3, 4, 5):
            spans += ledger.spans() if number == cut else []
            ledger.trade(trade(number, late=True))
        spans += ledger.spans()
        assert told(settle(spans)) == [("received", 1, 1, 1), ("backfilled", 2, 5, 4), ("received", 6, 6, 1)]
        assert ledger.state.spaces[SPACE].ids == {"received": 2, "backfilled": 4, "lost": 0}
        assert told(ledger.state.spaces[SPACE].noted) == [("backfilled", 2, 5, 4)]


def test_lost_ids_that_the_exchange_is_found_to_skip_are_natural() -> None:
    ledger = Ledger(300)
    ledger.skipped(SPACE, 1, 2, NOW)  # of a space that nothing is known of
    ledger.trade(trade(1))
    ledger.trade(trade(9))
    ledger.gap(gap(2, 8))
    spans = ledger.spans()
    for _ in range(2):  # as two producers tell it
        ledger.skipped(SPACE, 4, 6, NOW)
    ledger.trade(trade(3, late=True))
    spans += ledger.spans()
    assert told(settle(spans)) == [
        ("received", 1, 1, 1),
        ("lost", 2, 2, 0),
        ("backfilled", 3, 3, 1),
        ("natural", 4, 6, 0),
        ("lost", 7, 8, 0),
        ("received", 9, 9, 1),
    ]
    assert ledger.state.spaces[SPACE].ids == {"received": 2, "backfilled": 1, "lost": 3, "natural": 3}
    assert told(ledger.state.spaces[SPACE].noted) == [("lost", 2, 2, 0), ("lost", 7, 8, 0), ("natural", 4, 6, 0), ("backfilled", 3, 3, 1)]


def test_ledger_calls_a_long_silence_without_a_missing_id_halted() -> None:
    ledger = Ledger(300)
    ledger.trade(trade(1, 0))
    ledger.spans()
    ledger.trade(trade(2, 299))
    ledger.trade(trade(3, 600))
    assert told(settle(ledger.spans())) == [("received", 2, 3, 2), ("halted", 2, 3, 0)]
    ledger.trade(trade(9, 1200))  # ids are missing: a loss is not a halt
    assert told(ledger.spans()) == [("received", 9, 9, 1)]


def test_ledger_says_nothing_of_ids_that_are_not_dense() -> None:
    ledger = Ledger(300)
    ledger.trade(make_trade(T0, "1", "1", trade_id=9, exchange="hyperliquid", side="buy"))
    assert ledger.spans() == []
    assert ledger.state == GapLedger()


@given(st.integers(0, 2**32), st.integers(1, 200))
def test_ledger_accounts_for_every_id_whatever_the_order_and_the_cuts(seed: int, count: int) -> None:
    rng = random.Random(seed)
    ids = [number for number in range(1, count + 1) if rng.random() < 0.8]
    late = {number for number in ids if rng.random() < 0.2}
    missing = sorted(set(range(1, count + 1)) - set(ids))
    order = sorted(ids, key=lambda number: number + rng.choice([0, 0, 0, 30]))
    ledger, spans, state = Ledger(300), [], None
    for number in order:
        ledger.trade(trade(number, late=number in late))
        if rng.random() < 0.1:
            spans += ledger.spans()
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(ledger.state), type=GapLedger)
            ledger = Ledger(300, state)
    for number in missing:
        ledger.gap(gap(number, number))
    found = settle(spans + ledger.spans())
    said = {number: span.state for span in found for number in range(span.first_id, span.last_id + 1)}
    assert said == {n: "lost" if n in missing else "backfilled" if n in late else "received" for n in range(1, count + 1)}
    assert sum(span.trades for span in found if span.state in PRESENT) == len(ids)
    assert all(span.trades == span.last_id - span.first_id + 1 for span in found if span.state in PRESENT)


def test_ledger_stays_bounded_where_ids_jump_all_the_time() -> None:
    ledger = Ledger(300)
    for number in range(0, 10_000, 2):
        ledger.trade(trade(number, 0))
        ledger.gap(gap(number + 1, number + 1))
    assert sum(span.trades for span in ledger.spans()) == 5000
    assert len(ledger.state.spaces[SPACE].noted) == 100
    assert ledger.state.spaces[SPACE].ids == {"received": 5000, "lost": 5000}


def test_ids_that_nothing_was_told_of_are_open_until_they_are_given_up_or_come() -> None:
    ledger = Ledger(300)
    for number in (1, 2, 6, 9):
        ledger.trade(trade(number))
    ledger.gap(gap(7, 7, natural=True))
    spans = ledger.spans()
    assert told(settle(spans)) == [
        ("received", 1, 2, 2),
        ("open", 3, 5, 0),
        ("received", 6, 6, 1),
        ("natural", 7, 7, 0),
        ("open", 8, 8, 0),
        ("received", 9, 9, 1),
    ]
    assert (settle(spans)[1].started_at, settle(spans)[1].ended_at) == (from_us(T0 + 2_000_000), from_us(T0 + 6_000_000))
    assert still_open(ledger.state.spaces[SPACE]) == 4
    ledger.gap(gap(3, 5))
    ledger.trade(trade(8, late=True))
    spans += ledger.spans()
    assert [span for span in settle(spans) if span.state == "open"] == []
    assert still_open(ledger.state.spaces[SPACE]) == 0


def test_settled_times_span_what_was_joined() -> None:
    early, late = NOW, NOW + timedelta(hours=1)
    spans = [
        IdSpan(space=SPACE, state="received", first_id=first, last_id=first + 9, trades=10, started_at=at, ended_at=at)
        for first, at in ((1, early), (11, late))
    ]
    joined = settle(reversed(spans))
    assert told(joined) == [("received", 1, 20, 20)]
    assert (joined[0].started_at, joined[0].ended_at) == (early, late)
