"""The oracle itself, checked by numbers worked out by hand for each rule of docs/FOLDS.md."""

from __future__ import annotations

import math
import random
import time
import uuid
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from log_strategies import MINUTE, SECOND, SYMBOL, T0, Log, Tape, logs, make_trade, small_settings, space_of

from ctc.model import NAMESPACE, Alert, Reject, from_us
from ctc.settings import Settings, load_profile
from sim.reference import Result, reference

PROFILE = load_profile("sim")
BINANCE, COINBASE, PERP = (space_of(name) for name in ("binance", "coinbase", "hyperliquid"))


def run(log: Log, settings: Settings = PROFILE, symbol: str = SYMBOL) -> Result:
    return reference(log, symbol, settings)


def at(seconds: float) -> object:
    return from_us(T0 + round(seconds * SECOND))


def said(result: Result, rule: str) -> list[Alert]:
    return [alert for alert in result.alerts if alert.rule == rule]


# Lines


def test_unique_trades_first_line_of_an_id_counts() -> None:
    tape = Tape()
    tape.trade(1, "100", "2000", trade_id=7)
    tape.trade(1, "100", "3000", trade_id=7)
    tape.trade(1, "100", "2000", exchange="coinbase", trade_id=7)
    result = run(tape.log)
    assert (result.trades, result.duplicates) == (2, 1)
    assert [alert.quantity for alert in said(result, "whale.single")] == [2000, 2000]


def test_unique_trades_lines_are_put_in_the_order_of_positions() -> None:
    tape = Tape()
    tape.trade(1, "100", "2000", trade_id=7)
    tape.trade(1, "100", "3000", trade_id=7)
    assert [alert.quantity for alert in run(tape.log[::-1]).alerts] == [2000]


def test_unique_trades_ids_that_are_not_dense_are_remembered_for_one_hour_of_the_clock() -> None:
    tape = Tape()
    tape.beat(0)
    tape.trade(0, "100", "1", exchange="hyperliquid", trade_id=5)
    tape.beat(3599.999999)
    tape.trade(0, "100", "1", exchange="hyperliquid", trade_id=5)
    tape.beat(3600)
    tape.trade(0, "100", "1", exchange="hyperliquid", trade_id=5)
    tape.trade(0, "100", "1", exchange="hyperliquid", trade_id=5)
    result = run(tape.log)
    assert (result.trades, result.duplicates) == (2, 2)


def test_unique_trades_without_a_clock_a_not_dense_id_is_stamped_by_its_own_time() -> None:
    tape = Tape()
    tape.trade(0, "100", "1", exchange="hyperliquid", trade_id=5)
    tape.beat(3600)
    tape.trade(3600, "100", "1", exchange="hyperliquid", trade_id=5)
    assert run(tape.log).trades == 2


def test_rejects_are_ignored() -> None:
    tape = Tape()
    tape.add(Reject(category="malformed", reasons=("not JSON",), raw=b"{"))
    assert run(tape.log) == run([])


# The clock


def test_clock_follows_heartbeats_only_and_never_goes_back() -> None:
    tape = Tape()
    tape.trade(50, "100", "1")
    assert run(tape.log).clock is None
    tape.beat(10)
    tape.beat(4)
    assert run(tape.log).clock == T0 + 10 * SECOND


def test_clock_waits_for_a_hole_and_goes_on_when_it_is_filled() -> None:
    tape = Tape()
    tape.trade(1, "100", "1", trade_id=10)
    tape.beat(2)
    tape.trade(3, "100", "1", trade_id=13)
    tape.beat(4, last={"binance": 13})
    tape.beat(18.9, last={"binance": 13})
    assert run(tape.log).clock == T0 + 2 * SECOND
    tape.trade(2, "100", "1", trade_id=11)
    assert run(tape.log).clock == T0 + 2 * SECOND
    tape.trade(2, "100", "1", trade_id=12)
    result = run(tape.log)
    assert result.clock == T0 + round(18.9 * SECOND)
    assert result.gaps == []


