"""CPU-seconds of the processes that this one started, by what they are (as `bench.memory` groups them), read off /proc."""

from __future__ import annotations

import os
from collections import Counter

from bench.memory import PROC, processes

TICKS = os.sysconf("SC_CLK_TCK")


def seconds() -> Counter[str]:
    """By group, since the processes' start: what they used, and what their ended children did."""
    found: Counter[str] = Counter()
    for pid, group in processes():
        try:
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        found[group] += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return Counter({group: ticks / TICKS for group, ticks in found.items()})


def between(before: Counter[str], after: Counter[str]) -> dict[str, float]:
    """CPU-seconds used from one look to the next."""
    return {group: round(after[group] - before[group], 2) for group in sorted(after)}
