"""`ctc record`: the raw frames of a profile's exchanges, to files that `ctc sim --replay` reads."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ctc.cli.options import Format, Profile, StateInstead
from ctc.cli.output import write
from ctc.errors import ConfigError, RecordingError
from ctc.settings import Settings, load_profile, load_state

if TYPE_CHECKING:
    from ctc.producer.record import Connection, Recording
    from ctc.sources.recorder import RecordedFile

COLUMNS = ("file", "end", "first", "last", "frames", "losses", "bytes")
RECORDINGS = Path("recordings")
REDRAW_S = 0.5


def record(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", file_okay=False, help="The folder that is recorded into.")] = Path(
        "recordings"
    ),
    minutes: Annotated[float | None, typer.Option(min=0.001, metavar="N", help="End after so many minutes of the market's time.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Record nothing: compare the folder's files with their checksums.")] = False,
    profile: Profile = "live",
    state: StateInstead = None,
    format: Annotated[Format, typer.Option(help="How the files are listed at the end.")] = "table",
) -> None:
    """Record the raw frames of the exchanges to hourly files, until Ctrl-C.

    One zstd file a connection and hour: each frame with its receive time, and where connections came and went.

    They are written twice a second; a kill loses no more. Beside them lie index.json and SHA256SUMS.

    `ctc sim --replay DIR` takes a recording through the whole platform.

    \b
    ctc record
        the real Binance and Coinbase, into recordings/
    ctc record --out days/monday --minutes 60
        an hour of them
    ctc record --state .ctc/session --out simulated
        what a running session hears, the simulated market too
    ctc record --out days/monday --check
        are the files as they were sealed?
    """
    if check:
        _check(out, format)
        return
    settings = load_profile(profile) if state is None else load_state(state)
    from ctc.sources.recorder import opened_folder  # here, since `ctc --help` does without it

    with opened_folder(out) as folder:
        for entry in folder.sealed:
            print(f"{entry.file}: left by a recorder that was killed, sealed with {entry.frames:,} frames", file=sys.stderr)
        try:
            asyncio.run(_run(settings, folder, minutes, out))
        finally:
            listed = folder.sealed
            write(COLUMNS, [_row(entry, format) for entry in listed], format)


async def _run(settings: Settings, folder: Any, minutes: float | None, out: Path) -> None:
    from ctc.producer.record import Recording

    recording = Recording(settings, folder)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, recording.stopping.set)
    showing = asyncio.create_task(_show(recording, f"{settings.session.title} → {out}"))
    try:
        await recording.run(minutes)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)


async def _show(recording: Recording, title: str) -> None:
    """A line a connection, redrawn; without a terminal, a line a change of its state."""
    console = Console(stderr=True)
    if console.is_terminal:
        with Live(_drawn(recording, title), console=console, auto_refresh=False) as live:
            while True:
                live.update(_drawn(recording, title), refresh=True)
                await asyncio.sleep(REDRAW_S)
    said: dict[str, str] = {}
    while True:
        for each in recording.connections:
            state = each.channel.state
            if said.get(each.recorder.name) != state:
                said[each.recorder.name] = state
                print(f"{each.recorder.name}: {' '.join([state, each.channel.trouble]).strip()}", file=sys.stderr, flush=True)
        await asyncio.sleep(REDRAW_S)


def _drawn(recording: Recording, title: str) -> Group:
    table = Table(box=None, pad_edge=False)
    for name in ("connection", "state", "frames", "trades", "on disk", "newest (UTC)"):
        table.add_column(name, justify="right" if name in ("frames", "trades", "on disk") else "left", no_wrap=True)
    for each in recording.connections:
        table.add_row(*_cells(each, recording))
    trouble = "; ".join(each.channel.trouble for each in recording.connections if each.channel.trouble)
    return Group(Text(f"recording {title}", style="bold"), table, Text(trouble, style="red"), Text("Ctrl-C stops", style="dim"))


def _cells(each: Connection, recording: Recording) -> tuple[Any, ...]:
    newest, up = recording.newest(each), each.channel.state == "connected"
    return (
        each.recorder.name,
        Text(each.channel.state, style="green" if up else "red"),
        f"{each.recorder.frames:,}",
        f"{each.trades:,}",
        size(each.recorder.bytes),
        f"{newest:%m-%d %H:%M:%S}" if newest else "",
    )


def size(count: int) -> str:
    """Bytes for people: 12.3 MB."""
    for unit, letter in ((10**9, "GB"), (10**6, "MB"), (10**3, "kB")):
        if count >= unit:
            return f"{count / unit:.1f} {letter}"
    return f"{count} B"


def _row(entry: RecordedFile, format: Format) -> tuple[Any, ...]:
    if format != "table":
        return entry.file, entry.end, entry.first_at, entry.last_at, entry.frames, entry.losses, entry.bytes
    first, last = (f"{at:%H:%M:%S}" if at else "" for at in (entry.first_at, entry.last_at))
    return entry.file, entry.end, first, last, entry.frames, entry.losses, entry.bytes


def _check(out: Path, format: Format) -> None:
    from ctc.sources.recorder import check

    if not out.is_dir():
        raise ConfigError(f"there is no folder {out}: name one that was recorded into with --out")
    found = list(check(out))
    rows = [(entry.file, entry.frames, entry.bytes, wrong or "ok") for entry, wrong in found]
    write(("file", "frames", "bytes", "found"), rows, format, wrap="found")
    bad = [entry.file for entry, wrong in found if wrong]
    if bad:
        raise RecordingError(f"{len(bad)} of {len(found)} files in {out} are not what was recorded: {', '.join(bad)}")