def test_clock_declares_a_hole_lost_after_15_s_of_heartbeats() -> None:
    tape = Tape()
    tape.trade(1, "100", "1", trade_id=10)
    tape.trade(1, "100", "1", trade_id=12)
    tape.trade(1, "100", "1", exchange="coinbase", trade_id=5)
    named: dict[str, int | None] = {"binance": 15, "coinbase": 6}
    tape.beat(2, last=named)
    tape.beat(16.999999, last=named)
    assert run(tape.log).clock is None
    tape.beat(17, last=named)
    result = run(tape.log)
    assert result.clock == T0 + 17 * SECOND
    assert result.gaps == [(BINANCE, 11, 11), (BINANCE, 13, 15), (COINBASE, 6, 6)]


def test_clock_an_id_declared_lost_that_comes_after_all_is_a_trade() -> None:
    tape = Tape()
    tape.trade(1, "100", "1", trade_id=10)
    tape.beat(2, last={"binance": 11})
    tape.beat(17, last={"binance": 11})
    tape.trade(18, "100", "2000", trade_id=11)
    tape.trade(18, "100", "2000", trade_id=11)
    tape.beat(19, last={"binance": 11})
    result = run(tape.log)
    assert (result.trades, result.duplicates, result.gaps) == (2, 1, [(BINANCE, 11, 11)])
    assert result.clock == T0 + 19 * SECOND
    assert len(said(result, "whale.single")) == 1


def test_clock_before_any_trade_the_first_id_named_is_missing() -> None:
    tape = Tape()
    tape.beat(0, last={"binance": 200, "coinbase": None})
    tape.beat(1, last={"binance": 202, "coinbase": None})
    assert run(tape.log).clock is None
    tape.beat(15, last={"binance": 202})
    assert run(tape.log).gaps == [(BINANCE, 200, 202)]


def test_clock_an_id_below_all_others_opens_a_hole_down_to_it() -> None:
    tape = Tape()
    tape.trade(1, "100", "1", trade_id=10)
    tape.beat(2)
    tape.trade(1, "100", "1", trade_id=7)
    tape.beat(3, last={"binance": 10})
    assert run(tape.log).clock == T0 + 2 * SECOND
    tape.beat(18, last={"binance": 10})
    assert run(tape.log).gaps == [(BINANCE, 8, 9)]


def test_clock_ids_that_are_not_dense_hold_nothing_up() -> None:
    tape = Tape()
    tape.trade(1, "100", "1", exchange="hyperliquid", trade_id=10)
    tape.beat(2, last={"hyperliquid": 99})
    assert run(tape.log).clock == T0 + 2 * SECOND


def test_clock_waiting_heartbeats_count_in_the_order_of_their_times() -> None:
    """The peg of the heartbeat with the highest time wins, though it stands first in the log."""
    tape = Tape()
    tape.trade(1, "100", "1", trade_id=1)
    tape.trade(1, "100", "1", exchange="coinbase", trade_id=1)
    tape.beat(20, last={"binance": 2}, peg="0.9")
    tape.beat(10, last={"binance": 2}, peg="0.8")
    tape.trade(2, "100", "1", trade_id=2)
    tape.beat(35)
    assert run(tape.log).spreads[0].peg == Decimal("0.9")


def test_window_closes_5_s_after_its_end_and_takes_no_more() -> None:
    tape = Tape()
    tape.trade(59, "100", "1")
    tape.beat(64.999999)
    assert run(tape.log).bars == []
    tape.trade(59, "100", "2")
    tape.beat(65)
    tape.trade(59, "100", "2000")
    tape.trade(60, "100", "2000")
    tape.beat(66)
    result = run(tape.log)
    assert [(bar.volume, bar.trade_count) for bar in result.bars] == [(3, 2)]
    assert (result.late, result.trades) == (1, 4)
    assert [alert.event_time for alert in said(result, "whale.single")] == [at(59), at(60)]


# Whales


