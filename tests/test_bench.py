"""The parts of `make bench` that can be wrong without anyone noticing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from ctc.codec import read_record
from ctc.model import Heartbeat, Trade
from ctc.settings import ROOT, load_profile
from ctc.spark.sinks import Latencies
from sim.plan import FIXED_START

Part = Callable[[str], ModuleType]


@pytest.fixture
def part(monkeypatch: pytest.MonkeyPatch) -> Part:
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))

    def load(name: str) -> ModuleType:
        return importlib.import_module(f"bench.{name}")

    return load


def test_backlog_takes_exactly_what_was_asked_for(part: Part) -> None:
    settings = load_profile("sim")
    backlog = part("backlog").Backlog(settings, FIXED_START, 20.0)
    taken = [[line for record in backlog.take(count) for line in read_record(record.data)] for count in (3_000, 2_000)]
    assert [sum(isinstance(line, Trade) for line in lines) for lines in taken] == [3_000, 2_000]
    trades = [line for lines in taken for line in lines if isinstance(line, Trade)]
    assert len({trade.event_id for trade in trades}) == 5_000
    beats = [line for lines in taken for line in lines if isinstance(line, Heartbeat)]
    assert beats
    assert all(mark.connected for beat in beats for mark in beat.venues)


def test_warm_up_shares_no_id_with_what_follows(part: Part) -> None:
    backlog = part("backlog")
    settings = load_profile("sim")
    first, second = (
        {
            line.space
            for record in backlog.Backlog(own, FIXED_START, 20.0).take(500)
            for line in read_record(record.data)
            if isinstance(line, Trade)
        }
        for own in (settings, backlog.elsewhere(settings))
    )
    assert first
    assert not first & second


def test_folds_alone_take_every_trade(part: Part) -> None:
    backlog = part("backlog")
    settings = load_profile("sim")
    assert backlog.fold_alone(backlog.Backlog(settings, FIXED_START, 20.0).take(500), settings) > 0


@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="peaks are read off Linux's /proc")
def test_memory_knows_a_child_by_its_module(part: Part) -> None:
    memory = part("memory")
    # As the leash is started: what it becomes is the fourth word.
    with subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()", "ctc.api"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        peaks = memory.Peaks()
        peaks.sample()
        child.communicate(b"\n", timeout=60)
    assert peaks.rss["API"] > 1 << 20


def test_latencies_of_a_batch_are_said_and_kept() -> None:
    kept = Latencies(kept=3)
    assert kept.add([1_000_000, 2_000_000], 3_500_000) == [2.5, 1.5]
    assert kept.add([3_000_000, 3_250_000], 3_500_000) == [0.5, 0.25]
    assert kept.summary() == {"count": 3, "p50": 0.5, "p95": 1.5, "p99": 1.5, "max": 1.5}
