"""Seeds against alerts, rule by rule, as counts that add up over symbols and sessions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

from ctc.model import Alert
from sim.scorecard import RuleScore, SizeScore
from sim.truth import Seeded

RULES = ("volume.z", "volume.robust", "whale.single", "whale.split", "spread.raw", "spread.peg")
SIZES = ("below", "marginal-below", "marginal-above", "above", "far-above")


class SizeTally(msgspec.Struct, frozen=True):
    """Seeds of one size: how many were planted, how many of them qualify, how many of those were found."""

    seeded: int = 0
    qualifying: int = 0
    detected: int = 0

    def __add__(self, other: SizeTally) -> SizeTally:
        return SizeTally(self.seeded + other.seeded, self.qualifying + other.qualifying, self.detected + other.detected)


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """One rule in one session, or in several: `a + b`. `delays` are seconds to detect, in no order; see RuleScore for the rest."""

    rule: str
    sizes: dict[str, SizeTally]
    missed: list[str]
    alerts: int
    on_seeds: int
    noise: int
    false: int
    delays: list[float]

    def __add__(self, other: Tally) -> Tally:
        sums = {name: getattr(self, name) + getattr(other, name) for name in ("missed", "alerts", "on_seeds", "noise", "false", "delays")}
        sizes = {size: self.sizes.get(size, SizeTally()) + other.sizes.get(size, SizeTally()) for size in self.sizes | other.sizes}
        return Tally(rule=self.rule, sizes=sizes, **sums)

    def score(self) -> RuleScore:
        """The rule's line of a scorecard."""
        total = sum(self.sizes.values(), SizeTally())
        delays = sorted(self.delays)
        return RuleScore(
            rule=self.rule,
            seeded=total.seeded,
            qualifying=total.qualifying,
            detected=total.detected,
            missed=self.missed,
            recall=ratio(total.detected, total.qualifying),
            alerts=self.alerts,
            on_seeds=self.on_seeds,
            noise=self.noise,
            false=self.false,
            precision=ratio(self.on_seeds, self.alerts),
            detect_p50_s=percentile(delays, 0.50),
            detect_p99_s=percentile(delays, 0.99),
            sizes=[_size_score(size, self.sizes[size]) for size in _ordered(self.sizes)],
        )


def tally(rule: str, truth: Iterable[Seeded], wanted: Mapping[str, Alert], found: Iterable[Alert]) -> Tally:
    """One session's seeds against the alerts that were found; `wanted` are the reference's newest revisions by id."""
    seeds = [seed for seed in truth if rule in seed.rules]
    mine = [alert for alert in found if alert.rule == rule]
    right = [alert for alert in wanted.values() if alert.rule == rule]
    due = {seed.id: {alert.alert_id for alert in right if matches(seed, rule, alert)} for seed in seeds}
    got = {seed.id: [alert for alert in mine if matches(seed, rule, alert)] for seed in seeds}
    qualifying = [seed for seed in seeds if due[seed.id]]
    detected = [seed for seed in qualifying if due[seed.id] & {alert.alert_id for alert in got[seed.id]}]
    known = {seed.id for seed in detected}
    on_seeds = {alert.alert_id for alerts in got.values() for alert in alerts}
    others = [alert for alert in mine if alert.alert_id not in on_seeds]
    return Tally(
        rule=rule,
        sizes=_by_size(seeds, qualifying, detected),
        missed=[seed.id for seed in qualifying if seed.id not in known],
        alerts=len(mine),
        on_seeds=len(mine) - len(others),
        noise=sum(alert.alert_id in wanted for alert in others),
        false=sum(alert.alert_id not in wanted for alert in mine),
        delays=[_delay(seed, got[seed.id]) for seed in detected],
    )


def _by_size(*several: Sequence[Seeded]) -> dict[str, SizeTally]:
    sizes = dict.fromkeys(seed.size for seed in several[0])
    return {size: SizeTally(*(sum(seed.size == size for seed in some) for some in several)) for size in sizes}


def _ordered(sizes: Iterable[str]) -> list[str]:
    given = set(sizes)
    return [size for size in SIZES if size in given] + sorted(given - set(SIZES))


def _size_score(size: str, counts: SizeTally) -> SizeScore:
    return SizeScore(
        size=size,
        seeded=counts.seeded,
        qualifying=counts.qualifying,
        detected=counts.detected,
        recall=ratio(counts.detected, counts.qualifying),
    )


def matches(seed: Seeded, rule: str, alert: Alert) -> bool:
    """True if an alert of that rule is about this seed: its prints, its bar, its spread window; a de-peg touches every symbol."""
    if alert.rule != rule or rule not in seed.rules:
        return False
    if rule == "whale.single":
        return _same_market(seed, alert) and alert.first_trade_id in seed.trade_ids
    if rule == "whale.split":
        return _same_market(seed, alert) and alert.side == seed.side and seed.start <= alert.event_time < seed.end
    if seed.measure == "peg":
        return _begins(alert) < seed.end and _ends(alert) > seed.start
    return (alert.exchange, alert.symbol, alert.window_start) == (seed.exchange, seed.symbol, seed.start)


def _same_market(seed: Seeded, alert: Alert) -> bool:
    return (seed.exchange, seed.symbol, seed.native_symbol) == (alert.exchange, alert.symbol, alert.native_symbol)


def _begins(alert: Alert) -> datetime:
    return alert.window_start or alert.event_time


def _ends(alert: Alert) -> datetime:
    return alert.window_end or alert.event_time


def _delay(seed: Seeded, alerts: Sequence[Alert]) -> float:
    return max(0.0, (min(alert.detected_at for alert in alerts) - seed.start).total_seconds())


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, None of nothing."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else None


def ratio(part: int, whole: int) -> float | None:
    """A share to 4 places, None of nothing."""
    return round(part / whole, 4) if whole else None