def test_whale_single_is_strictly_above_the_threshold_and_carries_the_trade() -> None:
    tape = Tape()
    tape.trade(1, "50000", "2", trade_id=1)
    tape.beat(2)
    position = tape.trade(1.25, "50000", "2.00000001", exchange="coinbase", side="sell", trade_id=77)
    (alert,) = run(tape.log).alerts
    expected_id = uuid.uuid5(NAMESPACE, "whale.single|coinbase|BTC-USDT|coinbase|spot|BTC-USD|match|77")
    assert (alert.alert_id, alert.type, alert.rule) == (str(expected_id), "whale", "whale.single")
    assert (alert.revision, alert.final, alert.severity, alert.threshold) == (0, True, "low", 100_000)
    assert (alert.detected_at, alert.event_time) == (at(2), at(1.25))
    assert (alert.price, alert.quantity, alert.quote_volume) == (50_000, Decimal("2.00000001"), Decimal("100000.0005"))
    assert (alert.trade_count, alert.first_trade_id, alert.last_trade_id) == (1, 77, 77)
    assert (alert.native_symbol, alert.side) == ("BTC-USD", "sell")
    assert (alert.shard, alert.sequence_number, alert.position) == (position.shard, str(position.sequence_number), 0)
    assert alert.window_start is None


@pytest.mark.parametrize(
    ("quote", "name"), [("249999.99", "low"), ("250000", "medium"), ("500000", "high"), ("999999", "high"), ("1000000", "critical")]
)
def test_whale_severity_is_the_last_band_reached(quote: str, name: str) -> None:
    tape = Tape()
    tape.trade(1, quote, "1")
    assert [alert.severity for alert in run(tape.log).alerts] == [name]


def test_whale_severity_uses_the_symbols_own_tiers() -> None:
    tape = Tape()
    tape.trade(1, "150000", "1")
    assert [alert.severity for alert in run(tape.log, symbol="SOL-USDT").alerts] == ["medium"]


def test_whale_detected_at_is_the_trades_time_while_there_is_no_clock() -> None:
    tape = Tape()
    tape.trade(1.5, "200000", "1")
    assert run(tape.log).alerts[0].detected_at == at(1.5)


def test_whale_split_needs_two_prints_of_one_millisecond_side_and_venue() -> None:
    tape = Tape()
    tape.trade(1.0001, "60000", "1")
    tape.trade(1.0009, "40000", "1")  # together 100,000: not above
    tape.trade(1.001, "60000", "1")
    tape.trade(1.0009, "60000", "1", side="sell")
    tape.trade(1.0009, "60000", "1", exchange="coinbase")
    assert run(tape.log).alerts == []
    tape.trade(1.0002, "60000", "0.00000001")
    assert [alert.rule for alert in run(tape.log).alerts] == ["whale.split"]


def test_whale_split_fires_early_and_is_completed_when_its_millisecond_closes() -> None:
    tape = Tape()
    tape.beat(0)
    tape.trade(1.0001, "50000", "1", trade_id=2)
    second = tape.trade(1.0005, "51000", "1.5", trade_id=1)
    tape.trade(1.0009, "50500", "1.9", trade_id=3)
    tape.beat(6.000999)
    tape.trade(1.0003, "50000", "0.8", trade_id=4)
    tape.beat(6.001)
    tape.trade(1.0003, "200000", "1", trade_id=5)  # too late for the group, but a whale on its own
    early, complete, single = run(tape.log).alerts
    assert early.alert_id == str(uuid.uuid5(NAMESPACE, f"whale.split|binance|BTC-USDT|BTCUSDT|buy|{T0 // 1000 + 1000}"))
    assert (early.revision, early.final, early.detected_at, early.event_time) == (0, False, at(0), at(1))
    assert (early.quote_volume, early.quantity, early.trade_count) == (126_500, Decimal("2.5"), 2)
    assert early.price == 50_600
    assert (early.first_trade_id, early.last_trade_id, early.severity) == (1, 2, "low")
    assert early.sequence_number == str(second.sequence_number)
    # 50,000 + 76,500 + 95,950 + 40,000 = 262,450 of 5.2
    assert (complete.alert_id, complete.revision, complete.final) == (early.alert_id, 1, True)
    assert (complete.quote_volume, complete.quantity, complete.trade_count) == (262_450, Decimal("5.2"), 4)
    assert complete.price == Decimal("50471.15384615")
    assert (complete.first_trade_id, complete.last_trade_id, complete.severity) == (1, 4, "medium")
    assert (complete.detected_at, complete.sequence_number) == (early.detected_at, early.sequence_number)
    assert single.rule == "whale.single"


def test_whale_split_and_single_fire_side_by_side_single_first() -> None:
    tape = Tape()
    tape.trade(1, "1", "10")
    tape.trade(1, "150000", "1")
    assert [alert.rule for alert in run(tape.log).alerts] == ["whale.single", "whale.split"]


