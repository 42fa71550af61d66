"""The detectors against awkward input: each log runs through the fold, cut at random, and through the reference, and both do what
docs/FOLDS.md says of it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from comparing import expected, first_difference, run_fold, without_message
from log_strategies import MINUTE, SECOND, SYMBOL, T0, Log, Tape, batches, make_heartbeat, make_trade, small_settings

from ctc.detect.fold import SymbolFold
from ctc.detect.rules import MAX_AMOUNT, MAX_RATIO
from ctc.model import Alert, Bar, Position, from_us
from ctc.settings import Settings, load_profile
from sim.reference import Reference, Result, reference

FULL = load_profile("sim")
SMALL = small_settings()
HOUR_S = 3600


def agreed(tape: Tape, chosen: Settings = FULL) -> Result:
    """The reference's result, once the fold has said the same however the log was cut."""
    log, wanted = tape.log, reference(tape.log, SYMBOL, chosen)
    for seed in range(3):
        rng = random.Random(seed)
        at = sorted(rng.sample(range(len(log)), min(len(log), rng.choice([1, 20, 200]))))
        found = run_fold(batches(log, at), chosen, restored=bool(seed))
        assert first_difference(found, expected(wanted)) == ""
    if len(log) < 3_000:
        assert first_difference(run_fold([[entry] for entry in log], chosen, restored=True), expected(wanted)) == ""
    return wanted


def of(result: Result, rule: str) -> list[Alert]:
    return [alert for alert in result.alerts if alert.rule == rule]


def bars(result: Result, exchange: str = "binance") -> list[Bar]:
    return [bar for bar in result.bars if bar.exchange == exchange]


def minutes(tape: Tape, first: int, last: int, sizes: Any = "1", exchanges: tuple[str, ...] = ("binance", "coinbase")) -> None:
    """A trade a minute of each exchange, at 100, and a heartbeat every ten seconds; `sizes` is one size or a function of the minute."""
    for minute in range(first, last):
        for exchange in exchanges:
            tape.trade(minute * 60 + 1, "100", sizes if isinstance(sizes, str) else sizes(minute), exchange)
        tape.beats(minute * 60 + 10, minute * 60 + 60, 10)


# --- zero variance and empty hours ---------------------------------------------------------------------------------------------------


def test_hour_of_zero_variance_has_no_scores_and_raises_no_volume_alert() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 60)
    tape.trade(60 * 60 + 5, "100", "900")  # ninety thousand against a hundred a minute
    tape.trade(60 * 60 + 6, "100", "2000")  # and a whale
    tape.beats(60 * 60 + 10, 60 * 60 + 70, 10)
    result = agreed(tape)
    spike = bars(result)[60]
    assert (spike.rolling_std, spike.rolling_mean, spike.baseline_bars) == (Decimal(0), Decimal(100), 60)
    assert (spike.z_score, spike.robust_score) == (None, None)
    assert [alert.rule for alert in result.alerts] == ["whale.single"]


def test_variance_of_the_smallest_unit_is_enough_for_a_score() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 30, lambda minute: "1.00000001" if minute == 7 else "1")
    tape.trade(30 * 60 + 5, "100", "1.00000002")
    tape.beats(30 * 60 + 10, 30 * 60 + 70, 10)
    result = agreed(tape)
    last = bars(result)[30]
    assert last.rolling_std == Decimal("0.00000018")  # of 1e-6 / sqrt(30), rounded for show
    assert last.z_score is not None
    assert last.z_score > 10
    assert last.robust_score is None  # the median's neighbours are all equal
    assert [alert.revision for alert in of(result, "volume.z") if alert.exchange == "binance"] == [0, 1]


