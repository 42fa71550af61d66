"""`ctc sim`: the whole platform on this machine. The options and their help are here, what they do is in `sim.run`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from ctc.cli.options import FreePorts, Producers, Profile, Resume, State
from ctc.errors import ConfigError
from ctc.settings import DEFAULT_STATE

Speed = Literal["1", "10", "max"]


def sim(
    exit: Annotated[bool, typer.Option("--exit", help="Run from a fixed instant to the end, print the scorecard, and leave.")] = False,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, writable=True, help="With --exit: write the scorecard as JSON here.")
    ] = None,
    session: Annotated[str | None, typer.Option(metavar="NAME", help="A name for the session (default: made from the seed).")] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="The market's seed: the same seed gives the same trades.")] = 1,
    minutes: Annotated[int, typer.Option(min=1, max=10_080, metavar="N", help="With --exit: market minutes to run.")] = 100,
    rate: Annotated[float, typer.Option(min=0.01, max=1_000, metavar="X", help="Multiplies the market's activity.")] = 1.0,
    replay: Annotated[
        list[Path] | None,
        typer.Option(metavar="PATH", exists=True, help="Recorded files or folders instead of the simulator; may be repeated."),
    ] = None,
    speed: Annotated[Speed, typer.Option(help="Of a replay.")] = "max",
    resume: Resume = False,
    producers: Producers = 1,
    profile: Profile = "sim",
    state: State = DEFAULT_STATE,
    free_ports: FreePorts = False,
) -> None:
    """Run the platform on this machine: emulator, exchanges, producer, Spark, API and inspector.

    For educational and analytical purposes only. Not financial advice.

    \b
    ctc sim
        a demo: 75 minutes are caught up, then it is live, until Ctrl-C
    ctc sim --exit --report r.json --seed 7
        one session to its end, scored against what was planted in it
    ctc sim --replay recordings/ --speed 10
        recorded market data, ten times as fast as it was
    ctc sim --state /tmp/second --free-ports
        another session beside one that runs
    """
    if report is not None:
        _refuse_report(report, exit)
    if resume and replay:
        raise ConfigError("--resume goes on with a simulated session; start a replay anew")
    from sim.run import run  # a second of imports that `ctc --help` does without

    run(
        exit=exit,
        report=report,
        session=session,
        seed=seed,
        minutes=minutes,
        rate=rate,
        replay=replay or [],
        speed=speed,
        resume=resume,
        producers=producers,
        profile=profile,
        state=state,
        free_ports=free_ports,
    )


def _refuse_report(report: Path, to_end: bool) -> None:
    """Raise ConfigError, before an hour of session, for a report that could not be written after it."""
    if not to_end:
        raise ConfigError("--report goes with --exit: a session that goes on has no final scorecard")
    folder = report.resolve().parent
    if not folder.is_dir():
        raise ConfigError(f"--report {report}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"--report {report}: {folder} may not be written to; name a file in another folder")
