"""What the soak measures with: memory's slope, and the sums that millions of rows are held against."""

from __future__ import annotations

import os
from collections import defaultdict
from decimal import Decimal

import pytest

from ctc.settings import load_profile
from sim.faults.memory import FEWEST, Memory, slope_per_minute
from sim.faults.soak import Soak, Struck, markdown
from sim.faults.totals import tape_totals
from sim.plan import FIXED_START, make_plan
from sim.tape import tape_of


def test_slope_is_that_of_the_line_through_the_samples() -> None:
    assert slope_per_minute([(0, 10), (30, 10.5), (60, 11), (90, 11.5)]) == pytest.approx(1.0)
    assert slope_per_minute([(0, 10), (60, 12), (120, 10)]) == pytest.approx(0.0)


class Here:
    """A session whose every program is this process."""

    def pid(self, name: str) -> int:
        return os.getpid()

    def standby_pid(self, name: str) -> int | None:
        return None


def test_memory_is_sampled_by_process_and_its_slope_told_once_there_are_enough() -> None:
    memory = Memory()
    for step in range(FEWEST):
        assert all(each.slope_mb_per_minute is None for each in memory.growth())
        memory.sample(step * 5.0, Here(), os.getpid())  # type: ignore[arg-type]
    found = {each.name: each for each in memory.growth()}
    assert {"exchange", "producer", "api", "emulator", "relays", "Spark's driver"} <= set(found)
    assert found["producer"].last_mb > 10
    assert found["producer"].slope_mb_per_minute is not None
    assert found["producer"].watched_s == (FEWEST - 1) * 5.0


def test_totals_are_those_of_the_tape() -> None:
    plan = make_plan(3, FIXED_START, 180, load_profile("sim"), rate=0.5)
    counts: dict[str, int] = defaultdict(int)
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    lowest: dict[str, int] = {}
    for trade in tape_of(plan):
        name = f"{trade.exchange}:{trade.native_symbol}"
        counts[name] += 1
        amounts[name] += trade.price * trade.quantity
        lowest[name] = min(trade.trade_id, lowest.get(name, trade.trade_id))
    found = tape_totals(plan)
    assert {name: (each.trades, each.low, each.amount) for name, each in found.items()} == {
        name: (counts[name], lowest[name], amounts[name]) for name in counts
    }


@pytest.mark.parametrize(("back_s", "wrong", "ok"), [(29.0, [], True), (31.0, [], False), (None, [], False), (1.0, ["a row lost"], False)])
def test_soak_holds_only_if_nothing_is_lost_and_every_lag_comes_back_in_time(back_s: float | None, wrong: list[str], ok: bool) -> None:
    found = Soak(
        minutes=3,
        trades_per_s=100.0,
        trades_due=18_000,
        trades_found=18_000,
        normal_lag_s=5.0,
        lag_p50_s=1.0,
        lag_p99_s=4.0,
        struck=[Struck("sockets_cut", 30.0, 0.5, 6.0, back_s)],
        memory=[],
        wrong=wrong,
    )
    assert found.ok is ok
    assert "sockets_cut" in markdown(found)