def test_empty_hours_of_connected_venues_are_bars_of_nothing_and_measure_nothing() -> None:
    tape = Tape()
    tape.beats(0, 2 * HOUR_S, 10)
    tape.trade(2 * HOUR_S + 1, "100", "5")
    tape.beats(2 * HOUR_S + 10, 2 * HOUR_S + 70, 10)
    result = agreed(tape)
    assert len(bars(result)) == len(bars(result, "coinbase")) == 121
    assert all((bar.trade_count, bar.quote_volume, bar.complete) == (0, 0, True) for bar in bars(result)[:120])
    assert (bars(result)[120].rolling_std, bars(result)[120].z_score, bars(result)[120].robust_score) == (0, None, None)
    assert (result.alerts, result.spreads) == ([], [])


def test_empty_hour_after_a_busy_one_is_a_drought_once_and_then_usual() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 60, lambda minute: str(1 + Decimal(minute % 3) / 100))
    tape.beats(60 * 60 + 10, 180 * 60, 10)
    result = agreed(tape)
    droughts = [alert for alert in of(result, "volume.z") if alert.exchange == "binance"]
    assert droughts[0].window_start == from_us(T0 + 60 * MINUTE)
    assert (droughts[0].final, droughts[0].revision, droughts[0].shard) == (True, 0, None)
    assert droughts[0].detected_at == from_us(T0 + 61 * MINUTE + 10 * SECOND)  # the first heartbeat past the lateness
    assert all(alert.z_score is not None and alert.z_score < Decimal("-2.5") for alert in droughts)
    assert 1 <= len(droughts) < 15  # emptiness becomes the rule
    assert bars(result)[-1].rolling_std == 0
    robust = [alert.window_start for alert in of(result, "volume.robust") if alert.exchange == "binance"]
    assert all((b - a).total_seconds() > 300 for a, b in pairwise(robust) if a and b)


# --- the first hour of a symbol ------------------------------------------------------------------------------------------------------


def test_first_hour_of_a_symbol_measures_nothing_before_twenty_whole_minutes() -> None:
    tape = Tape()
    tape.beat(30)  # the first minute is not whole
    minutes(tape, 1, 24, lambda minute: "500" if minute in (20, 21) else str(1 + Decimal(minute % 2) / 10))
    tape.beats(24 * 60 + 10, 24 * 60 + 70, 10)
    result = agreed(tape)
    found = {int((bar.window_start - from_us(T0)).total_seconds()) // 60: bar for bar in bars(result)}
    assert 0 not in found  # its one heartbeat speaks of no time
    assert [found[minute].baseline_bars for minute in (1, 2, 20, 21)] == [0, 1, 19, 20]
    assert (found[20].z_score, found[20].rolling_mean, found[20].robust_score) == (None, None, None)
    assert found[21].z_score is not None
    fired = {alert.window_start for alert in result.alerts if alert.type == "volume_spike"}
    assert fired == {from_us(T0 + 21 * MINUTE)}


def test_first_hour_grows_the_baseline_to_sixty_bars_and_no_further() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 75, lambda minute: str(minute + 1))
    tape.beat(75 * 60 + 10)
    counts = [bar.baseline_bars for bar in bars(agreed(tape))]
    assert counts == [*range(60), *[60] * 15]


# --- silent venues -------------------------------------------------------------------------------------------------------------------


def test_one_silent_venue_that_is_connected_is_a_drought_and_leaves_no_spread() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 30, lambda minute: str(1 + Decimal(minute % 3) / 100))
    minutes(tape, 30, 40, lambda minute: str(1 + Decimal(minute % 3) / 100), ("coinbase",))
    tape.beat(40 * 60 + 10)
    result = agreed(tape)
    assert [bar.trade_count for bar in bars(result)[30:]] == [0] * 10
    assert {alert.exchange for alert in of(result, "volume.z")} == {"binance"}
    assert all(spread.window_start < from_us(T0 + 30 * MINUTE) for spread in result.spreads)
    assert len(result.spreads) == 30


