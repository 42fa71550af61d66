"""`ctc live`: the real exchanges with the embedded emulator; and the loop that any session on a terminal runs in."""

from __future__ import annotations

import re
import signal
import threading
from collections.abc import Callable
from typing import Any

from ctc import processes, status
from ctc.cli.alerts import Newest
from ctc.cli.options import FreePorts, Producers, Profile, Resume, State
from ctc.cli.screen import Screen
from ctc.errors import ConfigError, CtcError
from ctc.model import Alert
from ctc.processes import HOST
from ctc.session import Session, check_ports, inspector_program, opened_session, platform_programs, refuse_running
from ctc.settings import DEFAULT_STATE, Settings, load_profile, load_state


def live(
    profile: Profile = "live",
    state: State = DEFAULT_STATE,
    resume: Resume = False,
    producers: Producers = 1,
    free_ports: FreePorts = False,
) -> None:
    """Watch the real Binance and Coinbase (public channels) until Ctrl-C.

    \b
    ctc live
    CTC_WHALES__THRESHOLD=250000 ctc live
        the same with another threshold; any value of the profile is set so
    """
    settings = with_ports(load_state(state) if resume else load_profile(profile), free_ports, exchanges=False)
    refuse_running(state)
    refuse_taken_ports(settings, exchanges=False)
    screen = Screen(settings.session.title, state, urls(settings))
    with screen, opened_session(settings, state, screen.say, resume=resume) as session:
        session.prepare()
        session.start(platform_programs(producers=producers))
        screen.say("waiting for the first trades")
        go_on(session, screen)


def _nothing() -> None:
    """What is done meanwhile where nothing is."""


def go_on(session: Session, screen: Screen, meanwhile: Callable[[], None] = _nothing) -> None:
    """Run until Ctrl-C; the inspector joins when the first batch is through, so as not to hold that up."""
    joining = [inspector_program(session.settings)]

    def each_time() -> None:
        meanwhile()
        if joining and "batch" in (status.read(session.state, "detect") or {}):
            session.start([joining.pop()])
            screen.say("running")

    # One watch for all of it: between two of them a Ctrl-C would be nobody's.
    watch(session, screen, until=lambda: False, meanwhile=each_time)


def watch(
    session: Session, screen: Screen, until: Callable[[], bool], every_s: float = 0.5, meanwhile: Callable[[], None] = _nothing
) -> bool:
    """Keep the session up and the screen fresh until the condition holds (True) or Ctrl-C or SIGTERM comes (False)."""
    stop = threading.Event()
    before = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        newest = Newest(session.settings)
        while not stop.wait(every_s):
            session.keep_up()
            meanwhile()
            screen.update(_shown(newest))
            if until():
                return True
        return False
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _shown(newest: Newest) -> list[Alert]:
    try:
        return newest.ask(limit=10)
    except CtcError:
        return []  # the screen shows the services' trouble; alerts come back with the emulator


def urls(settings: Settings) -> list[tuple[str, str]]:
    """Where people look: name and URL."""
    return [
        ("dashboard", f"http://127.0.0.1:{settings.api.port}/"),
        ("API docs", f"http://127.0.0.1:{settings.api.port}/docs"),
        ("inspector", f"http://127.0.0.1:{settings.inspector.port}"),
    ]


def with_ports(settings: Settings, free_ports: bool, *, exchanges: bool) -> Settings:
    """The settings, with free ports of this machine in place of the profile's where asked.

    Only of what the session starts itself: an endpoint without an emulator is somebody else's, and stays.
    """
    if not free_ports:
        return settings
    import msgspec

    ports = iter(processes.free_ports(3 + len(settings.exchanges)))
    changed: dict[str, Any] = {
        "api": msgspec.structs.replace(settings.api, port=next(ports)),
        "inspector": msgspec.structs.replace(settings.inspector, port=next(ports)),
    }
    if settings.aws.emulator:
        port = next(ports)
        changed["aws"] = msgspec.structs.replace(settings.aws, emulator_port=port, endpoint=f"http://127.0.0.1:{port}")
    if exchanges:
        venues = {}
        for name, venue in settings.exchanges.items():
            port = next(ports)
            http = f"http://127.0.0.1:{port}"
            venues[name] = msgspec.structs.replace(venue, ws=f"ws://127.0.0.1:{port}", rest=http, archive=http if venue.archive else "")
        changed["exchanges"] = venues
    return msgspec.structs.replace(settings, **changed)


def refuse_taken_ports(settings: Settings, *, exchanges: bool) -> None:
    """Raise SetupError, before anything is started, for a port that something else has."""
    names = [("the API", settings.api.port, "--free-ports"), ("the inspector", settings.inspector.port, "--free-ports")]
    if settings.aws.emulator:
        names.append(("the emulator", settings.aws.emulator_port, "--free-ports"))
    if exchanges:
        taking_part = [(name, settings.exchanges[name]) for name in settings.session.exchanges]
        names += [(f"simulated {name}", _own_port(name, venue.ws), "--free-ports") for name, venue in taking_part]
    check_ports(settings, names)


def _own_port(name: str, ws: str) -> int:
    """The port of this machine that the simulator serves the exchange on. Raises ConfigError for any other URL."""
    found = re.fullmatch(rf"ws://{re.escape(HOST)}:(\d+)/?", ws)
    if found is None:
        raise ConfigError(
            f"exchanges.{name}.ws is {ws!r}, but simulated exchanges are served on ws://{HOST}:PORT: "
            f"choose such a profile, or use `ctc live` for the real exchanges"
        )
    return int(found[1])