# Volume


def warm(tape: Tape, minutes: int = 20, volumes: tuple[str, ...] = ("90", "110")) -> None:
    """Complete bars of the given quote volumes in turn, a heartbeat each 10 s; the clock ends 5 s into the next minute."""
    tape.beat(0)
    for minute in range(minutes):
        tape.trade(minute * 60 + 30, volumes[minute % len(volumes)], "1")
        tape.beats(minute * 60 + 10, minute * 60 + 60, 10)
    tape.beat(minutes * 60 + 5)


def test_volume_bar_needs_20_complete_bars_for_a_baseline() -> None:
    tape = Tape()
    warm(tape, 21)
    bars = [bar for bar in run(tape.log).bars if bar.exchange == "binance"]
    assert [bar.baseline_bars for bar in bars] == list(range(21))
    assert all((bar.z_score, bar.robust_score, bar.rolling_mean, bar.rolling_std) == (None,) * 4 for bar in bars[:20])
    assert all(bar.complete for bar in bars)
    # ten of 90, ten of 110: mean 100, variance 20 * 100 / 19, std 10.2597835208515; bar 20 holds 90: z = -0.97467943448
    assert bars[20].rolling_mean == 100
    assert bars[20].rolling_std == Decimal("10.25978352")
    assert bars[20].z_score == Decimal("-0.97467943")
    # MAD = half of ln 111 - ln 91 lies at both, so ln 91 stands one MAD below: -1 / 1.4826
    assert bars[20].robust_score == Decimal("-0.67449076")
    assert (bars[20].window_start, bars[20].window_end) == (at(1200), at(1260))


def test_volume_spike_fires_at_the_trade_that_crosses_and_is_completed_at_the_close() -> None:
    tape = Tape()
    warm(tape)
    tape.trade(1206, "125", "1")  # z 2.44
    crossing = tape.trade(1207, "1.5", "1")  # 126.5: z = 26.5 / 10.2597835 = 2.58290050
    tape.trade(1208, "1000", "1")  # 1,126.5
    tape.beats(1210, 1270, 10)
    result = run(tape.log)
    early, robust, z_done, robust_done = result.alerts
    expected_id = uuid.uuid5(NAMESPACE, f"volume.z|binance|BTC-USDT|{T0 + 20 * MINUTE}")
    assert (early.alert_id, early.type, early.rule) == (str(expected_id), "volume_spike", "volume.z")
    assert (early.revision, early.final, early.threshold) == (0, False, Decimal("2.5"))
    assert (early.z_score, early.severity) == (Decimal("2.58290050"), "low")
    assert (early.window_volume, early.rolling_mean, early.rolling_std) == (Decimal("126.5"), 100, Decimal("10.25978352"))
    assert (early.trade_count, early.baseline_bars) == (2, 20)
    assert (early.window_start, early.window_end) == (at(1200), at(1260))
    assert (early.detected_at, early.event_time) == (at(1205), at(1207))
    assert early.sequence_number == str(crossing.sequence_number)
    assert (robust.rule, robust.revision, robust.event_time) == ("volume.robust", 0, at(1208))
    # x = ln 1,127.5; m = (ln 91 + ln 111) / 2; MAD = (ln 111 - ln 91) / 2
    middle, mad = (math.log(91) + math.log(111)) / 2, (math.log(111) - math.log(91)) / 2
    assert float(robust.robust_score or 0) == pytest.approx((math.log(1127.5) - middle) / (1.4826 * mad), abs=1e-8)
    assert (z_done.rule, z_done.revision, z_done.final) == ("volume.z", 1, True)
    assert z_done.z_score == Decimal("100.05084395")  # 1,026.5 / 10.2597835208515
    assert (z_done.severity, z_done.window_volume, z_done.trade_count) == ("critical", Decimal("1126.5"), 3)
    assert (z_done.detected_at, z_done.event_time) == (early.detected_at, early.event_time)
    assert z_done.sequence_number == early.sequence_number
    assert (robust_done.rule, robust_done.revision) == ("volume.robust", 1)
    assert result.bars[-2].z_score == z_done.z_score


