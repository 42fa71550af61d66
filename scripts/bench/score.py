"""What the detectors find on simulated sessions of several seeds, and how fast that is computed: `ctc score`'s figures as rows."""

from __future__ import annotations

import os
import time
from collections.abc import Callable

from bench.table import Row
from ctc.errors import CtcError
from ctc.settings import load_profile
from sim.day.card import DayReport, RuleDay, day_report
from sim.day.pool import run_all
from sim.day.symbol import Job

PERCENT = 100


def score(say: Callable[[str], None], seeds: int, minutes: int) -> list[Row]:
    """Seeds from 1 on, of so many market minutes, every symbol of the profile. Raises CtcError when the scorecard is not all green."""
    settings = load_profile("sim")
    jobs = [Job(seed, symbol, minutes, 1.0) for seed in range(1, seeds + 1) for symbol in settings.session.symbols]
    say(f"{seeds} seeds, {minutes} market minutes each")
    began = time.monotonic()
    report = day_report(run_all(jobs, settings, os.cpu_count() or 1, lambda _: None), settings)
    taken = time.monotonic() - began
    if not report.ok:
        raise CtcError(" ".join(report.verdict))
    return [*(_row(each) for each in report.rules if each.score.seeded), _whales(report), _speed(report, taken)]


def _row(each: RuleDay) -> Row:
    found = each.score
    beside = (
        f"precision {_percent(found.precision)}; {each.off_seeds_per_symbol_day:.1f} alerts on nothing planted a symbol and day; "
        f"to detect p50 {found.detect_p50_s:.1f} s, p99 {found.detect_p99_s:.1f} s"
        if found.detected
        else "none qualified"
    )
    what = f"{found.rule}: found of {found.qualifying} planted that qualify"
    return Row(section="score", what=what, value=PERCENT * (found.recall or 0), unit="%", aim="100", beside=beside)


def _whales(report: DayReport) -> Row:
    bar = next(bar for bar in report.bars if bar.what.startswith("all prints"))
    share, _, counts = bar.measured.partition("% ")
    return Row(
        section="score", what=f"single whales: all prints above the threshold {counts}", value=float(share), unit="%", aim="95", beside=""
    )


def _speed(report: DayReport, taken: float) -> Row:
    peak = max(each.peak_mib for each in report.symbols)
    beside = f"{report.trades.tape:,} trades in {taken:.0f} s; a process took {peak} MiB at most"
    return Row(section="score", what="generated, folded and referenced", value=report.trades.tape / taken, unit="trades/s", beside=beside)


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value * PERCENT:.1f} %"
