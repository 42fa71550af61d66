"""The platform on one machine: a backlog drained, sockets to tables, the latency of alerts."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.backlog import SEED, Backlog, fold_alone
from bench.running import Running, Say, running, warm_up
from bench.table import Row
from ctc import status
from ctc.errors import CtcError
from sim.plan import FIXED_START, make_plan, save_plan

Overrides = Mapping[str, Any]  # of the profile's values, dotted
RATE = 20.0  # 500 trades/s of market time, so that records are full
LATENCY_RATE = 80.0  # 2,000 trades/s


def drain(state: Path, say: Say, overrides: Overrides, trades: int) -> list[Row]:
    """Two backlogs: one that waits for a cold start, one of the same size that meets a warm Spark."""
    with running(state, say, overrides) as run:
        say(f"making two backlogs of {trades:,} trades")
        backlog = Backlog(run.settings, FIXED_START, RATE)
        first, second = backlog.take(trades), backlog.take(trades)
        alone = fold_alone(first, run.settings)
        run.put(first)
        say("starting Spark on the first")
        began = time.monotonic()
        run.start("spark")
        warm = run.until(lambda: min(run.totals()) > 0, "the first batches")
        at_first = run.totals()
        cold_end = run.both_have(trades)
        say("putting the second before Spark, held meanwhile")
        with run.spark_held():
            run.put(second)
        resumed = time.monotonic()
        end = run.both_have(2 * trades)
    left = trades - sum(at_first) / 2  # of each query, on average
    rows = [_rate(f"backlog of {trades:,} trades, Spark warm", trades / (end - resumed), alone, "25,000")]
    rows.append(_rate(f"the same from a cold start ({warm - began:.0f} s to both first batches)", trades / (cold_end - began), alone))
    if left > 0.1 * trades:
        rows.append(_rate(f"the same after both first batches ({left:,.0f} left)", left / (cold_end - warm), alone))
    return rows


def _rate(what: str, rate: float, alone: float, aim: str = "") -> Row:
    beside = f"the folds alone, one Python process: {alone:,.0f} trades/s"
    return Row(section="drain", what=what, value=rate, unit="trades/s", aim=aim, beside=beside, ratio=rate / alone)


def sustained(state: Path, say: Say, overrides: Overrides, minutes: int) -> list[Row]:
    """Simulated exchanges over sockets, producer, stream and both queries at once, as fast as they go."""
    with running(state, say, overrides) as run:
        plan = make_plan(SEED, FIXED_START, minutes * 60, run.settings, pace="max", rate=RATE)
        save_plan(plan, run.state)
        before = warm_up(run, say)
        say(f"{minutes} market minutes through the sockets")
        run.start("exchange", "producer", options=("--until", (FIXED_START + timedelta(minutes=minutes)).isoformat()))
        began = run.until(lambda: run.said("producer", "trades") > 0, "the first trade")
        sent_at = run.until(lambda: run.session.all_sent(), "the producer's end")
        sent, reached = run.said("producer", "trades"), min(run.totals()) - before
        end = run.both_have(before + sent)
    rate, producer = sent / (end - began), sent / (sent_at - began)
    beside = f"socket to stream in it: {producer:,.0f} trades/s ({reached / sent:.0%} in both tables by then)"
    what = f"{sent:,} trades, socket to both tables"
    return [Row(section="sustained", what=what, value=rate, unit="trades/s", aim="10,000", beside=beside, ratio=rate / producer)]


class _Batches:
    """Latencies by batch of `detect`, read off its status before the next batch replaces it."""

    def __init__(self, run: Running) -> None:
        self._run = run
        self.found: dict[int, list[float]] = {}
        self.look()
        self.first = max(self.found, default=-1) + 1

    def look(self) -> None:
        said = status.read(self._run.state, "detect") or {}
        if "batch" in said:
            self.found[said["batch"]] = said.get("last", {}).get("latency_s", [])

    def seconds(self) -> list[float]:
        """Ascending, of the batches since the first look."""
        return sorted(value for batch, values in self.found.items() if batch >= self.first for value in values)

    def batches(self) -> tuple[int, int]:
        """Batches seen since the first look, and those that were."""
        seen = [batch for batch in self.found if batch >= self.first]
        return len(seen), max(seen, default=self.first - 1) - self.first + 1


def latency(state: Path, say: Say, overrides: Overrides, settle_s: float, measure_s: float) -> list[Row]:
    """Stream arrival to DynamoDB of each alert, at 2,000 trades/s in real time."""
    with running(state, say, overrides) as run:
        save_plan(make_plan(SEED, FIXED_START, None, run.settings, pace=1.0, rate=LATENCY_RATE), run.state)
        warmed = warm_up(run, say)
        run.start("exchange", "producer")
        run.until(lambda: run.said("producer", "trades") > 0, "the first trade")
        say(f"2,000 trades/s: {settle_s:.0f} s to settle, {measure_s:.0f} s measured")
        run.for_seconds(settle_s, "the market to settle")
        batches, before, began = _Batches(run), run.totals()[1], time.monotonic()
        run.for_seconds(measure_s, "alerts", batches.look)
        rate = (run.totals()[1] - before) / (time.monotonic() - began)
        behind = run.said("producer", "trades") - (run.totals()[1] - warmed)
    seconds, (seen, were) = batches.seconds(), batches.batches()
    if not seconds:
        raise CtcError(f"no alert fell into the {measure_s:.0f} s that were measured: run without --quick")
    pace = f"one each {measure_s / max(were, 1):.1f} s"
    at = f"at {rate:,.0f} trades/s, {len(seconds)} alerts in {seen} of {were} batches, {pace}; {behind:,} trades behind at the end"
    rows = []
    for share, aim in ((50, "1.5 s"), (99, "4 s")):
        value = seconds[min(len(seconds) - 1, len(seconds) * share // 100)]
        rows.append(Row(section="latency", what=f"p{share}, stream arrival to DynamoDB", value=value, unit="s", aim=aim, beside=at))
    return rows