def test_volume_z_of_exactly_the_threshold_is_no_spike() -> None:
    """Bars of 90, 110 in turn and a threshold of 2.92403830: 30 / 10.2597835208515 rounds to exactly that."""
    tape = Tape()
    warm(tape)
    tape.trade(1206, "130", "1")
    assert said(run(tape.log, load_profile("sim", {"volume.z_threshold": "2.92403830"})), "volume.z") == []
    assert len(said(run(tape.log, load_profile("sim", {"volume.z_threshold": "2.92403829"})), "volume.z")) == 1


def test_volume_spike_waits_for_the_freeze_of_its_baseline() -> None:
    tape = Tape()
    warm(tape, 22)
    frozen = Tape(tape.log[:-1], tape.ids)  # the clock stands at 1320, bar 21 (to 1320) is open
    frozen.trade(1322, "500", "1")
    frozen.trade(1321, "500", "1")
    frozen.beat(1324.999999)
    assert run(frozen.log).alerts == []
    frozen.beat(1325)
    alerts = run(frozen.log).alerts
    assert [alert.rule for alert in alerts] == ["volume.z", "volume.robust"]
    assert all(alert.event_time == at(1321) and alert.detected_at == at(1325) for alert in alerts)
    assert all((alert.shard, alert.sequence_number, alert.position) == (None, None, None) for alert in alerts)


def test_volume_zero_variance_has_neither_z_nor_score() -> None:
    tape = Tape()
    warm(tape, volumes=("100",))
    tape.trade(1206, "5000", "1")
    tape.beats(1210, 1270, 10)
    result = run(tape.log)
    bar = next(bar for bar in result.bars if bar.window_start == at(1200) and bar.exchange == "binance")
    assert (bar.z_score, bar.robust_score, bar.rolling_std, bar.baseline_bars) == (None, None, 0, 20)
    assert result.alerts == []


def test_volume_drought_is_said_at_the_close_without_lineage() -> None:
    tape = Tape()
    warm(tape)
    tape.beats(1210, 1270, 10)
    z, robust = run(tape.log).alerts
    # (0 - 100) / 10.2597835208515
    assert (z.rule, z.z_score, z.revision, z.final) == ("volume.z", Decimal("-9.74679434"), 0, True)
    assert (z.threshold, z.severity, z.trade_count, z.window_volume) == (Decimal("2.5"), "critical", 0, 0)
    assert (z.event_time, z.detected_at, z.sequence_number) == (at(1260), at(1270), None)
    assert (robust.rule, robust.threshold) == ("volume.robust", 6)


def test_volume_bar_is_missing_while_the_venue_is_away() -> None:
    tape = Tape()
    tape.beat(0)
    tape.trade(30, "100", "1")
    tape.beats(10, 60, 10)
    tape.beats(70, 120, 10, down=["binance"])
    tape.trade(150, "100", "1")
    tape.beats(130, 180, 10)
    tape.beats(190, 250, 10)
    bars = [(bar.window_start, bar.trade_count, bar.complete) for bar in run(tape.log).bars if bar.exchange == "binance"]
    # the heartbeat at 60 s speaks of minute 0, and those down, the one at 120 s too, of minute 1: no trade, so it is missing
    assert bars == [(at(0), 1, True), (at(120), 1, True), (at(180), 0, True)]


def test_volume_minute_that_lost_its_last_second_is_not_complete() -> None:
    tape = Tape()
    tape.beat(0)
    tape.beats(10, 50, 10)
    tape.beat(60, down=["binance"])
    tape.beats(70, 130, 10)
    found = {(bar.exchange, bar.window_start): bar.complete for bar in run(tape.log).bars}
    assert found == {("coinbase", at(0)): True, ("binance", at(60)): True, ("coinbase", at(60)): True}


def test_volume_bar_before_the_venue_was_first_up_is_not_complete() -> None:
    tape = Tape()
    tape.trade(5, "100", "1")
    tape.beats(10, 130, 10)
    assert [(bar.exchange, bar.complete) for bar in run(tape.log).bars] == [
        ("binance", False),
        ("coinbase", False),
        ("binance", True),
        ("coinbase", True),
    ]


