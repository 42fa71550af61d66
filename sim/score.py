"""The scorecard: what was seeded, what the rules' formulas make of it, what the platform found, and whether all is equal.

Pure: the same inputs give the same report. A seed *qualifies* for a rule when the reference (docs/FOLDS.md over the session's
own log) raises that rule's alert on it; it is *detected* when DynamoDB holds that alert. Precision counts alerts on seeds
against all alerts: honest noise of the market, which a plain z-score fires on too, lowers it and is no error.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ctc.model import Alert
from sim.compare import Equality, TradeCheck, compare_hot, compare_lake, newest
from sim.reference import Result
from sim.scorecard import Counts, Report, RuleScore, SizeScore, render
from sim.truth import Seeded

__all__ = ["matches", "percentile", "render", "score"]

RULES = ("volume.z", "volume.robust", "whale.single", "whale.split", "spread.raw", "spread.peg")
SIZES = ("below", "marginal-below", "marginal-above", "above", "far-above")
NAMED = 5  # how many misses a sentence names


def score(
    truth: Sequence[Seeded],
    expected: Mapping[str, Result],
    found_hot: Iterable[Alert],
    found_lake: Iterable[Mapping[str, Any]],
    trades: TradeCheck,
    windows: Sequence[Equality] = (),
) -> Report:
    """Truth, the reference's results by symbol, DynamoDB's alerts, rows of `anomalies` and the trades' check as one report."""
    wanted = newest(alert for result in expected.values() for alert in result.alerts)
    hot = list(found_hot)
    rules = [_rule_score(rule, truth, wanted, hot) for rule in RULES]
    equality = [compare_hot(wanted, hot), compare_lake(wanted, found_lake), *windows]
    problems = [*_missed(rules), *(line for each in equality for line in each.sentences()), *trades.sentences()]
    return Report(
        ok=not problems,
        verdict=problems or [_praise(rules, wanted, trades)],
        seeds=len(truth),
        rules=rules,
        equality=equality,
        trades=trades,
        symbols=[_counts(expected[symbol]) for symbol in sorted(expected)],
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


def _rule_score(rule: str, truth: Sequence[Seeded], wanted: Mapping[str, Alert], hot: Sequence[Alert]) -> RuleScore:
    seeds = [seed for seed in truth if rule in seed.rules]
    mine = [alert for alert in hot if alert.rule == rule]
    due = {seed.id: {alert.alert_id for alert in wanted.values() if matches(seed, rule, alert)} for seed in seeds}
    got = {seed.id: [alert for alert in mine if matches(seed, rule, alert)] for seed in seeds}
    qualifying = [seed for seed in seeds if due[seed.id]]
    detected = [seed for seed in qualifying if due[seed.id] & {alert.alert_id for alert in got[seed.id]}]
    on_seeds = {alert.alert_id for alerts in got.values() for alert in alerts}
    others = [alert for alert in mine if alert.alert_id not in on_seeds]
    delays = sorted(_delay(seed, got[seed.id]) for seed in detected)
    return RuleScore(
        rule=rule,
        seeded=len(seeds),
        qualifying=len(qualifying),
        detected=len(detected),
        missed=[seed.id for seed in qualifying if seed not in detected],
        recall=_ratio(len(detected), len(qualifying)),
        alerts=len(mine),
        on_seeds=len(mine) - len(others),
        noise=sum(alert.alert_id in wanted for alert in others),
        false=sum(alert.alert_id not in wanted for alert in mine),
        precision=_ratio(len(mine) - len(others), len(mine)),
        detect_p50_s=percentile(delays, 0.50),
        detect_p99_s=percentile(delays, 0.99),
        sizes=_by_size(seeds, qualifying, detected),
    )


def _by_size(seeds: Sequence[Seeded], qualifying: Sequence[Seeded], detected: Sequence[Seeded]) -> list[SizeScore]:
    known = [size for size in SIZES if any(seed.size == size for seed in seeds)]
    found = []
    for size in known + sorted({seed.size for seed in seeds} - set(SIZES)):
        all_, due, got = (sum(seed.size == size for seed in some) for some in (seeds, qualifying, detected))
        found.append(SizeScore(size=size, seeded=all_, qualifying=due, detected=got, recall=_ratio(got, due)))
    return found


def _delay(seed: Seeded, alerts: Sequence[Alert]) -> float:
    return max(0.0, (min(alert.detected_at for alert in alerts) - seed.start).total_seconds())


def percentile(ascending: Sequence[float], share: float) -> float | None:
    """The nearest-rank percentile, None of nothing."""
    return ascending[max(0, math.ceil(share * len(ascending)) - 1)] if ascending else None


def _ratio(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None


def _counts(result: Result) -> Counts:
    return Counts(
        symbol=result.symbol,
        trades=result.trades,
        duplicates=result.duplicates,
        late=result.late,
        gaps=len(result.gaps),
        bars=len(result.bars),
        spreads=len(result.spreads),
        alerts=len(newest(result.alerts)),
    )


def _missed(rules: Iterable[RuleScore]) -> list[str]:
    found = []
    for each in rules:
        if each.missed:
            names = ", ".join(each.missed[:NAMED])
            found.append(f"{each.rule}: {len(each.missed)} of {each.qualifying} seeded anomalies that qualify were not found ({names}).")
    return found


def _praise(rules: Sequence[RuleScore], wanted: Mapping[str, Alert], trades: TradeCheck) -> str:
    due, got = sum(each.qualifying for each in rules), sum(each.detected for each in rules)
    seeds = f"{got} of {due} seeded anomalies that qualify were found; the" if any(each.seeded for each in rules) else "The"
    sent = f", and the {trades.lake} trades in the lake exactly those that were sent" if trades.tape else ""
    return f"{seeds} {len(wanted)} alerts are exactly the reference's{sent}."
