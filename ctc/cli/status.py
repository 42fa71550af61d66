"""`ctc status`: what the session's processes last said of themselves, or how a deployment is."""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from ctc.cli.options import DeploymentName, Format, State, complete_profile
from ctc.cli.output import write
from ctc.errors import SessionError
from ctc.session import running
from ctc.settings import DEFAULT_STATE, load_state
from ctc.status import read_all

COLUMNS = ("service", "state", "trades", "clock", "batch", "age_s", "trouble")
SILENT_AFTER_S = 15.0  # every service says something each second or two
_OVER = ("done", "ended", "stopped")


def status(
    format: Annotated[Format, typer.Option(help="json and csv have every digit.")] = "table",
    state: State = DEFAULT_STATE,
    profile: Annotated[
        str, typer.Option("--profile", metavar="NAME", autocompletion=complete_profile, help="A deployment on AWS, not a session.")
    ] = "",
    name: DeploymentName = "",
) -> None:
    """How the session's processes are, or how they last were; with --profile, how a deployment is.

    \b
    ctc status
    ctc status --state /tmp/second --format json
    ctc status --profile cloud
    """
    if profile:
        from ctc.cli.cloud import show_deployment

        show_deployment(profile, name, format)
        return
    show_status(state, format)


def show_status(state: Path, format: Format) -> None:
    """One row a service: state, trades, clock, last batch, age in seconds of what it said."""
    settings = load_state(state)
    found = read_all(state)
    up = running(state)
    if not found:
        raise SessionError(
            f"the session in {state} has not said anything yet: "
            + (
                f"ask again in a few seconds, or see {state / 'logs'}"
                if up
                else "it was stopped before its processes were up; start one with `ctc sim`"
            )
        )
    rows = [_row(name, values, up) for name, values in found.items()]
    if format == "table":
        said = "runs" if up else "is stopped; this is what it said last"
        print(f"the session on the {settings.session.title} {said}", file=sys.stderr)
        rows = [_shown(row) for row in rows]
    write(COLUMNS, rows, format, wrap="trouble")


def _shown(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """The same for a narrow screen: whole seconds, thousands apart."""
    service, state, trades, clock, batch, age, trouble = row
    at = f"{datetime.fromisoformat(clock):%m-%d %H:%M:%S}" if isinstance(clock, str) else clock
    return service, state, f"{trades:,}" if isinstance(trades, int) else trades, at, batch, age, trouble


def _row(name: str, values: dict[str, Any], up: bool) -> tuple[Any, ...]:
    written = values.get("written_at")
    age = (datetime.now(UTC) - datetime.fromisoformat(written)).total_seconds() if written else None
    state = str(values.get("phase") or values.get("state") or "running") if up else "stopped"
    silent = age is not None and age > SILENT_AFTER_S and state not in _OVER
    return (
        name,
        state,
        values.get("trades", (values.get("totals") or {}).get("trades")),
        values.get("market_time") or values.get("clock"),
        values.get("batch"),
        None if age is None else round(age, 1),
        values.get("trouble") or (f"has said nothing for {age:.0f} s" if silent else None),
    )