def test_volume_baseline_leaves_out_bars_that_are_not_complete() -> None:
    tape = Tape()
    warm(tape, 19)
    tape.beats(1150, 1200, 10, down=["binance"])
    tape.trade(1206, "5000", "1")
    tape.beats(1210, 1270, 10)
    result = run(tape.log)
    last = [bar for bar in result.bars if bar.exchange == "binance"][-1]
    assert (last.baseline_bars, last.z_score, result.alerts) == (19, None, [])


def test_volume_baseline_is_the_60_minutes_before() -> None:
    tape = Tape()
    warm(tape, 62)
    bars = [bar for bar in run(tape.log).bars if bar.exchange == "binance"]
    assert [bar.baseline_bars for bar in bars[58:]] == [58, 59, 60, 60]


def test_volume_robust_cools_down_for_5_minutes() -> None:
    tape = Tape()
    warm(tape, 22)
    for minute in range(22, 29):
        tape.trade(minute * 60 + 6, "900000", "0.1")
        tape.beats(minute * 60 + 10, minute * 60 + 65, 5)
    result = run(tape.log)
    assert {alert.window_start for alert in said(result, "volume.robust")} == {at(22 * 60), at(28 * 60)}


def test_volume_clock_jump_closes_minute_by_minute_and_tests_the_next_between() -> None:
    """One heartbeat passes bars 20 and 21: 20 is completed before 21 fires, and 21 after it fired."""
    tape = Tape()
    warm(tape, 20)
    tape.trade(1206, "5000", "1")
    tape.trade(1266, "90000", "1")
    tape.trade(1266, "200", "1", exchange="coinbase")
    tape.beat(1400)
    alerts = [(alert.window_start, alert.rule, alert.revision) for alert in run(tape.log).alerts if alert.rule == "volume.z"]
    # no heartbeat inside minute 20, so it is not complete, and bar 21's baseline is the same twenty bars
    assert alerts == [(at(1200), "volume.z", 0), (at(1200), "volume.z", 1), (at(1260), "volume.z", 0), (at(1260), "volume.z", 1)]


# Spread


def spread_tape(binance: str, coinbase: str, peg: str | None) -> Tape:
    tape = Tape()
    tape.trade(1, binance, "1")
    tape.trade(2, coinbase, "3", exchange="coinbase")
    tape.beat(3, peg=peg)
    tape.beat(35)
    return tape


def test_spread_row_has_both_vwaps_and_the_percentage() -> None:
    tape = Tape()
    tape.trade(1, "100", "1")
    tape.trade(2, "101", "2")
    tape.trade(29.999999, "100", "3", exchange="coinbase")
    tape.trade(30, "100", "3", exchange="coinbase")
    tape.beat(34.999999)
    assert run(tape.log).spreads == []
    tape.beat(35)
    (row,) = run(tape.log).spreads
    assert (row.binance_vwap, row.coinbase_vwap) == (Decimal("100.66666667"), 100)
    assert (row.spread_pct, row.adjusted_spread_pct, row.peg) == (Decimal("0.66666667"), None, None)
    assert (row.binance_quantity, row.coinbase_quantity) == (3, 3)
    assert (row.window_start, row.window_end) == (at(0), at(30))


def test_spread_of_a_venue_is_an_alert_of_both_rules_raw_first() -> None:
    result = run(spread_tape("101", "100", "1.001").log)
    raw, adjusted = said(result, "spread.raw") + said(result, "spread.peg")
    assert [alert.rule for alert in result.alerts] == ["spread.raw", "spread.peg"]
    assert raw.alert_id == str(uuid.uuid5(NAMESPACE, f"spread.raw|binance-coinbase|BTC-USDT|{T0}"))
    assert (raw.spread_pct, raw.adjusted_spread_pct) == (1, Decimal("1.101"))  # 101 * 1.001 = 101.101
    assert (raw.severity, adjusted.severity, raw.cause, adjusted.cause) == ("high", "high", "venue", "venue")
    assert (raw.event_time, raw.detected_at, raw.threshold) == (at(30), at(35), Decimal("0.5"))
    assert (raw.peg, raw.binance_vwap, raw.coinbase_vwap, raw.exchange) == (Decimal("1.001"), 101, 100, "binance-coinbase")
    assert (raw.revision, raw.final, raw.type, raw.sequence_number) == (0, True, "spread", None)
    assert (raw.window_start, raw.window_end) == (at(0), at(30))


