"""What the job `history` told beside the stream's ledger: every id has one state, whatever was told twice or in whatever order."""

from __future__ import annotations

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from log_strategies import T0, make_trade, space_of

from ctc.model import GapLedger, IdSpan
from ctc.quality.dedup import Gap
from ctc.quality.ledger import Ledger
from ctc.quality.settled import amended, still_open

SPACE = space_of("binance")
NOW = datetime(2026, 1, 5, tzinfo=UTC)


def span(state: str, first: int, last: int, at: datetime = NOW) -> IdSpan:
    trades = last - first + 1 if state == "backfilled" else 0
    return IdSpan(space=SPACE, state=state, first_id=first, last_id=last, trades=trades, started_at=at, ended_at=at)


def stream(states: dict[int, str]) -> GapLedger:
    """The view of a stream to which this happened, id by id."""
    ledger = Ledger(300)
    for number, state in states.items():
        if state in ("received", "backfilled"):
            trade = make_trade(T0 + number * 1000, "100", "1", trade_id=number, exchange="binance", side="buy")
            ledger.trade(msgspec.structs.replace(trade, is_backfilled=state == "backfilled"))
        elif state in ("lost", "natural"):
            gap = Gap(symbol="BTC-USDT", space=SPACE, first_id=number, last_id=number, declared_at=NOW, natural=state == "natural")
            ledger.gap(gap)
    ledger.spans()
    return ledger.state


def said(view: GapLedger) -> dict[int, str]:
    """The state of each id that was not simply received."""
    noted = [each for each in view.spaces[SPACE].noted if each.state != "halted"]
    found = {number: each.state for each in noted for number in range(each.first_id, each.last_id + 1)}
    assert len(found) == sum(each.last_id - each.first_id + 1 for each in noted), "no id twice"
    return found


STATES = st.sampled_from(["received", "received", "received", "backfilled", "lost", "natural", "never named"])
TOLD = st.sampled_from([None, "backfilled", "natural"])


@given(st.lists(st.tuples(STATES, TOLD), min_size=1, max_size=60), st.randoms(use_true_random=False))
def test_every_id_has_the_state_that_is_so(ids: list[tuple[str, str | None]], rng: random.Random) -> None:
    # The job tells of no id that the stream received: it merges what raw_trades has not.
    happened = {number: state for number, (state, _) in enumerate(ids, 1)}
    told = {number: told for number, (state, told) in enumerate(ids, 1) if told is not None and state not in ("received", "backfilled")}
    spans = [span(state, number, number) for number, state in told.items()]
    spans += rng.sample(spans, len(spans) // 2)  # a job that died told it twice
    rng.shuffle(spans)
    own = stream(happened)
    view = amended(own, spans)
    assert view is not None
    truth = {number: told.get(number, state) for number, state in happened.items() if told.get(number, state) != "never named"}
    if not truth:
        assert view == GapLedger()
        return
    space = view.spaces[SPACE]
    assert {state: count for state, count in space.ids.items() if count} == dict(Counter(truth.values()))
    assert said(view) == {number: state for number, state in truth.items() if state != "received"}
    bounds = [number for each in own.spaces.values() for number in (each.first_id, each.last_id)]
    assert (space.first_id, space.last_id) == (min([*told, *bounds]), max([*told, *bounds]))
    assert still_open(space) == sum(number not in truth for number in range(min(truth), max(truth) + 1))


def test_runs_of_the_history_are_cut_out_of_what_was_lost() -> None:
    ledger = stream({number: "lost" if 100 <= number < 120 else "received" for number in range(1, 200)})
    early = NOW - timedelta(hours=1)
    runs = [(105, 111, early), (103, 107, NOW), (250, 251, NOW)]
    view = amended(ledger, [span("natural", 112, 112), *(span("backfilled", *run) for run in runs)])
    assert view is not None
    space = view.spaces[SPACE]
    assert space.ids == {"received": 179, "lost": 10, "backfilled": 11, "natural": 1}
    assert {number for number, state in said(view).items() if state == "lost"} == {100, 101, 102, *range(113, 120)}
    came = [(each.first_id, each.last_id, each.trades) for each in space.noted if each.state == "backfilled"]
    assert came == [(103, 111, 9), (250, 251, 2)]
    assert (space.first_id, space.last_id, space.newest) == (1, 251, NOW)


def test_what_the_stream_brings_after_the_history_counts_once() -> None:
    told = [span("backfilled", 4, 6)]
    later = stream({3: "received", 4: "lost", 5: "backfilled", 6: "lost", 7: "received"})
    view = amended(later, told)
    assert view is not None
    assert view.spaces[SPACE].ids == {"received": 2, "lost": 0, "backfilled": 3}


def test_without_a_stream_the_history_is_all_there_is() -> None:
    assert amended(None, []) is None
    view = amended(None, [span("backfilled", 8, 9), span("backfilled", 1, 5)])
    assert view is not None
    assert view.spaces[SPACE].ids == {"backfilled": 7}
    assert (view.spaces[SPACE].first_id, view.spaces[SPACE].last_id) == (1, 9)


def test_the_view_stays_bounded() -> None:
    view = amended(stream({1: "received"}), [span("backfilled", number, number) for number in range(2, 2000, 2)])
    assert view is not None
    assert len(view.spaces[SPACE].noted) == 100
    assert view.spaces[SPACE].ids == {"received": 1, "backfilled": 999}