def test_one_venue_that_is_away_is_missing_and_no_drought() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 30, lambda minute: str(1 + Decimal(minute % 3) / 100))
    for minute in range(30, 40):
        tape.trade(minute * 60 + 1, "100", "1.01", "coinbase")
        tape.beats(minute * 60 + 10, minute * 60 + 60, 10, down=("binance",))
    tape.trade(40 * 60 + 1, "100", "1.01", "coinbase")
    minutes(tape, 41, 44, "1.01")
    tape.beat(44 * 60 + 10)
    result = agreed(tape)
    starts = [(bar.window_start - from_us(T0)).total_seconds() / 60 for bar in bars(result)]
    assert starts == [*range(30), 41, 42, 43]  # minute 30 saw it lost, minute 40 begins with the last heartbeat that says so
    assert bars(result)[-1].baseline_bars == 32
    assert result.alerts == []
    assert len(bars(result, "coinbase")) == 44


def test_both_venues_silent_close_their_minutes_all_the_same() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 25, lambda minute: str(1 + Decimal(minute % 3) / 100))
    tape.beats(25 * 60 + 10, 30 * 60, 10)
    result = agreed(tape)
    assert [bar.trade_count for bar in bars(result)[25:]] == [0] * 4
    assert {alert.exchange for alert in of(result, "volume.z")} == {"binance", "coinbase"}
    assert [alert.exchange for alert in of(result, "volume.z")][:2] == ["binance", "coinbase"]  # in the order of their names


def test_both_venues_away_for_hours_leave_nothing_and_forget_the_baseline() -> None:
    tape = Tape()
    tape.beat(0)
    minutes(tape, 0, 30, lambda minute: str(1 + Decimal(minute % 3) / 100))
    tape.beats(30 * 60 + 10, 150 * 60, 10, down=("binance", "coinbase"))
    minutes(tape, 151, 153, "500")
    tape.beat(153 * 60 + 10)
    result = agreed(tape)
    assert len(bars(result)) == 32
    assert [bar.baseline_bars for bar in bars(result)[30:]] == [0, 1]
    assert of(result, "volume.z") == of(result, "volume.robust") == []


# --- the peg -------------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("binance", "coinbase", "peg", "rules", "cause"),
    [
        ("102", "100", "0.98", ["spread.raw"], "peg"),  # USDT fell two percent: all that is apart is the peg's
        ("102", "100", "1", ["spread.raw", "spread.peg"], "venue"),
        ("104", "100", "0.98", ["spread.raw", "spread.peg"], "venue"),  # a de-peg and a venue that is off
        ("100", "100", "0.98", ["spread.peg"], "venue"),  # a de-peg hides it
        ("102", "100", None, ["spread.raw"], "venue"),  # nobody knows the peg
        ("100.4", "100", "0.998", [], None),
    ],
)
def test_de_peg_is_told_from_a_venue_that_is_off(binance: str, coinbase: str, peg: str | None, rules: list[str], cause: str | None) -> None:
    tape = Tape()
    tape.beat(0, peg=peg)
    tape.trade(1, binance, "1", "binance")
    tape.trade(2, coinbase, "1", "coinbase")
    tape.beats(10, 60, 10, peg=peg)
    result = agreed(tape)
    assert [alert.rule for alert in result.alerts] == rules
    assert {alert.cause for alert in result.alerts} == ({cause} if cause else set())
    assert result.spreads[0].peg == (None if peg is None else Decimal(peg))


def test_de_peg_within_a_window_counts_as_it_stood_at_the_windows_end() -> None:
    tape = Tape()
    tape.beat(0, peg="1")
    tape.trade(1, "102", "1", "binance")
    tape.trade(2, "100", "1", "coinbase")
    tape.beat(10, peg="1")
    tape.beat(30, peg="0.98")  # at the end: it counts
    tape.beat(31, peg="0.5")
    tape.beats(40, 60, 10, peg="0.5")
    result = agreed(tape)
    assert [spread.peg for spread in result.spreads] == [Decimal("0.98")]
    assert [(alert.rule, alert.cause) for alert in result.alerts] == [("spread.raw", "peg")]


