"""A session of `ctc sim`: over the simulated exchanges or over recorded market data, until Ctrl-C or to its end and its scorecard."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import typer
from rich.console import Console

from ctc import status
from ctc.cli.keys import keys
from ctc.cli.live import go_on, refuse_taken_ports, urls, watch, with_ports
from ctc.cli.screen import Screen
from ctc.errors import ConfigError, CtcError
from ctc.exchanges import exchange
from ctc.model import to_us
from ctc.session import Program, Session, finals, opened_session, platform_programs, refuse_running, trouble
from ctc.settings import Settings, load_profile, load_state
from ctc.sources.survey import Survey
from ctc.sources.surveyed import surveyed
from sim.controls import HINT, Controls
from sim.plan import FIXED_START, Plan, load_plan, make_plan, save_plan
from sim.report import SessionReport, build_report
from sim.scorecard import render

CATCH_UP = timedelta(minutes=75)
LAKE_TRIGGER_S = 3
LONG_BYTES = 64 << 20  # of packed recordings: some three million trades
SILENCE_S = 240.0  # without a batch, a session that runs to its end is given up


def run(
    *,
    exit: bool,
    report: Path | None,
    session: str | None,
    seed: int,
    minutes: int,
    rate: float,
    replay: list[Path],
    speed: str,
    resume: bool,
    producers: int,
    profile: str,
    state: Path,
    free_ports: bool,
) -> None:
    """Run it; the options are those of `ctc sim`. Raises CtcError, or typer.Exit(1) when the scorecard is not all green."""
    looked = surveyed(path.absolute() for path in replay) if replay else None
    settings = with_ports(load_state(state) if resume else load_profile(profile), free_ports, exchanges=looked is None)
    if looked is not None:
        settings = _recorded(settings, looked.found)
    if exit:  # nobody watches: the lake need not wait for larger batches
        settings = msgspec.structs.replace(settings, spark=msgspec.structs.replace(settings.spark, lake_trigger_s=LAKE_TRIGGER_S))
    refuse_running(state)
    refuse_taken_ports(settings, exchanges=not replay)
    plan = None if replay else _plan(settings, state, exit, seed, minutes, rate, session, resume)
    screen = Screen(
        f"{plan.name}, simulated market, seed {plan.seed}" if plan else "replay", state, urls(settings), *([HINT] if replay else [])
    )
    found: SessionReport | None = None
    with keys() as pressed, screen, opened_session(settings, state, screen.say, resume=resume) as running:
        if plan is not None and not resume:
            save_plan(plan, running.state)
        if looked is not None:
            looked.keep(running.state)
        running.prepare()
        meanwhile = Controls(pressed, running.state, lambda: _clock_us(running.state), screen.say) if replay else lambda: None
        running.start(_programs(plan, replay, speed, resume, producers))
        screen.say("waiting for the first trades")
        if not exit:
            go_on(running, screen, meanwhile)
        elif watch(running, screen, until=Done(running, screen.say), meanwhile=meanwhile):
            screen.say("comparing with the reference")
            timings = {"session_s": round(screen.elapsed, 1)}
            found = build_report(settings, running.state, timings, looked.found if looked is not None else None, screen.say)
    if exit:
        _conclude(found, report)


def _clock_us(state: Path) -> int:
    """How far the producer says that it has come."""
    clock = (status.read(state, "producer") or {}).get("clock")
    return to_us(datetime.fromisoformat(clock)) if clock else 0


def _recorded(settings: Settings, found: Survey) -> Settings:
    """The settings of a session over these recordings."""
    names = {name: own.names for name, own in settings.exchanges.items()}
    symbols = {
        exchange(name, names.get(name, {}), market).listing(native, kind, market).symbol for name, market, native, kind in found.spaces
    }
    if not symbols:
        raise ConfigError(f"no trades of a known exchange in {', '.join(str(piece.path) for piece, _ in found.recordings)}")
    shown = msgspec.structs.replace(settings.session, title="recorded market", market="recorded", symbols=tuple(sorted(symbols)))
    spark = msgspec.structs.replace(settings.spark, quick_start=settings.spark.quick_start and found.bytes < LONG_BYTES)
    return msgspec.structs.replace(settings, session=shown, spark=spark)


def _plan(settings: Settings, state: Path, to_end: bool, seed: int, minutes: int, rate: float, name: str | None, resume: bool) -> Plan:
    if resume:
        return load_plan(state)
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    plan = (
        make_plan(seed, FIXED_START, minutes * 60, settings, pace="max", rate=rate)
        if to_end
        else make_plan(seed, now - CATCH_UP, None, settings, pace="catchup", rate=rate)
    )
    return msgspec.structs.replace(plan, name=name) if name else plan


def _programs(plan: Plan | None, replay: list[Path], speed: str, resume: bool, producers: int) -> list[Program]:
    if plan is None:
        paths = [str(path.absolute()) for path in replay]
        return platform_programs(("--replay", *paths, "--speed", speed), producers)
    going_on = ("sim.exchange", "--resume")
    market = Program("exchange", going_on if resume else ("sim.exchange",), again=going_on)
    until = ("--until", plan.end.isoformat()) if plan.end is not None else ()
    return [market, *platform_programs(until, producers)]


class Done:
    """True once the producer has ended and both queries have taken in every symbol's last heartbeat."""

    def __init__(self, session: Session, say: Callable[[str], None]) -> None:
        self._session, self._say = session, say
        self._seen: Any = None
        self._since = time.monotonic()

    def __call__(self) -> bool:
        if not self._session.all_sent():
            self._since = time.monotonic()
            return False
        found = finals(self._session.state)
        wanted = set(self._session.settings.session.symbols)
        if all(symbols >= wanted for symbols in found.values()):
            return True
        if found != self._seen:
            self._seen, self._since = found, time.monotonic()
            left = {name: sorted(wanted - symbols) for name, symbols in found.items() if wanted - symbols}
            self._say("all trades sent; waiting for " + "; ".join(f"{name}: {', '.join(names)}" for name, names in left.items()))
        if time.monotonic() - self._since > SILENCE_S:
            raise CtcError(
                f"nothing moved for {SILENCE_S:.0f} s: {trouble(self._session.state) or 'see the logs in ' + str(self._session.state)}"
            )
        return False


def _conclude(found: SessionReport | None, path: Path | None) -> None:
    if found is None:
        raise CtcError("the session was stopped before its end: there is no scorecard")
    Console(stderr=True).print(render(found.scorecard))
    if path is not None:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n")
    if not found.scorecard.ok:
        raise typer.Exit(1)
