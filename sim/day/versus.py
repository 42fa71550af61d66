"""Plain z beside the robust score: what each finds of the planted spikes and droughts, and what else it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime

import msgspec

from ctc.model import Alert, Bar
from ctc.settings import VolumeSettings
from sim.day.symbol import SymbolRun
from sim.tally import SIZES, ratio
from sim.truth import Seeded

RULES = ("volume.z", "volume.robust")
MEANT = ("marginal-above", "above", "far-above")  # sizes that are meant to be found
STEPS = 48  # thresholds of a curve, from 0.4 to 3 times the profile's
Market = tuple[str, str, datetime]  # exchange, symbol, start of the minute


class Planted(msgspec.Struct, frozen=True, kw_only=True):
    """Planted spikes or droughts of one size, on the scale they were sized for, and how many each score's alerts found."""

    shape: str
    measure: str
    size: str
    planted: int
    z: int
    robust: int


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A score's alerts: on volume seeds, on none, and how many of these had a whale of the same market in their minute."""

    rule: str
    alerts: int
    on_seeds: int
    noise: int
    with_whale: int
    noise_per_symbol_day: float
    recall: float | None
    precision: float | None


class Point(msgspec.Struct, frozen=True):
    """At this threshold: bars on nothing planted that pass it, a symbol and day, and the share found of what is meant to be."""

    threshold: float
    noise_per_symbol_day: float
    recall: float


class Curve(msgspec.Struct, frozen=True, kw_only=True):
    """A score at many thresholds, by closed bars alone (early alerts and the cooldown do not count here)."""

    rule: str
    threshold: float
    points: list[Point]


class Versus(msgspec.Struct, frozen=True, kw_only=True):
    """Both scores, side by side."""

    planted: list[Planted]
    said: list[Said]
    curves: list[Curve]


class _Bars:
    """Each session's closed bars by their scores: on volume seeds of a size that is meant to be found, and on none."""

    def __init__(self) -> None:
        self.meant: dict[str, list[float]] = {rule: [] for rule in RULES}
        self.other: dict[str, list[float]] = {rule: [] for rule in RULES}

    def add(self, bars: Iterable[Bar], seeds: dict[Market, Seeded]) -> None:
        for bar in bars:
            seed = seeds.get((bar.exchange, bar.symbol, bar.window_start))
            if not bar.complete or (seed is not None and seed.size not in MEANT):
                continue
            into = self.other if seed is None else self.meant
            for rule, score in (("volume.z", bar.z_score), ("volume.robust", bar.robust_score)):
                into[rule].append(0.0 if score is None else float(abs(score)))


def versus(runs: Sequence[SymbolRun], settings: VolumeSettings, symbol_days: float) -> Versus:
    """Both scores over all runs."""
    bars, seeds_found = _Bars(), Counter[tuple[str, str, str, str]]()
    alerts = {rule: Counter[str]() for rule in RULES}
    for run in runs:
        seeds = {_place(seed): seed for seed in run.planted if seed.type == "volume_spike"}
        bars.add(run.result.bars, seeds)
        fired = {rule: [alert for alert in run.found if alert.rule == rule] for rule in RULES}
        whales = {(one.exchange, _minute(one.event_time)) for one in run.found if one.type == "whale"}
        for rule, said in fired.items():
            alerts[rule].update(_kind(alert, seeds, whales) for alert in said)
            for seed in {id(one): one for alert in said if (one := seeds.get(_where(alert))) is not None}.values():
                seeds_found[(*_shape(seed), rule)] += 1
        for seed in seeds.values():
            seeds_found[(*_shape(seed), "planted")] += 1
    return Versus(
        planted=_planted(seeds_found),
        said=[_said(rule, alerts[rule], seeds_found, symbol_days) for rule in RULES],
        curves=[
            _curve(rule, float(limit), bars, symbol_days)
            for rule, limit in (("volume.z", settings.z_threshold), ("volume.robust", settings.robust_threshold))
        ],
    )


def _place(seed: Seeded) -> Market:
    return (seed.exchange, seed.symbol, seed.start)


def _where(alert: Alert) -> Market:
    assert alert.window_start is not None, "a volume alert has its window"
    return (alert.exchange, alert.symbol, alert.window_start)


def _minute(moment: datetime) -> datetime:
    return moment.replace(second=0, microsecond=0)


def _shape(seed: Seeded) -> tuple[str, str, str]:
    return ("spike" if seed.intended > 0 else "drought", seed.measure, seed.size)


def _kind(alert: Alert, seeds: dict[Market, Seeded], whales: set[tuple[str, datetime]]) -> str:
    place = _where(alert)
    if place in seeds:
        return "on_seeds"
    return "with_whale" if (place[0], place[2]) in whales else "alone"


def _planted(found: Counter[tuple[str, str, str, str]]) -> list[Planted]:
    groups = {(shape, measure, size) for shape, measure, size, _ in found}
    order = sorted(groups, key=lambda group: (group[0] != "spike", group[1] != "z_score", SIZES.index(group[2])))
    return [
        Planted(
            shape=group[0],
            measure=group[1],
            size=group[2],
            planted=found[(*group, "planted")],
            z=found[(*group, "volume.z")],
            robust=found[(*group, "volume.robust")],
        )
        for group in order
    ]


def _said(rule: str, kinds: Counter[str], found: Counter[tuple[str, str, str, str]], symbol_days: float) -> Said:
    total = sum(kinds.values())
    noise = kinds["with_whale"] + kinds["alone"]
    meant = {who: sum(count for (_, _, size, whose), count in found.items() if whose == who and size in MEANT) for who in (rule, "planted")}
    return Said(
        rule=rule,
        alerts=total,
        on_seeds=kinds["on_seeds"],
        noise=noise,
        with_whale=kinds["with_whale"],
        noise_per_symbol_day=round(noise / symbol_days, 2),
        recall=ratio(meant[rule], meant["planted"]),
        precision=ratio(kinds["on_seeds"], total),
    )


def _curve(rule: str, limit: float, bars: _Bars, symbol_days: float) -> Curve:
    meant, other = bars.meant[rule], bars.other[rule]
    points = []
    for step in range(STEPS + 1):
        threshold = round(limit * 0.4 * (3 / 0.4) ** (step / STEPS), 4)
        passed = sum(score > threshold for score in meant)
        noise = sum(score > threshold for score in other)
        points.append(Point(threshold, round(noise / symbol_days, 3), ratio(passed, len(meant)) or 0.0))
    return Curve(rule=rule, threshold=limit, points=points)