# --- amounts at their limits ---------------------------------------------------------------------------------------------------------

LOWEST, HIGHEST = "0.000000000000000001", "99999999999999999999"


def test_prices_at_the_tick_limits_keep_every_digit_or_stop_at_the_column() -> None:
    tape = Tape()
    tape.beat(0, peg="1")
    for minute in range(6):
        tape.trade(minute * 60 + 1, LOWEST, "1", "binance", "buy")
        tape.trade(minute * 60 + 1, "0.00000001", "1", "coinbase", "sell")
        tape.beats(minute * 60 + 10, minute * 60 + 60, 10, peg="1")
    for _ in range(3):  # together beyond a decimal(38,18)
        tape.trade(361, HIGHEST, "1", "binance", "sell")
    tape.trade(362, LOWEST, "1", "coinbase", "buy")
    tape.beats(370, 440, 10, peg="1")
    result = agreed(tape, SMALL)
    assert bars(result)[0].quote_volume == Decimal(LOWEST)
    assert bars(result)[6].quote_volume == MAX_AMOUNT
    assert [alert.quote_volume for alert in of(result, "whale.single")] == [Decimal(HIGHEST)] * 3
    assert of(result, "whale.split")[-1].quote_volume == MAX_AMOUNT
    assert result.spreads[0].spread_pct == Decimal("-99.99999999")
    assert result.spreads[-1].spread_pct == MAX_RATIO
    for name in ("z_score", "robust_score", "rolling_mean", "rolling_std", "quote_volume", "volume"):
        assert all(getattr(bar, name) is None or getattr(bar, name).copy_abs() <= MAX_RATIO for bar in result.bars)


def test_one_tick_beside_the_whale_threshold_decides() -> None:
    tape = Tape()
    tape.beat(0)
    tape.trade(1, "100000", "1")  # not above
    tape.trade(2, "100000.000000000000000001", "1")
    tape.trade(3, "99999.999999999999999999", "1")
    tape.trade(4, "50000", "1", side="sell")
    tape.trade(4, "50000", "1", side="sell")  # together not above
    tape.trade(5, "50000", "1", side="sell")
    tape.trade(5, "50000.000000000000000001", "1", side="sell")
    tape.beats(10, 20, 1)
    result = agreed(tape)
    assert [alert.first_trade_id for alert in of(result, "whale.single")] == [2]
    assert [(alert.first_trade_id, alert.last_trade_id, alert.revision) for alert in of(result, "whale.split")] == [(6, 7, 0), (6, 7, 1)]


def test_quantities_of_one_unit_add_up_exactly() -> None:
    tape = Tape()
    tape.beat(0)
    for minute in range(5):
        for number in range(200 + minute):
            tape.trade(minute * 60 + number / 10, "0.00000003", "0.00000001")
        tape.beats(minute * 60 + 30, minute * 60 + 60, 10)
    tape.beat(310)
    result = agreed(tape, SMALL)
    assert [bar.volume for bar in bars(result)] == [Decimal(200 + minute).scaleb(-8) for minute in range(5)]
    assert [bar.quote_volume for bar in bars(result)] == [3 * Decimal(200 + minute).scaleb(-16) for minute in range(5)]
    assert bars(result)[4].rolling_mean == 0  # below what is shown
    assert bars(result)[4].z_score == Decimal("1.93649167")  # of the unrounded values: 2.5 / sqrt(5 / 3)


# --- a million trades in a minute ----------------------------------------------------------------------------------------------------

MILLION = 1_000_000


