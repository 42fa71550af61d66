"""The scorecard of simulated days: one struct that is written as JSON, and its tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec
from rich.console import Group, RenderableType
from rich.text import Text

from ctc.settings import Settings
from sim.compare import Equality, TradeCheck, newest
from sim.day.symbol import Largest, SymbolRun
from sim.day.versus import Versus, versus
from sim.score import missed
from sim.scorecard import RuleScore, number_table, seconds, share
from sim.tally import RULES, SIZES, Tally, ratio, tally
from sim.truth import Seeded

WHALES_BAR = 0.95  # PRD, goal 3: detection rate of single whales
SECONDS_BAR = 90.0  # PRD, goal 2: from the event to a z alert
DAY_MINUTES = 1440


class RuleDay(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's score; `slowest_s` is the longest of its times to detect, `off_seeds_per_symbol_day` its alerts on nothing planted."""

    score: RuleScore
    slowest_s: float | None
    off_seeds_per_symbol_day: float


class Bar(msgspec.Struct, frozen=True, kw_only=True):
    """What the PRD asks for, what was measured, and whether that is enough."""

    what: str
    wanted: str
    measured: str
    holds: bool


class SymbolDay(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol, all sessions together."""

    symbol: str
    trades: int
    bars: int
    spreads: int
    alerts: int
    seconds: float
    peak_mib: int


class DayReport(msgspec.Struct, frozen=True, kw_only=True):
    """The scorecard; `ok` is the verdict, `verdict` says it in sentences. `seconds` and `peak_mib` differ from run to run."""

    ok: bool
    verdict: list[str]
    simulated: bool
    seeds: list[int]
    minutes: int
    rate: float
    planted: int
    rules: list[RuleDay]
    bars: list[Bar]
    versus: Versus
    equality: list[Equality]
    trades: TradeCheck
    symbols: list[SymbolDay]


def day_report(runs: Sequence[SymbolRun], settings: Settings) -> DayReport:
    """Runs of several symbols and seeds, each of the same length, as one report."""
    job = runs[0].job
    seeds = sorted({run.job.seed for run in runs})
    symbol_days = len(runs) * job.minutes / DAY_MINUTES
    sessions = [[run for run in runs if run.job.seed == seed] for seed in seeds]
    tallies = [_total(rule, sessions) for rule in RULES]
    equality = _added([each for run in runs for each in run.equality])
    trades = sum((run.trades for run in runs), TradeCheck())
    whales = sum((run.whales for run in runs), Largest())
    scores = [each.score() for each in tallies]
    problems = [*missed(scores), *(line for each in equality for line in each.sentences()), *trades.sentences()]
    return DayReport(
        ok=not problems,
        verdict=problems or [_praise(scores, equality[0], trades)],
        simulated=True,
        seeds=seeds,
        minutes=job.minutes,
        rate=job.rate,
        planted=sum(len(_planted(session)) for session in sessions),
        rules=[_rule_day(each, symbol_days) for each in tallies],
        bars=_bars(tallies, whales),
        versus=versus(runs, settings.volume, symbol_days),
        equality=equality,
        trades=trades,
        symbols=[_symbol(name, [run for run in runs if run.job.symbol == name]) for name in dict.fromkeys(run.job.symbol for run in runs)],
    )


def _planted(session: Iterable[SymbolRun]) -> list[Seeded]:
    """A session's seeds, each once: a de-peg is in every symbol's run."""
    return list({seed.id: seed for run in session for seed in run.planted}.values())


def _total(rule: str, sessions: Sequence[Sequence[SymbolRun]]) -> Tally:
    each = []
    for session in sessions:
        wanted = newest(alert for run in session for alert in run.result.alerts)
        found = tally(rule, _planted(session), wanted, [alert for run in session for alert in run.found])
        name = f"seed {session[0].job.seed}: "
        each.append(msgspec.structs.replace(found, missed=[name + one for one in found.missed]))
    total = each[0]
    for more in each[1:]:
        total = total + more
    return total


def _rule_day(each: Tally, symbol_days: float) -> RuleDay:
    off = (each.alerts - each.on_seeds) / symbol_days
    return RuleDay(score=each.score(), slowest_s=max(each.delays, default=None), off_seeds_per_symbol_day=round(off, 2))


def _bars(tallies: Iterable[Tally], whales: Largest) -> list[Bar]:
    by_rule: Mapping[str, Tally] = {each.rule: each for each in tallies}
    planted = by_rule["whale.single"].score()
    delays = by_rule["volume.z"].delays
    slowest = max(delays, default=0.0)
    rate = ratio(whales.found, whales.printed)
    return [
        Bar(
            what="planted single whales, found",
            wanted="95% or more",
            measured=f"{share(planted.recall)} ({planted.detected} of {planted.qualifying})",
            holds=planted.recall is None or planted.recall >= WHALES_BAR,
        ),
        Bar(
            what="all prints above the threshold, found",
            wanted="95% or more",
            measured=f"{share(rate)} ({whales.found:,} of {whales.printed:,})",
            holds=rate is None or rate >= WHALES_BAR,
        ),
        Bar(
            what="planted bar's start to its z alert, at most",
            wanted="90 s or less",
            measured=f"{slowest:.1f} s (of {len(delays)})",
            holds=slowest <= SECONDS_BAR,
        ),
    ]


def _added(several: Iterable[Equality]) -> list[Equality]:
    """The comparisons of all runs, added up by what was compared."""
    found: dict[str, Equality] = {}
    for each in several:
        old = found.get(each.store)
        if old is not None:
            counts = ("expected", "found", "missing", "extra", "doubled", "different", "first")
            each = msgspec.structs.replace(each, **{name: getattr(old, name) + getattr(each, name) for name in counts})
        found[each.store] = each
    return list(found.values())


def _praise(scores: Iterable[RuleScore], alerts: Equality, trades: TradeCheck) -> str:
    due = sum(each.qualifying for each in scores)
    return (
        f"All {due} planted anomalies that qualify were found; all {alerts.expected:,} alerts, in all revisions, are exactly the "
        f"reference's, over {trades.tape:,} trades exactly as they were printed."
    )


def _symbol(name: str, runs: Sequence[SymbolRun]) -> SymbolDay:
    return SymbolDay(
        symbol=name,
        trades=sum(run.result.trades for run in runs),
        bars=sum(len(run.result.bars) for run in runs),
        spreads=sum(len(run.result.spreads) for run in runs),
        alerts=sum(len(run.found) for run in runs),
        seconds=round(sum(run.seconds for run in runs), 1),
        peak_mib=max(run.peak_bytes for run in runs) >> 20,
    )


def render(report: DayReport) -> RenderableType:
    """The report as tables and its verdict; fits 80 columns."""
    style = "bold green" if report.ok else "bold red"
    lines = [Text(line, style=style if index == 0 else "red", overflow="fold") for index, line in enumerate(report.verdict)]
    tables = (_detection(report), _sizes(report), _scores(report), _found(report), _prd(report), _equality(report), _symbols(report))
    return Group(*tables, Text("ok" if report.ok else "failed", style=style), *lines)


def _detection(report: DayReport) -> RenderableType:
    seeds = f"seed{'s' if len(report.seeds) > 1 else ''} {', '.join(map(str, report.seeds))}"
    table = number_table(
        f"Simulated: {seeds}, {report.minutes} minutes, {report.planted} anomalies planted",
        "qualify: by the rule's formula. off seeds: alerts on nothing planted, a symbol and day; the formula gives them too. "
        "false: alerts that it does not give.",
        1,
        "rule", "planted", "qualify", "found", "recall", "precision", "off seeds", "false", "p50 s", "p99 s", "max s",
    )  # fmt: skip
    for each in report.rules:
        score = each.score
        table.add_row(
            score.rule, *map(str, (score.seeded, score.qualifying, score.detected)), share(score.recall), share(score.precision),
            f"{each.off_seeds_per_symbol_day:.1f}", str(score.false),
            seconds(score.detect_p50_s), seconds(score.detect_p99_s), seconds(each.slowest_s),
        )  # fmt: skip
    return table


def _sizes(report: DayReport) -> RenderableType:
    table = number_table("Found of those that qualify (of those planted), by size", "", 1, "rule", *SIZES)
    for each in report.rules:
        cells = {size.size: f"{size.detected}/{size.qualifying} ({size.seeded})" for size in each.score.sizes}
        table.add_row(each.score.rule, *(cells.get(name, "-") for name in SIZES))
    return table


def _scores(report: DayReport) -> RenderableType:
    table = number_table(
        "Plain z beside the robust score",
        "found: of all spikes and droughts planted above either rule's threshold. a whale inside: noise in a minute with a whale.",
        1,
        "rule", "alerts", "on seeds", "noise", "a whale inside", "noise a symbol and day", "precision", "found",
    )  # fmt: skip
    for each in report.versus.said:
        counts = (each.alerts, each.on_seeds, each.noise, each.with_whale)
        table.add_row(each.rule, *map(str, counts), f"{each.noise_per_symbol_day:.1f}", share(each.precision), share(each.recall))
    return table


def _found(report: DayReport) -> RenderableType:
    table = number_table("What either finds of what was planted", "", 3, "planted", "sized by", "size", "planted", "z", "robust")
    for each in report.versus.planted:
        measure = each.measure.removesuffix("_score")
        table.add_row(each.shape, measure, each.size, *map(str, (each.planted, each.z, each.robust)))
    return table


def _prd(report: DayReport) -> RenderableType:
    table = number_table("What the PRD asks for", "", 4, "", "wanted", "measured", "holds")
    for each in report.bars:
        table.add_row(each.what, each.wanted, each.measured, "yes" if each.holds else "no")
    return table


def _equality(report: DayReport) -> RenderableType:
    table = number_table("Exactly the same", "", 2, "what", "against", "expected", "found", "missing", "extra", "different")
    for each in report.equality:
        table.add_row(
            each.store, "the reference", *(f"{n:,}" for n in (each.expected, each.found, each.missing, each.extra, each.different))
        )
    trades = report.trades
    counts = (trades.tape, trades.lake, trades.missing, trades.extra, trades.different)
    table.add_row("trades in the log", "what was printed", *(f"{n:,}" for n in counts))
    return table


def _symbols(report: DayReport) -> RenderableType:
    table = number_table(
        "The symbols",
        "CPU s: generating, logging, folding, the reference and the comparisons; peak: of the process.",
        1,
        "symbol", "trades", "bars", "spreads", "alerts", "CPU s", "peak MiB",
    )  # fmt: skip
    for each in report.symbols:
        counts = (each.trades, each.bars, each.spreads, each.alerts)
        table.add_row(each.symbol, *(f"{count:,}" for count in counts), f"{each.seconds:.1f}", str(each.peak_mib))
    return table
