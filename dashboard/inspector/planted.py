"""What the simulator planted, read from its file, and which alerts answered: a look, where the scorecard is the judge."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

import msgspec
import pandas as pd

from dashboard.inspector import data
from dashboard.inspector.data import Source

MOST = 10_000  # alerts of a session that are looked through
SIZES = ("below", "marginal-below", "marginal-above", "above", "far-above")


class Seed(msgspec.Struct, frozen=True):
    """What is needed of a planted anomaly (sim/truth.py has all of it)."""

    id: str
    rule: str
    exchange: str
    symbol: str
    start: datetime
    end: datetime
    size: str


class _Truth(msgspec.Struct):
    seeds: list[Seed] = []


def seeds(state: Path) -> list[Seed]:
    """All that was planted; none where the file is missing or just being replaced."""
    try:
        return msgspec.json.decode((state / "truth.json").read_bytes(), type=_Truth).seeds
    except (OSError, msgspec.MsgspecError):
        return []


def answered(origin: Source, due: Iterable[Seed]) -> set[str]:
    """The ids of those that an alert of their rule, symbol and time answers. A de-peg is every symbol's."""
    by_rule: dict[str, list[tuple[str, datetime]]] = {}
    for alert in data.alerts(origin, None, most=MOST):
        by_rule.setdefault(alert.rule, []).append((alert.symbol, alert.window_start or alert.event_time))
    return {
        seed.id
        for seed in due
        if any(
            seed.start <= at < seed.end and (symbol == seed.symbol or seed.rule == "spread.peg" or seed.rule == "spread.raw")
            for symbol, at in by_rule.get(seed.rule, ())
        )
    }


def table(due: Iterable[Seed], found: set[str]) -> pd.DataFrame:
    """By rule and size: answered of planted."""
    planted = Counter((seed.rule, seed.size) for seed in due)
    hits = Counter((seed.rule, seed.size) for seed in due if seed.id in found)
    rules = sorted({rule for rule, _ in planted})
    cells = {
        size: [f"{hits[rule, size]} of {planted[rule, size]}" if planted[rule, size] else "" for rule in rules]
        for size in (*SIZES, *sorted({size for _, size in planted} - set(SIZES)))
    }
    return pd.DataFrame({"rule": rules, **cells})
