"""Volume bars by hand: baselines, spikes while the bar is open, droughts, marks and cooldown."""

from __future__ import annotations

from decimal import Decimal

from log_strategies import MINUTE, SECOND, SYMBOL, T0, Tape, small_settings

from ctc.detect import Outcomes, SymbolFold
from ctc.model import from_us
from ctc.settings import Settings

SETTINGS = small_settings()  # 8 bars, at least 3; z 2.5, robust 6, cooldown 2 minutes


def volumes(tape: Tape, settings: Settings = SETTINGS) -> Outcomes:
    return SymbolFold(SYMBOL, settings, frozenset({"volume"})).take(tape.log)


def hour(*quantities: str) -> Tape:
    """Minutes of one binance trade at price 1 each (none for 0), heartbeats all along; the clock ends 5 s into the next."""
    tape = Tape()
    tape.beat(0)
    for minute, quantity in enumerate(quantities):
        if quantity != "0":
            tape.trade(60 * minute + 1, "1", quantity)
        tape.beats(60 * minute + 6, 60 * minute + 59, 10)
    tape.beat(60 * len(quantities) + 5)
    return tape


def test_volume_bars_hold_exact_sums_and_zero_where_the_venue_was_silent() -> None:
    bars = [bar for bar in volumes(hour("1.1", "0", "3")).bars if bar.exchange == "binance"]
    assert [(bar.quote_volume, bar.trade_count, bar.complete) for bar in bars] == [
        (Decimal("1.1"), 1, True), (Decimal(0), 0, True), (Decimal(3), 1, True),
    ]  # fmt: skip
    assert [bar.baseline_bars for bar in bars] == [0, 1, 2]
    assert bars[0].window_start == from_us(T0)


def test_volume_z_score_is_against_the_bars_before() -> None:
    bar = [bar for bar in volumes(hour("1", "2", "3", "2.5")).bars if bar.exchange == "binance"][-1]
    assert (bar.rolling_mean, bar.rolling_std, bar.z_score) == (2, 1, Decimal("0.5"))
    # ln 2, ln 3, ln 4: median ln 3, MAD ln 4 - ln 3; (ln 3.5 - ln 3) / (1.4826 (ln 4 - ln 3)) = 0.36141706...
    assert bar.robust_score == Decimal("0.36141706")


def test_volume_spike_fires_at_the_trade_that_crosses_and_is_completed_at_the_close() -> None:
    tape = hour("1", "2", "3")
    tape.trade(186, "1", "4.5")
    crossing = tape.trade(187, "1", "0.0001")
    tape.trade(188, "1", "1")
    assert [(alert.revision, alert.window_volume) for alert in volumes(tape).alerts] == [(0, Decimal("4.5001"))]
    tape.beat(245)
    early, final = volumes(tape).alerts
    assert (early.rule, early.z_score, early.final, early.severity) == ("volume.z", Decimal("2.5001"), False, "low")
    assert early.sequence_number == str(crossing.sequence_number)
    assert early.event_time == from_us(T0 + 187 * SECOND)
    assert (final.revision, final.final, final.z_score, final.severity) == (1, True, Decimal("3.5001"), "medium")
    assert (final.detected_at, final.event_time) == (early.detected_at, early.event_time)
    assert early.detected_at == from_us(T0 + 185 * SECOND)


def test_volume_spike_found_at_the_freeze_has_no_lineage() -> None:
    tape = hour("1", "2", "3")
    tape.log.pop()
    tape.trade(182, "1", "9")
    assert volumes(tape).alerts == []
    tape.beat(185)
    z = volumes(tape).alerts[0]
    assert (z.rule, z.shard, z.detected_at) == ("volume.z", None, from_us(T0 + 185 * SECOND))
    assert z.event_time == from_us(T0 + 182 * SECOND)


def test_volume_drought_is_found_at_the_close_of_a_complete_bar() -> None:
    [z, robust] = volumes(hour("10", "11", "12", "0")).alerts
    assert (z.rule, z.revision, z.final, z.z_score) == ("volume.z", 0, True, Decimal(-11))
    assert (z.event_time, z.detected_at) == (from_us(T0 + 4 * MINUTE), from_us(T0 + 245 * SECOND))
    assert (robust.rule, robust.shard, robust.trade_count) == ("volume.robust", None, 0)


