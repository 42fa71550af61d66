"""`ctc sim` and `ctc score`. The options and their help are here, what they do is in `sim.run` and `sim.day`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer

from ctc.cli.options import FreePorts, Producers, Profile, Resume, State
from ctc.errors import ConfigError
from ctc.settings import DEFAULT_STATE

Speed = Literal["1", "10", "60", "max"]


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
        recorded market data, ten times as fast; space pauses, → skips ahead
    ctc sim --state /tmp/second --free-ports
        another session beside one that runs
    """
    if report is not None:
        if not exit:
            raise ConfigError("--report goes with --exit: a session that goes on has no final scorecard")
        _refuse_file("--report", report)
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


def score(
    minutes: Annotated[int, typer.Option(min=1, max=10_080, metavar="N", help="Market minutes of each session.")] = 1_440,
    seeds: Annotated[str, typer.Option(metavar="LIST", help="One session each: 7, 1-10 or 3,5,8-9.")] = "1",
    symbols: Annotated[str | None, typer.Option(metavar="LIST", help="Of the profile's, with commas (default: all).")] = None,
    rate: Annotated[float, typer.Option(min=0.01, max=1_000, metavar="X", help="Multiplies the market's activity.")] = 1.0,
    jobs: Annotated[int, typer.Option(min=1, max=64, metavar="N", help="Processes at a time.", show_default="the CPUs")] = os.cpu_count()
    or 1,
    format: Annotated[Literal["table", "json"], typer.Option(help="Of the scorecard on stdout.")] = "table",
    plot: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Draw plain z beside the robust score: FILE.svg or FILE.png.")
    ] = None,
    report: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="Write the scorecard as JSON here, too.")] = None,
    profile: Profile = "sim",
) -> None:
    """Score the detectors on simulated days: planted against found.

    No Spark, no emulator: the market's frames go through the real readers,
    codec and folds, in random pieces, and every alert is compared with a
    second, independent computation. Exit code 0 only if all is equal and
    nothing that qualifies was missed.

    Simulated: it says nothing about real markets.

    \b
    ctc score
        a day of every symbol, seed 1: some minutes
    ctc score --minutes 100 --seeds 1-10
        ten short sessions, added up
    ctc score --symbols BTC-USDT,USDT-USD --plot z.svg --report r.json
        two symbols; a picture and all figures
    CTC_VOLUME__ROBUST_THRESHOLD=4 ctc score --minutes 300
        what another threshold would find
    """
    for option, path in (("--plot", plot), ("--report", report)):
        if path is not None:
            _refuse_file(option, path)
    from sim.day.command import score as run_score  # altair and numpy take a second that `ctc --help` does without

    run_score(
        minutes=minutes,
        seeds=seeds,
        symbols=symbols,
        rate=rate,
        profile=profile,
        jobs=jobs,
        format=format,
        plot=plot,
        report=report,
    )


def _refuse_file(option: str, path: Path) -> None:
    """Raise ConfigError, before an hour of work, for a file that could not be written after it."""
    folder = path.resolve().parent
    if not folder.is_dir():
        raise ConfigError(f"{option} {path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{option} {path}: {folder} may not be written to; name a file in another folder")
