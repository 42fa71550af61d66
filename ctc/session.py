"""A session: the emulator, its resources and the platform's processes, started in order, kept up, and stopped together.

One state folder holds all that a session is: settings, the emulator's data, checkpoints, logs and status files.
"""

from __future__ import annotations

import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from ctc import status
from ctc.calls import emulated
from ctc.errors import CtcError, SessionError, SetupError
from ctc.java import require_java
from ctc.processes import AUTOGROUPS, Child, is_locked, kept_stopped, locked, port_is_free, spawn
from ctc.settings import ROOT, Settings, load_state, save_state
from ctc.wiring import create_resources, emulator

if TYPE_CHECKING:
    from ctc.ports import Service

MAX_RESTARTS = 5
RESTARTS_WITHIN_S = 300.0
# After a start, until a standby's own. Where one can't give way, what the stream holds meanwhile is caught up with first.
STANDBY_AFTER_S = 5.0 if AUTOGROUPS else 60.0
PRODUCER = "producer"
OWNED = (
    "emulator",
    "checkpoints",
    "status",
    "logs",
    "spark",
    "spool",
    "settings.json",
    "plan.json",
    "truth.json",
    "exchange.json",
    "survey.msgpack",
)
OWNED_PATTERNS = ("tape*", "*.resume.json", "comparison-*")
INSPECTOR = ROOT / "dashboard" / "inspector" / "app.py"


class Program(msgspec.Struct, frozen=True):
    """One process of a session: its name (of log and status file) and `python -m` words; `ends` if it may end by itself."""

    name: str
    command: tuple[str, ...]
    ends: bool = False
    again: tuple[str, ...] = ()  # what it is started with after it died, where that differs
    standby: tuple[str, ...] = ()  # what a second one is started with that waits to take its place


class Session:
    """Runs programs on one state folder. Use it within `opened_session`."""

    def __init__(self, settings: Settings, state: Path, say: Callable[[str], None]) -> None:
        self.settings, self.state, self.say = settings, state.resolve(), say
        self._emulator: Service | None = None
        self._programs: dict[str, Program] = {}
        self._children: dict[str, Child] = {}
        self._restarts: dict[str, deque[float]] = {}
        self._standbys: dict[str, Child] = {}
        self._standby_due: dict[str, float] = {}

    def prepare(self) -> None:
        """Start the emulator and create what the session needs in it."""
        self._emulator = emulator(self.settings, self.state)
        if self._emulator is not None:
            self.say("starting the emulator")
            self._emulator.start()
        self.say("creating streams, buckets and tables")
        create_resources(self.settings)

    def start(self, programs: Sequence[Program]) -> None:
        """Start the programs; they find each other by themselves."""
        for program in programs:
            self._programs[program.name] = program
            self._children[program.name] = spawn(program.name, program.command, self.state)
            self._standby_due[program.name] = time.monotonic() + STANDBY_AFTER_S

    def all_sent(self) -> bool:
        """Whether every producer has come to its end."""
        return all(child.poll() == 0 for name, child in self._children.items() if name.startswith(PRODUCER))

    def pid(self, name: str) -> int:
        """The process id that a program runs under now."""
        return self._children[name].pid

    def standby_pid(self, name: str) -> int | None:
        """The process id of a program's standby; None where none is kept, or its turn to start has not come."""
        standby = self._standbys.get(name)
        return None if standby is None else standby.pid

    @property
    def emulator_pid(self) -> int | None:
        """The process id of the emulator; None where there is none, or it is stopped."""
        return getattr(self._emulator, "pid", None)

    def stop_emulator(self) -> None:
        """Stop the emulator in order while the session goes on: its processes wait for it, and `keep_up` does not take it for dead."""
        assert self._emulator is not None, "the profile names an emulator"
        self._emulator.stop()

    def start_emulator(self) -> None:
        """Start it again with all that it held."""
        assert self._emulator is not None, "the profile names an emulator"
        self._emulator.start()

    def keep_up(self) -> None:
        """Start again what died. Raises SessionError, with its last words, when it dies again and again, or is the emulator."""
        if self._emulator is not None:
            self._emulator.check()
        for name, child in list(self._children.items()):
            code = child.poll()
            if code is None or (code == 0 and self._programs[name].ends):
                continue
            if code in (1, 2) or self._too_often(name):
                raise SessionError(f"{name} ended with exit code {code}; its log {child.log} ends:\n{child.tail()}")
            self._children[name] = self._taking_over(name, code) or self._again(name, code)
            self._standby_due[name] = time.monotonic() + STANDBY_AFTER_S
        self._keep_standbys()

    def _again(self, name: str, code: int) -> Child:
        self.say(f"{name} ended with exit code {code}: starting it again")
        program = self._programs[name]
        return spawn(name, program.again or program.command, self.state)

    def _taking_over(self, name: str, code: int) -> Child | None:
        """The standby, told to go on in its place: what ended has left no process behind (`Child.wait`), so there are never two."""
        standby = self._standbys.pop(name, None)
        if standby is None or standby.poll() is not None:
            return None
        self.say(f"{name} ended with exit code {code}: its standby takes over")
        standby.go()
        return standby

    def _keep_standbys(self) -> None:
        for name, program in self._programs.items() if self.settings.spark.standby else ():
            standby = self._standbys.get(name)
            if standby is not None and standby.poll() is not None:
                self.say(f"the standby of {name} ended with exit code {standby.poll()}; its log is {standby.log}")
                del self._standbys[name]
                self._standby_due[name] = time.monotonic() + STANDBY_AFTER_S
            elif program.standby and standby is None and time.monotonic() >= self._standby_due[name]:
                self._standbys[name] = spawn(f"{name}-standby", program.standby, self.state, waits=True)

    def _too_often(self, name: str) -> bool:
        """Note a death; True for one more than `MAX_RESTARTS` within `RESTARTS_WITHIN_S`: a session of weeks may see more in all."""
        now = time.monotonic()
        deaths = self._restarts.setdefault(name, deque(maxlen=MAX_RESTARTS))
        often = len(deaths) == MAX_RESTARTS and now - deaths[0] < RESTARTS_WITHIN_S
        deaths.append(now)
        return often

    def stop(self) -> None:
        """Stop everything in the order of the data, so that what one holds reaches the next, the emulator last: it keeps the state."""
        with ExitStack() as stack:
            if self._emulator is not None:
                stack.callback(self._emulator.stop)
            producers = [name for name in self._children if name.startswith(PRODUCER)]
            for name in ("spark", *producers, "exchange", "api", "inspector"):  # stopped from the last to the first
                if name in self._children:
                    stack.callback(self._stop_child, name)
            for standby in self._standbys.values():
                stack.callback(standby.kill)

    def _stop_child(self, name: str) -> None:
        self.say(f"stopping {name}")
        self._children.pop(name).stop(30.0)