def test_spread_caused_by_the_peg_is_a_raw_alert_that_says_so() -> None:
    (raw,) = run(spread_tape("101", "100", "0.99").log).alerts  # 101 * 0.99 = 99.99
    assert (raw.rule, raw.cause, raw.adjusted_spread_pct) == ("spread.raw", "peg", Decimal("-0.01"))


def test_spread_hidden_by_the_peg_is_a_peg_alert() -> None:
    (alert,) = run(spread_tape("100", "100", "0.99").log).alerts
    assert (alert.rule, alert.cause, alert.spread_pct, alert.adjusted_spread_pct) == ("spread.peg", "venue", 0, -1)


def test_spread_of_exactly_the_threshold_is_none() -> None:
    assert run(spread_tape("100.5", "100", None).log).alerts == []
    (alert,) = run(spread_tape("100.500001", "100", None).log).alerts
    assert (alert.rule, alert.cause, alert.severity) == ("spread.raw", "venue", "low")


def test_spread_uses_the_latest_peg_up_to_the_windows_end() -> None:
    tape = Tape()
    tape.trade(1, "100", "1")
    tape.trade(2, "100", "1", exchange="coinbase")
    for seconds, peg in ((3, "0.9"), (30, "0.8"), (30.000001, "0.7"), (35, "0.6")):
        tape.beat(seconds, peg=peg)
    assert run(tape.log).spreads[0].peg == Decimal("0.8")


def test_spread_needs_both_venues_and_is_not_made_for_the_peg_symbol() -> None:
    tape = Tape()
    tape.trade(1, "100", "1")
    tape.trade(31, "100", "1", exchange="coinbase")
    tape.beat(90)
    assert run(tape.log).spreads == []
    assert run(spread_tape("101", "100", None).log, symbol="USDT-USD").spreads == []


def test_spread_window_that_is_closed_takes_no_trade_while_its_minute_still_does() -> None:
    tape = spread_tape("100", "100", None)
    tape.trade(3, "200", "1")
    tape.beat(65)
    result = run(tape.log)
    assert (result.late, result.spreads[0].binance_quantity) == (0, 1)
    assert result.bars[0].volume == 2


# The whole


def test_order_one_heartbeat_says_splits_then_volume_then_spreads() -> None:
    tape = Tape()
    warm(tape, 20)
    tape.trade(1206, "5000", "1")
    tape.trade(1226, "60000", "1", exchange="coinbase")
    tape.trade(1226, "60000", "1", exchange="coinbase")
    tape.trade(1225, "60000", "1")
    tape.trade(1225, "60000", "1")
    tape.beat(1275)
    last = [(alert.rule, alert.exchange, alert.revision) for alert in run(tape.log).alerts][-5:]
    # Binance's VWAP is 125,000 / 3, Coinbase's 60,000; Coinbase's own baseline is all zeros and says nothing
    assert last == [
        ("whale.split", "binance", 1),
        ("whale.split", "coinbase", 1),
        ("volume.z", "binance", 1),
        ("volume.robust", "binance", 1),
        ("spread.raw", "binance-coinbase", 0),
    ]


@settings(max_examples=25, deadline=None)
@given(logs(max_minutes=10), st.integers(0, 2**16))
def test_reference_does_not_depend_on_the_order_in_which_lines_are_handed_over(log: Log, seed: int) -> None:
    mixed = random.Random(seed).sample(log, len(log))
    assert run(mixed, small_settings()) == run(log, small_settings())


def test_reference_manages_20_000_trades_in_seconds() -> None:
    noise, tape = random.Random(1), Tape()
    for second in range(2000):
        for _ in range(10):
            exchange = noise.choice(["binance", "coinbase"])
            price = f"{60000 + noise.randrange(-900, 900) / 100:.2f}"
            tape.trade(second + noise.random(), price, f"{noise.random():.8f}", exchange=exchange)
        tape.beat(second + 1)
    started = time.process_time()
    result = run(tape.log)
    assert result.trades == 20_000
    assert time.process_time() - started < 20


def test_make_trade_is_exact() -> None:
    trade = make_trade(T0, "60000.12345678", "0.00000001", trade_id=1, exchange="binance", side="buy")
    assert trade.quote_volume == Decimal("0.0006000012345678")