def test_volume_says_nothing_where_the_venue_was_away() -> None:
    tape = hour("10", "11", "12")
    tape.beats(190, 230, 10, down=["binance"])
    tape.beat(250)
    outcomes = volumes(tape)
    assert outcomes.alerts == []
    assert len([bar for bar in outcomes.bars if bar.exchange == "binance"]) == 3


def test_volume_minute_before_the_venue_came_up_is_not_complete() -> None:
    tape = Tape()
    tape.trade(1, "1", "1")
    tape.beats(30, 140, 10)
    bars = [bar for bar in volumes(tape).bars if bar.exchange == "binance"]
    assert [bar.complete for bar in bars] == [False, True]


def test_volume_equal_bars_have_no_scores() -> None:
    outcomes = volumes(hour("1", "1", "1", "50"))
    bar = [bar for bar in outcomes.bars if bar.exchange == "binance"][-1]
    assert (bar.rolling_std, bar.z_score, bar.robust_score, outcomes.alerts) == (0, None, None, [])


def test_volume_robust_cools_down_and_z_does_not() -> None:
    quiet = ["1", "1.1", "0.9", "1", "1.05", "0.95"]
    alerts = volumes(hour(*quiet, "50", "2000", "90000")).alerts
    minutes = [(alert.rule, (alert.window_start or from_us(0)).minute) for alert in alerts if alert.revision == 0]
    assert minutes == [("volume.z", 6), ("volume.robust", 6), ("volume.z", 7), ("volume.z", 8)]
    alerts = volumes(hour(*quiet, "50", "1", "1", "9000")).alerts
    assert [alert.rule for alert in alerts if alert.revision == 0 and (alert.window_start or from_us(0)).minute == 9] == [
        "volume.z", "volume.robust",
    ]  # fmt: skip


def test_volume_snapshot_sums_the_clocks_minute_and_the_59_before_it() -> None:
    tape = hour(*["1"] * 61)
    assert volumes(tape).snapshot.volume_1h["binance"] == 59  # of minutes 2-60; minute 61 has no trade
    tape.trade(61 * 60 + 6, "1", "0.5")
    assert volumes(tape).snapshot.volume_1h["binance"] == Decimal("59.5")


def test_minute_is_complete_while_one_of_two_producers_is_connected_all_through_it() -> None:
    tape = Tape()
    for second in range(246):
        tape.trade(second + 0.5, "100", "1")
        # The first is away in the second minute; the other comes in the middle of the first, and is away in the third.
        tape.beat(second, producer="one", down=("binance",) if 61 <= second < 65 else ())
        if second >= 30:
            tape.beat(second, producer="two", down=("binance",) if 130 <= second < 135 else ())
    whole = [bar.complete for bar in volumes(tape).bars if bar.exchange == "binance"]
    assert whole == [True, True, True, True]
    without_the_second = Tape(log=[(at, line) for at, line in tape.log if getattr(line, "producer", "one") == "one"])
    assert [bar.complete for bar in volumes(without_the_second).bars if bar.exchange == "binance"] == [True, False, True, True]
    without_the_first = Tape(log=[(at, line) for at, line in tape.log if getattr(line, "producer", "two") == "two"])
    assert [bar.complete for bar in volumes(without_the_first).bars if bar.exchange == "binance"] == [False, True, False, True]


def test_producer_that_died_in_a_minute_does_not_vouch_for_it() -> None:
    tape = Tape()
    for second in range(186):
        tape.trade(second + 0.5, "100", "1")
        if second <= 80:  # the last that is heard of it is in the second minute
            tape.beat(second, producer="one")
        tape.beat(second, producer="two", down=("binance",) if 90 <= second < 95 else ())
    assert [bar.complete for bar in volumes(tape).bars if bar.exchange == "binance"] == [True, False, True]
