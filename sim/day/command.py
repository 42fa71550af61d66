"""`ctc score`: every symbol of every seed, one scorecard of all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ctc.errors import ConfigError
from ctc.picture import check_form
from ctc.settings import Settings, load_profile
from sim.day.card import day_report, render
from sim.day.plot import draw
from sim.day.pool import run_all
from sim.day.symbol import Job

MAX_SEEDS = 1_000


def score(
    *,
    minutes: int,
    seeds: str,
    symbols: str | None,
    rate: float,
    profile: str,
    jobs: int,
    format: str,
    plot: Path | None,
    report: Path | None,
) -> None:
    """Run it; the options are those of `ctc score`. Raises CtcError, or typer.Exit(1) when the scorecard is not all green."""
    settings = load_profile(profile)
    if plot is not None:
        check_form(plot)
    chosen = [Job(seed, symbol, minutes, rate) for seed in parse_seeds(seeds) for symbol in parse_symbols(symbols, settings)]
    with _progress(len(chosen) * minutes) as tell:
        found = day_report(run_all(chosen, settings, jobs, tell), settings)
    if format == "json":
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(found), indent=2).decode() + "\n")
    else:
        Console().print(render(found))
    if report is not None:
        report.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    if plot is not None:
        draw(found, plot)
    if not found.ok:
        raise typer.Exit(1)


def parse_seeds(text: str) -> list[int]:
    """`7`, `1-10` or `3,5,8-9` as numbers. Raises ConfigError."""
    found: dict[int, None] = {}
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not (first.isdecimal() and (last.isdecimal() if dash else True)):
            raise ConfigError(f"--seeds {text}: {part!r} is no seed; write them as 7, 1-10 or 3,5,8-9")
        span = range(int(first), int(last or first) + 1)
        if not 0 < len(span) <= MAX_SEEDS:
            raise ConfigError(f"--seeds {text}: {part!r} is {len(span)} seeds; from 1 to {MAX_SEEDS} are scored at once")
        found |= dict.fromkeys(span)
    return list(found)


def parse_symbols(text: str | None, settings: Settings) -> list[str]:
    """Those of the list, or all of the profile's. Raises ConfigError for one that the profile has not."""
    known = settings.session.symbols
    chosen = list(known) if text is None else list(dict.fromkeys(part.strip() for part in text.split(",")))
    for symbol in chosen:
        if symbol not in known:
            raise ConfigError(f"--symbols: the profile has no {symbol!r}; it has {', '.join(known)}")
    return chosen


@contextmanager
def _progress(minutes: int) -> Iterator[Callable[[int], None]]:
    """A bar on stderr where that is a terminal."""
    screen = Console(stderr=True)
    columns = (
        TextColumn("scoring"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("market minutes"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bar:
        task: TaskID = bar.add_task("scoring", total=minutes)
        yield lambda done: bar.advance(task, done)
