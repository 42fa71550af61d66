"""`ctc normalize PATH...`: recorded market data to unified trades on stdout, an account of the rest on stderr."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from ctc.cli.options import complete_profile
from ctc.settings import load_profile

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from ctc.sources.files import Piece
    from ctc.sources.normalize import Account, Normalizer
    from ctc.sources.survey import Survey

_BATCH = 256


class AccountFormat(StrEnum):
    """How the account on stderr is written."""

    table = "table"
    json = "json"


def normalize(
    paths: Annotated[
        list[Path], typer.Argument(metavar="PATH", help="Recorded files, archive CSV or folders of them; gzip, zstd or zip is fine.")
    ],
    format: Annotated[AccountFormat, typer.Option(help="How the counts on stderr are written.")] = AccountFormat.table,
    profile: Annotated[
        str, typer.Option(metavar="NAME", autocompletion=complete_profile, help="The profile whose canonical names are used.")
    ] = "sim",
) -> None:
    """Recorded market data to NDJSON unified trades, exactly one a market trade.

    Trades go to stdout in the order of time, counts to stderr. Exit code 1 when a file can't be read (the others still are).

    \b
    ctc normalize recordings/ > trades.ndjson
    ctc normalize BTCUSDT-trades-2024-08-08.zip | head
    """
    from ctc.sources.normalize import Normalizer  # here, since `ctc --help` does without it
    from ctc.sources.survey import survey

    console = Console(stderr=True)
    with _progress(console) as progress:
        looking = progress.add_task("looking", total=None)
        found = survey(paths, lambda piece: _show(progress, looking, piece))
        progress.remove_task(looking)
        normalizer = Normalizer(found, canonical_names(profile))
        finished = _write(normalizer, found, progress)
    account = normalizer.account()
    _tell(account, format, console)
    if account.errors or not finished:
        raise typer.Exit(1)


def canonical_names(profile: str) -> dict[str, dict[str, str]]:
    """For each exchange of a profile, native names to canonical ones."""
    exchanges = load_profile(profile).exchanges
    return {name: own.names for name, own in exchanges.items()}


def _write(normalizer: Normalizer, found: Survey, progress: Progress) -> bool:
    """Write every row; False when the reader of our output has gone (`ctc normalize ... | head`)."""
    task, out, batch = progress.add_task("normalizing", total=found.bytes or None), sys.stdout.buffer, []
    try:
        for line in normalizer.lines():
            batch.append(line)
            if len(batch) >= _BATCH:
                out.write(b"".join(batch))
                batch.clear()
                progress.update(task, completed=sum(recording.position() for recording in normalizer.recordings))
        out.write(b"".join(batch))
        out.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    return True


def _progress(console: Console) -> Progress:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _show(progress: Progress, task: TaskID, piece: Piece) -> None:
    progress.update(task, description=f"looking at {piece.name}")


def _tell(account: Account, format: AccountFormat, console: Console) -> None:
    if format is AccountFormat.json:
        sys.stderr.write(msgspec.json.encode(account).decode() + "\n")
        return
    table = Table("what", "count", box=None, show_header=False, pad_edge=False)
    table.columns[1].justify = "right"
    for name, count in _rows(account):
        table.add_row(name, f"{count:,}")
    console.print(table)
    for notice in account.notices:
        console.print(f"note: {notice}", markup=False, highlight=False, soft_wrap=True)
    for error in account.errors:
        console.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)


def _rows(account: Account) -> list[tuple[str, int]]:
    return [
        ("files", account.files),
        ("read", account.read),
        ("trades", account.trades),
        *((f"  {space}", count) for space, count in account.markets.items()),
        ("duplicates", account.duplicates),
        ("skipped", sum(account.skipped.values())),
        *((f"  {kind}", count) for kind, count in account.skipped.items()),
        ("unreadable", account.unreadable),
    ]
