"""`ctc score`: its log is the simulator's own market, its two computations agree, and a difference between them fails it."""

from __future__ import annotations

import random

import msgspec
import numpy as np
import pytest

from ctc.codec import read_record
from ctc.model import Heartbeat, Trade
from ctc.settings import load_profile
from sim.compare import TradeCheck
from sim.day.card import day_report
from sim.day.command import parse_seeds, parse_symbols
from sim.day.log import SymbolLog, part_of
from sim.day.pool import run_all
from sim.day.symbol import Job, SymbolRun, compare_said, run_symbol
from sim.market import Market
from sim.plan import FIXED_START, make_plan
from sim.tape import tape_of

SETTINGS = load_profile("sim")
BTC, PEG = "BTC-USDT", "USDT-USD"
MINUTES = 40


def nothing(_: int) -> None:
    """Nobody watches."""


@pytest.fixture(scope="module")
def runs() -> list[SymbolRun]:
    """Two seeds of a coin and the peg: the short form that every commit is held to."""
    return run_all([Job(seed, symbol, MINUTES, 0.5) for seed in (3, 4) for symbol in (BTC, PEG)], SETTINGS, 2, nothing)


def test_day_short_form_is_exact_and_misses_nothing(runs: list[SymbolRun]) -> None:
    report = day_report(runs, SETTINGS)
    assert report.ok, report.verdict
    assert all(each.score.recall in (1, None) for each in report.rules)
    assert all(each.score.false == 0 for each in report.rules)
    assert sum(each.score.qualifying for each in report.rules) >= 20
    assert {each.store for each in report.equality if each.expected} == {"alerts, all revisions", "bars", "spreads", "counts"}
    assert report.trades.tape == sum(run.result.trades for run in runs) > 20_000
    assert all(bar.holds for bar in report.bars)
    assert report.planted == sum(len({seed.id for run in runs if run.job.seed == one for seed in run.planted}) for one in (3, 4))


def test_day_runs_again_give_the_same(runs: list[SymbolRun]) -> None:
    again = run_symbol(runs[1].job, SETTINGS, nothing)
    assert msgspec.structs.replace(again, seconds=0, peak_bytes=0) == msgspec.structs.replace(runs[1], seconds=0, peak_bytes=0)


@pytest.mark.parametrize("damage", ["field", "missing", "extra"])
def test_day_a_difference_fails_and_is_named(runs: list[SymbolRun], damage: str) -> None:
    alerts = list(runs[0].result.alerts)
    changed = {
        "field": [msgspec.structs.replace(alerts[0], severity="?"), *alerts[1:]],
        "missing": alerts[1:],
        "extra": [*alerts, alerts[0]],
    }[damage]
    equality = [compare_said("alerts", alerts, changed)]
    report = day_report([msgspec.structs.replace(runs[0], equality=equality)], SETTINGS)
    assert not report.ok
    assert any("alerts, number" in line for line in report.verdict)


def test_day_a_missed_seed_fails_and_is_named(runs: list[SymbolRun]) -> None:
    found = [alert for alert in runs[0].found if alert.rule != "whale.single"]
    report = day_report([msgspec.structs.replace(runs[0], found=found)], SETTINGS)
    assert not report.ok
    assert any("whale.single" in line and "seed 3: seed-0001" in line for line in report.verdict)


def test_day_a_lost_trade_fails(runs: list[SymbolRun]) -> None:
    assert not day_report([msgspec.structs.replace(runs[0], trades=TradeCheck(tape=5, lake=4, missing=1))], SETTINGS).ok


def test_day_log_is_the_tape_in_order_with_a_heartbeat_a_second() -> None:
    plan = make_plan(5, FIXED_START, 180, SETTINGS)
    written = list(SymbolLog(plan, BTC, SETTINGS, random.Random(1)).minutes(3))
    lines = [line for each in written for record in each.records for line in read_record(record[2], frozenset({BTC}))]
    trades = {(line.exchange, line.trade_id): line for line in lines if isinstance(line, Trade)}
    printed = {(one.exchange, one.trade_id): one for one in tape_of(plan) if one.native_symbol in ("BTCUSDT", "BTC-USD")}
    assert {key: (one.price, one.quantity, one.side, one.timestamp) for key, one in trades.items()} == {
        key: (one.price, one.quantity, one.side, one.timestamp) for key, one in printed.items()
    }
    beats = [line for line in lines if isinstance(line, Heartbeat)]
    assert [(beat.heartbeat - FIXED_START).total_seconds() for beat in beats] == [*range(1, 181), 250]
    assert all(mark.connected for beat in beats[:-2] for mark in beat.venues)
    assert any(beat.peg for beat in beats)
    assert beats[-1].final
    clock = None
    for line in lines:  # a trade never stands before a heartbeat that it is older than
        if isinstance(line, Heartbeat):
            clock = line.heartbeat
        elif clock is not None and isinstance(line, Trade):
            assert line.timestamp >= clock


@pytest.mark.parametrize("symbols", [{BTC, PEG}, {"SOL-USDT", PEG}, {PEG}])
def test_day_part_of_a_market_is_what_the_whole_has_of_it(symbols: set[str]) -> None:
    plan = make_plan(11, FIXED_START, 35 * 60, SETTINGS)
    whole, part = Market(plan), part_of(plan, frozenset(symbols))
    state, (market, narrow) = whole.first_state(), part
    planted = []
    for _ in range(35):
        minute, state = whole.step(state)
        own, narrow = market.step(narrow)
        for name in market.listings:
            assert all(
                np.array_equal(getattr(own.prints[name], field), getattr(minute.prints[name], field))
                for field in ("at", "price", "quantity", "buy", "order")
            )
        assert own.planted == tuple(seed for seed in minute.planted if seed.symbol in symbols)
        planted += own.planted
    assert planted


def test_day_seeds_are_numbers_and_spans() -> None:
    assert parse_seeds("7") == [7]
    assert parse_seeds("3, 5,8-10,5") == [3, 5, 8, 9, 10]
    assert parse_symbols(None, SETTINGS) == list(SETTINGS.session.symbols)
    assert parse_symbols("SOL-USDT,BTC-USDT", SETTINGS) == ["SOL-USDT", "BTC-USDT"]