def flood(start: int) -> Iterator[Log]:
    """Pieces of a minute with a million trades of a cent, told apart by id and time, and its heartbeats."""
    pattern = make_trade(start, "100", "0.0001", trade_id=1, exchange="binance", side="buy")
    piece: Log = []
    for number in range(MILLION):
        us = start + number * 60
        if number % 16_667 == 0 and number:
            last = {"binance": 100 + number - 1, "coinbase": None}
            beat = make_heartbeat(us // SECOND * SECOND, last, down=(), peg=None, producer="producer-1")
            piece.append((Position("s", 2_000 + number, 0), beat))
            yield piece
            piece = []
        trade = msgspec.structs.replace(pattern, trade_id=100 + number, timestamp=from_us(us))
        piece.append((Position("s", 2_000 + number, 1), trade))
    yield piece


def test_a_million_trades_in_one_minute_are_one_spike_and_little_state() -> None:
    tape = Tape()
    tape.beat(0, last={"binance": None, "coinbase": None})
    for minute in range(4):
        tape.trade(minute * 60 + 1, "100", str(minute + 1), trade_id=90 + minute)
        tape.beat(minute * 60 + 60, last={"binance": 90 + minute, "coinbase": None})
    tape.trade(241, "100", "1", trade_id=94)
    tail = Tape()
    for second in range(301, 371, 5):
        tail.beat(second, last={"binance": 99 + MILLION, "coinbase": None})
    rest = [(Position("s", 5_000_000 + number, 0), line) for number, (_, line) in enumerate(tail.log)]
    gap = [
        (Position("s", 1_500 + number, 0), make_trade(T0 + 242 * SECOND, "100", "1", trade_id=number, exchange="binance", side="buy"))
        for number in range(95, 100)
    ]
    head = [(Position("s", number, 0), line) for number, (_, line) in enumerate(tape.log)]
    fold, oracle, alerts, found_bars, largest = SymbolFold(SYMBOL, SMALL), Reference(SYMBOL, SMALL), list[Alert](), list[Bar](), 0
    rng = random.Random(1)
    for piece in (head, gap, *flood(T0 + 240 * SECOND), rest):
        oracle.take(piece)
        cut = rng.randrange(len(piece))
        for part in (piece[:cut], piece[cut:]):
            outcomes = fold.take(part)
            alerts += without_message(outcomes.alerts)
            found_bars += outcomes.bars
            state = fold.dump()
            largest = max(largest, len(state))
            fold = SymbolFold(SYMBOL, SMALL, state=state)
    result = oracle.result()
    assert alerts == result.alerts
    assert found_bars == result.bars
    assert (outcomes.snapshot.trades, outcomes.snapshot.duplicates, outcomes.snapshot.late) == (result.trades, 0, 0)
    assert bars(result)[4].trade_count == MILLION + 6
    assert bars(result)[4].quote_volume == 600 + MILLION * Decimal("0.01")
    assert [(alert.rule, alert.revision) for alert in result.alerts] == [
        ("volume.z", 0), ("volume.robust", 0), ("volume.z", 1), ("volume.robust", 1),
    ]  # fmt: skip
    assert largest < 4 << 20


# --- clocks that run backwards -------------------------------------------------------------------------------------------------------


def test_trade_times_that_run_backwards_count_where_their_windows_are_open() -> None:
    tape = Tape()
    tape.beat(0)
    for step in range(200):  # from 3:20 back to 0:01, while the clock goes on
        tape.trade(200 - step, "100", "2")
        tape.beat(step + 1)
    tape.beats(210, 280, 10)
    result = agreed(tape, SMALL)
    assert sum(bar.trade_count for bar in bars(result)) + result.late == result.trades == 200
    assert result.late > 60
    assert [bar.window_start for bar in bars(result)] == [from_us(T0 + minute * MINUTE) for minute in range(4)]


def test_late_whale_still_fires_alone_and_changes_nothing_else() -> None:
    tape = Tape()
    tape.beats(0, 200, 10)
    tape.trade(30, "100", "2000")
    tape.trade(30, "100", "2000")  # the same millisecond, long closed
    tape.beats(210, 220, 10)
    result = agreed(tape)
    assert [(alert.rule, alert.detected_at) for alert in result.alerts] == [("whale.single", from_us(T0 + 200 * SECOND))] * 2
    assert (result.late, sum(bar.trade_count for bar in bars(result))) == (2, 0)


def test_heartbeats_that_run_backwards_move_no_clock_and_mark_no_closed_minute() -> None:
    tape = Tape()
    tape.beats(0, 300, 10)
    clock = T0 + 300 * SECOND
    for second in range(290, 100, -10):  # a producer whose clock was set back, with its connections lost
        tape.beat(second, down=("binance",), peg="0.9")
    assert agreed(tape).clock == clock
    tape.trade(299, "100", "2000")
    tape.beats(310, 380, 10)
    result = agreed(tape)
    assert result.clock == T0 + 380 * SECOND
    # 0:00 to 3:59 were closed; 4:00 was open, and is not whole any more.
    assert [bar.complete for bar in bars(result)] == [True, True, True, True, False, True]
    assert [bar.complete for bar in bars(result, "coinbase")] == [True] * 6
    assert of(result, "whale.single")[0].detected_at == from_us(clock)


def test_backward_heartbeat_marks_an_open_minute_down_for_good() -> None:
    tape = Tape()
    tape.beats(0, 90, 10)
    tape.beat(70, down=("binance",))
    tape.beats(100, 200, 10)
    result = agreed(tape)
    assert [(bar.window_start - from_us(T0)).total_seconds() for bar in bars(result)] == [0, 120]
    assert len(bars(result, "coinbase")) == 3


def test_hole_is_waited_for_by_the_highest_time_however_heartbeats_run() -> None:
    tape = Tape()
    tape.trade(1, "100", "1", trade_id=1)
    tape.beat(2, last={"binance": 1, "coinbase": None})
    tape.beat(100, last={"binance": 3, "coinbase": None})  # ids 2 and 3 are missing
    for second in (50, 60, 113, 90, 114):
        tape.beat(second, last={"binance": 3, "coinbase": None})
    assert agreed(tape).gaps == []
    assert agreed(tape).clock == T0 + 2 * SECOND
    tape.beat(115, last={"binance": 3, "coinbase": None})
    result = agreed(tape)
    assert result.gaps == [("binance|spot|BTCUSDT|aggTrade", 2, 3)]
    assert result.clock == T0 + 115 * SECOND
    tape.trade(3, "100", "2000", trade_id=2)  # comes after all: a trade like any other, and late
    tape.beat(130, last={"binance": 3, "coinbase": None})
    result = agreed(tape)
    assert (result.trades, result.late, len(of(result, "whale.single"))) == (2, 1, 1)
    assert len(result.gaps) == 1


def test_pegs_that_run_backwards_replace_no_newer_one() -> None:
    tape = Tape()
    tape.trade(1, "102", "1", "binance")
    tape.trade(2, "100", "1", "coinbase")
    tape.trade(31, "102", "1", "binance")
    tape.trade(32, "100", "1", "coinbase")
    for second, peg in ((5, "1"), (29, "0.98"), (20, "0.99"), (33, "0.97"), (30, "1.01"), (66, "1")):
        tape.beat(second, peg=peg)
    result = agreed(tape)
    assert [spread.peg for spread in result.spreads] == [Decimal("1.01"), Decimal("0.97")]


def test_trades_from_far_ahead_wait_for_their_time() -> None:
    tape = Tape()
    tape.beat(0)
    tape.trade(86_400, "100", "2000")  # an exchange whose clock is a day ahead
    tape.beats(10, 300, 10)
    result = agreed(tape)
    assert [(alert.rule, alert.detected_at) for alert in result.alerts] == [("whale.single", from_us(T0))]
    assert all(bar.trade_count == 0 for bar in bars(result))
    tape.beat(86_470)
    assert bars(agreed(tape))[-1].trade_count == 1
