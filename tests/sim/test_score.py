"""The scorecard on plain data: what qualifies, what counts as found, what makes a session fail, and how it is shown."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from rich.console import Console

from ctc.model import Alert
from ctc.settings import load_profile
from sim.compare import LAKE_FIELDS, TapeTrade, TradeCheck, compare_trades, newest
from sim.plan import FIXED_START, make_plan
from sim.reference import Result
from sim.score import matches, percentile, render, score
from sim.scorecard import Report, RuleScore
from sim.tape import tape_of
from sim.truth import Seeded

T0 = datetime(2026, 1, 5, tzinfo=UTC)
FINE = TradeCheck(tape=10, lake=10)


def seeded(number: int, rule: str, seconds: float = 0, **values: Any) -> Seeded:
    width = {"whale": timedelta(milliseconds=1), "volume": timedelta(seconds=60), "spread": timedelta(seconds=30)}[rule.split(".")[0]]
    start = T0 + timedelta(seconds=seconds)
    defaults: dict[str, Any] = {
        "id": f"seed-{number}",
        "type": {"whale": "whale", "volume": "volume_spike", "spread": "spread"}[rule.split(".")[0]],
        "rule": rule,
        "rules": (rule,),
        "exchange": "binance-coinbase" if rule.startswith("spread") else "binance",
        "symbol": "BTC-USDT",
        "native_symbol": "BTCUSDT",
        "kind": "aggTrade",
        "start": start,
        "end": start + width,
        "size": "above",
        "measure": "quote_volume",
        "intended": Decimal(200_000),
        "planted": Decimal(200_000),
        "side": "buy" if rule.startswith("whale") else None,
        "trade_count": 1,
        "prints": 1,
        "first_trade_id": number,
        "last_trade_id": number,
        "quote_volume": Decimal(200_000),
        "trade_ids": (number,) if rule.startswith("whale") else (),
    }
    return Seeded(**{**defaults, **values})


def alert(name: str, rule: str, seconds: float = 0, **values: Any) -> Alert:
    moment = T0 + timedelta(seconds=seconds)
    window = rule.split(".")[0] in ("volume", "spread")
    defaults: dict[str, Any] = {
        "alert_id": name,
        "type": {"whale": "whale", "volume": "volume_spike", "spread": "spread"}[rule.split(".")[0]],
        "rule": rule,
        "revision": 0,
        "final": True,
        "exchange": "binance-coinbase" if rule.startswith("spread") else "binance",
        "symbol": "BTC-USDT",
        "severity": "low",
        "detected_at": moment,
        "event_time": moment,
        "threshold": Decimal(1),
        "message": "",
        "window_start": moment if window else None,
        "window_end": moment + timedelta(seconds=60) if window else None,
        "native_symbol": None if window else "BTCUSDT",
        "side": None if window else "buy",
    }
    return Alert(**{**defaults, **values})


def result(*alerts: Alert, symbol: str = "BTC-USDT") -> Result:
    return Result(symbol=symbol, alerts=list(alerts), bars=[], spreads=[], gaps=[], trades=10, duplicates=1, late=2, clock=0)


def lake_rows(*alerts: Alert) -> list[dict[str, Any]]:
    """As `anomalies` has them: short rules, event time as `timestamp`, a message of its own."""
    rows = []
    for one in newest(alerts).values():
        row = {name: getattr(one, "event_time" if name == "timestamp" else name) for name in LAKE_FIELDS}
        rows.append({**row, "alert_id": one.alert_id, "rule": one.rule.split(".")[1], "message": "whale"})
    return rows


def judge(truth: list[Seeded], wanted: list[Alert], hot: list[Alert] | None = None, trades: TradeCheck = FINE) -> Report:
    found = list(newest(wanted if hot is None else hot).values())
    return score(truth, {"BTC-USDT": result(*wanted)}, found, lake_rows(*found), trades)


def rule_of(report: Report, rule: str) -> RuleScore:
    return next(each for each in report.rules if each.rule == rule)


WHALE = alert("w1", "whale.single", 5, first_trade_id=1, last_trade_id=1)


def test_score_everything_found_is_ok_and_says_so() -> None:
    report = judge([seeded(1, "whale.single", 5)], [WHALE])
    assert (report.ok, len(report.verdict)) == (True, 1)
    assert "1 of 1 seeded" in report.verdict[0]
    found = rule_of(report, "whale.single")
    assert (found.seeded, found.qualifying, found.detected, found.recall, found.precision) == (1, 1, 1, 1.0, 1.0)


def test_score_a_seed_below_the_threshold_does_not_qualify_and_is_no_miss() -> None:
    small = seeded(2, "whale.single", 9, size="marginal-below")
    report = judge([seeded(1, "whale.single", 5), small], [WHALE])
    found = rule_of(report, "whale.single")
    assert (report.ok, found.seeded, found.qualifying, found.recall) == (True, 2, 1, 1.0)
    assert [(size.size, size.seeded, size.qualifying, size.recall) for size in found.sizes] == [
        ("marginal-below", 1, 0, None),
        ("above", 1, 1, 1.0),
    ]


def test_score_a_qualifying_seed_that_is_not_found_fails_and_is_named() -> None:
    report = judge([seeded(1, "whale.single", 5)], [WHALE], hot=[])
    assert not report.ok
    assert rule_of(report, "whale.single").missed == ["seed-1"]
    assert "seed-1" in report.verdict[0]
    assert (report.equality[0].missing, report.equality[1].missing) == (1, 1)


def test_score_honest_noise_lowers_precision_only() -> None:
    noise = alert("w2", "whale.single", 7, first_trade_id=99)
    report = judge([seeded(1, "whale.single", 5)], [WHALE, noise])
    found = rule_of(report, "whale.single")
    assert (report.ok, found.alerts, found.on_seeds, found.noise, found.false, found.precision) == (True, 2, 1, 1, 0, 0.5)


def test_score_an_alert_that_the_reference_does_not_raise_is_false_and_fails() -> None:
    report = judge([], [WHALE], hot=[WHALE, alert("w9", "whale.single", 8, first_trade_id=8)])
    assert (report.ok, rule_of(report, "whale.single").false, report.equality[0].extra) == (False, 1, 1)
    assert any("w9" in line for line in report.verdict)


def test_score_an_alert_on_a_seed_that_the_reference_does_not_raise_is_false_too() -> None:
    report = judge([seeded(1, "whale.single", 5)], [], hot=[WHALE])
    found = rule_of(report, "whale.single")
    assert (report.ok, found.qualifying, found.detected, found.false) == (False, 0, 0, 1)


def test_score_compares_the_newest_revision_and_every_field_but_the_message() -> None:
    early = alert("s1", "whale.split", 5, final=False, quote_volume=Decimal(1))
    last = msgspec.structs.replace(early, revision=1, final=True, quote_volume=Decimal("2.50"))
    same = msgspec.structs.replace(last, quote_volume=Decimal("2.5"), message="a split whale")
    assert judge([], [early, last], hot=[same]).ok
    report = judge([], [early, last], hot=[early])
    assert (report.equality[0].different, report.equality[0].missing) == (1, 0)
    assert any("revision is 0, not 1" in line for line in report.verdict)


def test_score_a_doubled_row_in_the_lake_fails() -> None:
    report = score([], {"BTC-USDT": result(WHALE)}, [WHALE], lake_rows(WHALE) * 2, FINE)
    assert (report.ok, report.equality[1].doubled, report.equality[1].missing) == (False, 1, 0)


def test_score_takes_naive_moments_of_the_lake_as_utc() -> None:
    rows = [{**row, "timestamp": row["timestamp"].replace(tzinfo=None)} for row in lake_rows(WHALE)]
    assert score([], {"BTC-USDT": result(WHALE)}, [WHALE], rows, FINE).ok


def test_score_trades_that_differ_from_the_tape_fail() -> None:
    report = judge([], [], trades=TradeCheck(tape=10, lake=9, missing=1, first=["missing: one"]))
    assert not report.ok
    assert report.verdict == ["raw_trades: 1 of 10 trades missing, 0 extra, 0 doubled and 0 different from the tape.", "missing: one"]


def test_score_time_to_detect_is_from_the_seeds_start_in_market_time_and_not_below_zero() -> None:
    slow = alert("v1", "volume.z", 60, detected_at=T0 + timedelta(seconds=95))
    quick = alert("w1", "whale.single", 5, first_trade_id=1, detected_at=T0 + timedelta(seconds=4.2))
    report = judge([seeded(1, "whale.single", 5), seeded(2, "volume.z", 60)], [quick, slow])
    assert rule_of(report, "volume.z").detect_p50_s == 35.0
    assert rule_of(report, "whale.single").detect_p99_s == 0.0
    assert rule_of(report, "spread.raw").detect_p50_s is None


def test_percentile_is_the_nearest_rank() -> None:
    values = [float(number) for number in range(1, 101)]
    assert [percentile(values, share) for share in (0.5, 0.95, 0.99, 1.0)] == [50.0, 95.0, 99.0, 100.0]
    assert (percentile([7.0], 0.01), percentile([], 0.5)) == (7.0, None)


@pytest.mark.parametrize(
    ("seed", "said", "same"),
    [
        (seeded(1, "whale.single", 5), WHALE, True),
        (seeded(2, "whale.single", 5), WHALE, False),
        (seeded(1, "whale.single", 5, native_symbol="BTCUSDC"), WHALE, False),
        (seeded(1, "whale.split", 5), alert("x", "whale.split", 5), True),
        (seeded(1, "whale.split", 5), alert("x", "whale.split", 5, side="sell"), False),
        (seeded(1, "whale.split", 5.001), alert("x", "whale.split", 5), False),
        (seeded(1, "volume.z", 60), alert("x", "volume.z", 60), True),
        (seeded(1, "volume.z", 60), alert("x", "volume.robust", 60), False),
        (seeded(1, "volume.z", 60), alert("x", "volume.z", 120), False),
        (seeded(1, "volume.z", 60), alert("x", "volume.z", 60, exchange="coinbase"), False),
        (seeded(1, "spread.raw", 30), alert("x", "spread.raw", 30), True),
        (seeded(1, "spread.raw", 30), alert("x", "spread.raw", 30, symbol="ETH-USDT"), False),
        (seeded(1, "spread.raw", 30, measure="peg"), alert("x", "spread.raw", 30, symbol="ETH-USDT"), True),
        (seeded(1, "spread.raw", 300, measure="peg"), alert("x", "spread.raw", 30), False),
    ],
)
def test_matches_is_about_the_same_prints_or_window(seed: Seeded, said: Alert, same: bool) -> None:
    assert matches(seed, said.rule, said) is same


def test_compare_trades_names_what_is_missing_extra_doubled_and_different() -> None:
    tape = [TapeTrade("binance", "BTCUSDT", "aggTrade", number, Decimal(100), Decimal(1), "buy", T0) for number in range(4)]
    assert compare_trades(tape, reversed(tape)) == TradeCheck(tape=4, lake=4)
    lake = [tape[0], tape[0], tape[1]._replace(side="sell"), tape[2], tape[2]._replace(trade_id=77)]
    check = compare_trades(tape, lake)
    assert (check.tape, check.lake, check.missing, check.extra, check.doubled, check.different) == (4, 5, 1, 1, 1, 1)
    assert len(check.first) == 4
    assert not check.exact
    assert compare_trades(tape, [trade._replace(price=Decimal("100.0")) for trade in tape]).exact


def test_trade_checks_of_markets_add_up() -> None:
    total = TradeCheck(tape=3, lake=2, missing=1, first=["a"]) + TradeCheck(tape=5, lake=5)
    assert total == TradeCheck(tape=8, lake=7, missing=1, first=["a"])


def test_report_is_json_and_the_same_for_the_same_inputs() -> None:
    truth, wanted = [seeded(1, "whale.single", 5)], [WHALE]
    first, again = (msgspec.json.encode(judge(truth, wanted)) for _ in range(2))
    assert first == again
    assert msgspec.json.decode(first, type=Report) == judge(truth, wanted)


@pytest.mark.parametrize("hot", [None, []])
def test_render_fits_100_columns_and_breaks_no_name(hot: list[Alert] | None) -> None:
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(render(judge([seeded(1, "whale.single", 5)], [WHALE], hot)))
    text = console.export_text()
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "volume.robust" in text
    assert "precision" in text
    assert ("failed" in text) is (hot == [])


def test_tape_is_made_again_from_its_seed_with_dense_ids() -> None:
    plan = make_plan(3, FIXED_START, 120, load_profile("sim"))
    tape = list(tape_of(plan))
    assert tape == list(tape_of(plan))
    for market in {trade[:3] for trade in tape}:
        ids = [trade.trade_id for trade in tape if trade[:3] == market]
        assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert {trade.kind for trade in tape} == {"aggTrade", "match"}
    assert all(plan.start <= trade.timestamp < plan.start + timedelta(seconds=120) for trade in tape)