def platform_programs(producer_options: Sequence[str] = (), producers: int = 1) -> list[Program]:
    """The platform's own processes, the same in every local profile."""
    ends = bool(producer_options)
    names = [f"{PRODUCER}-{number}" for number in range(2, producers + 1)]
    return [
        Program("spark", ("jobs.stream",), standby=("jobs.stream", "--standby")),
        Program(PRODUCER, ("ctc.producer", *producer_options), ends=ends),
        *(Program(name, ("ctc.producer", "--name", name, *producer_options), ends=ends) for name in names),
        Program("api", ("ctc.api",)),
    ]


def inspector_program(settings: Settings) -> Program:
    """The Streamlit inspector."""
    options = {
        "server.address": "127.0.0.1",
        "server.port": str(settings.inspector.port),
        "server.headless": "true",
        "server.fileWatcherType": "none",
        "browser.gatherUsageStats": "false",
        "client.toolbarMode": "viewer",
    }
    return Program(
        "inspector", ("streamlit", "run", str(INSPECTOR), *(word for key, value in options.items() for word in (f"--{key}", value)))
    )


@contextmanager
def opened_session(settings: Settings, state: Path, say: Callable[[str], None], *, resume: bool) -> Iterator[Session]:
    """A session that owns its state folder until the block ends, and stops what it started however it ends."""
    with locked(state):
        require_java()
        if resume:
            if not (state / "settings.json").is_file():
                raise SessionError(f"there is nothing to resume in {state}: start without --resume")
        else:
            clear(state)
        shutil.rmtree(state / "status", ignore_errors=True)
        save_state(settings, state)
        session = Session(settings, state, say)
        try:
            yield session
        finally:
            session.stop()


def clear(state: Path) -> None:
    """Remove what an earlier session left in the folder. Raises SessionError when what lies there is not a session's."""
    marker = state / "settings.json"
    patterns = (path for pattern in OWNED_PATTERNS for path in state.glob(pattern))
    found = [path for path in (*(state / name for name in OWNED), *patterns) if path != marker and path.exists()]
    if found and not marker.is_file():
        names = ", ".join(path.name for path in found)
        raise SessionError(f"{state} is no session's folder, but holds {names}: name a new folder with --state, or move that away")
    for path in found:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()
    marker.unlink(missing_ok=True)  # last: a folder that is half cleared is still a session's


def check_ports(settings: Settings, names: Sequence[tuple[str, int, str]]) -> None:
    """Raise SetupError for a port that is taken; `names` are (what for, port, option that changes it)."""
    for what, port, option in names:
        if not port_is_free(port):
            raise SetupError(f"port {port} for {what} is in use: stop what uses it, or choose another with {option}")


@contextmanager
def reachable(state: Path) -> Iterator[Settings]:
    """The settings of the session in `state`, with its stores up: its own while it runs, else by an emulator that commands share."""
    settings = load_state(state)
    if not settings.aws.emulator or running(state):
        yield settings
        return
    with kept_stopped(state) as stopped:
        if not stopped:  # one has just begun
            yield settings
            return
        with emulated(settings, state) as found:
            yield found


def running(state: Path) -> bool:
    """Whether a session holds the folder now."""
    return is_locked(state)


def refuse_running(state: Path) -> None:
    """Raise SessionError, before its ports are found taken, when a session already runs on the folder."""
    with locked(state):
        return


def finals(state: Path) -> dict[str, set[str]]:
    """For each query, the symbols whose last heartbeat it has taken in."""
    return {name: set((status.read(state, name) or {}).get("final", ())) for name in ("lake", "detect")}


def trouble(state: Path) -> str | None:
    """What a query last failed with, if it is failing now."""
    for name in ("lake", "detect"):
        found = status.read(state, name) or {}
        if found.get("state") == "failed":
            return f"{name}: {found.get('trouble')}"
    return None


def explain(error: CtcError) -> str:
    """One line for people."""
    return str(error)
