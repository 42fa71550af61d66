"""The scorecard's form: one struct that is written as JSON, and its tables for the terminal."""

from __future__ import annotations

import msgspec
from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from sim.compare import Equality, TradeCheck


class SizeScore(msgspec.Struct, frozen=True, kw_only=True):
    """Seeds of one size under one rule; `recall` is detected / qualifying, None where none qualifies."""

    size: str
    seeded: int
    qualifying: int
    detected: int
    recall: float | None


class RuleScore(msgspec.Struct, frozen=True, kw_only=True):
    """One rule. `alerts` are those in DynamoDB, `on_seeds` of them lie on a seed, `noise` don't but the reference raises them
    too, `false` the reference does not raise. Times to detect are market seconds from the seed's start to the first alert's
    `detected_at` (not below 0: the clock of heartbeats may stand up to a second behind a whale's own time).
    """

    rule: str
    seeded: int
    qualifying: int
    detected: int
    missed: list[str]
    recall: float | None
    alerts: int
    on_seeds: int
    noise: int
    false: int
    precision: float | None
    detect_p50_s: float | None
    detect_p99_s: float | None
    sizes: list[SizeScore]


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """What the reference counted in one symbol's log."""

    symbol: str
    trades: int
    duplicates: int
    late: int
    gaps: int
    bars: int
    spreads: int
    alerts: int


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The scorecard; `ok` is the verdict, `verdict` says it in sentences."""

    ok: bool
    verdict: list[str]
    seeds: int
    rules: list[RuleScore]
    equality: list[Equality]  # alerts in DynamoDB and in `anomalies`, bars, spreads
    trades: TradeCheck
    symbols: list[Counts]


def render(report: Report) -> RenderableType:
    """The report as tables and its verdict; fits 80 columns."""
    style = "bold green" if report.ok else "bold red"
    lines = [Text(line, style=style if index == 0 else "red", overflow="fold") for index, line in enumerate(report.verdict)]
    seeds = [_detection(report), _sizes(report)] if report.seeds else []
    return Group(
        *seeds, _equality(report), _logs(report), Text("ok" if report.ok else "failed", style=style), *lines
    )  # fmt: skip


def number_table(title: str, caption: str, first: int, *columns: str) -> Table:
    """A table whose first columns are words and the others numbers."""
    table = Table(
        title=title,
        caption=caption,
        title_justify="left",
        caption_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
        padding=0,
    )
    for index, name in enumerate(columns):
        words = index < first
        heading = name if words else name.replace(" ", "\n")
        table.add_column(heading, justify="left" if words else "right", overflow="fold", no_wrap=first == 1 or not words)
    return table


def _detection(report: Report) -> Table:
    table = number_table(
        "Seeded against detected",
        "qualify: by the rule's formula. noise: alerts on no seed that the formula gives, too; they lower precision. "
        "false: alerts that it does not give.",
        1,
        "rule", "seeded", "qualify", "found", "recall", "alerts", "noise", "false", "precision", "p50 s", "p99 s",
    )  # fmt: skip
    for each in report.rules:
        table.add_row(
            each.rule, *map(str, (each.seeded, each.qualifying, each.detected)), share(each.recall),
            *map(str, (each.alerts, each.noise, each.false)), share(each.precision),
            seconds(each.detect_p50_s), seconds(each.detect_p99_s),
        )  # fmt: skip
    return table


def _sizes(report: Report) -> Table:
    names = list(dict.fromkeys(size.size for each in report.rules for size in each.sizes))
    table = number_table("Found of those that qualify (of those seeded), by size", "", 1, "rule", *names)
    for each in report.rules:
        cells = {size.size: f"{size.detected}/{size.qualifying} ({size.seeded})" for size in each.sizes}
        table.add_row(each.rule, *(cells.get(name, "-") for name in names))
    return table


def _equality(report: Report) -> Table:
    table = number_table("Exactly the same", "", 2, "store", "against", "expected", "held", "missing", "extra", "doubled", "different")
    for each in report.equality:
        counts = (each.expected, each.found, each.missing, each.extra, each.doubled, each.different)
        table.add_row(each.store, "the reference", *map(str, counts))
    trades = report.trades
    counts = (trades.tape, trades.lake, trades.missing, trades.extra, trades.doubled, trades.different)
    table.add_row("raw_trades", "what was sent", *map(str, counts))
    return table


def _logs(report: Report) -> Table:
    table = number_table(
        "The logs, as the reference counts them", "", 1, "symbol", "trades", "duplicates", "late", "gaps", "bars", "spreads", "alerts"
    )
    for each in report.symbols:
        counts = (each.trades, each.duplicates, each.late, each.gaps, each.bars, each.spreads, each.alerts)
        table.add_row(each.symbol, *map(str, counts))
    return table


def share(value: float | None) -> str:
    """A share in percent, to one place."""
    return "-" if value is None else f"{value * 100:.1f}%"


def seconds(value: float | None) -> str:
    """Seconds, to one place."""
    return "-" if value is None else f"{value:.1f}"
