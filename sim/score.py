"""The scorecard: what was seeded, what the rules' formulas make of it, what the platform found, and whether all is equal.

Pure: the same inputs give the same report. A seed *qualifies* for a rule when the reference (docs/FOLDS.md over the session's
own log) raises that rule's alert on it; it is *detected* when DynamoDB holds that alert. Precision counts alerts on seeds
against all alerts: honest noise of the market, which a plain z-score fires on too, lowers it and is no error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ctc.model import Alert
from sim.compare import Equality, TradeCheck, compare_hot, compare_lake, newest
from sim.reference import Result
from sim.scorecard import Counts, Report, RuleScore, render
from sim.tally import RULES, matches, percentile, tally
from sim.truth import Seeded

__all__ = ["matches", "percentile", "render", "score"]

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
    rules = [tally(rule, truth, wanted, hot).score() for rule in RULES]
    equality = [compare_hot(wanted, hot), compare_lake(wanted, found_lake), *windows]
    problems = [*missed(rules), *(line for each in equality for line in each.sentences()), *trades.sentences()]
    return Report(
        ok=not problems,
        verdict=problems or [_praise(rules, wanted, trades)],
        seeds=len(truth),
        rules=rules,
        equality=equality,
        trades=trades,
        symbols=[_counts(expected[symbol]) for symbol in sorted(expected)],
    )


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


def missed(rules: Iterable[RuleScore]) -> list[str]:
    """A sentence for each rule that did not find what it should have."""
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
