"""What a fault's script may lay hands on: the session's processes, the relays around it, the market's time."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import httpx

from ctc import status
from ctc.model import to_us
from ctc.session import Session
from ctc.settings import Settings
from sim.faults.aws_relay import AwsRelay, Rule
from sim.faults.background import Background
from sim.faults.gate import Gate
from sim.faults.socket_relay import SocketRelay, Wire

QUERIES = ("lake", "detect")
SECOND = 1_000_000


class Ground:
    """One running session with its relays. `direct` are its settings without the relay; `counts` is what faults count.

    `hurry` shortens what faults last in market time. `whole` is False where Spark and the API do not run.
    """

    def __init__(
        self,
        session: Session,
        direct: Settings,
        background: Background,
        aws: AwsRelay,
        sockets: SocketRelay,
        gate: Gate,
        start_us: int,
        end_us: int = 1 << 62,
        hurry: float = 1.0,
        whole: bool = True,
    ) -> None:
        self.whole = whole
        self._hurry = hurry
        self.session, self.direct, self.background = session, direct, background
        self.aws, self.sockets, self.gate, self.start_us, self.end_us = aws, sockets, gate, start_us, end_us
        self.state: Path = session.state
        self.counts: Counter[str] = Counter()
        self.notes: dict[str, str] = {}

    # --- time -------------------------------------------------------------------------------------------------------

    def after(self, seconds: float) -> Callable[[], bool]:
        """True once so many seconds of the machine's time have passed from now."""
        until = time.monotonic() + seconds
        return lambda: time.monotonic() >= until

    def market_passes(self, seconds: float) -> Callable[[], bool]:
        """True once so much market time has passed the relay from now."""
        until = self.gate.passed_us + seconds * SECOND / self._hurry
        return lambda: self.gate.passed_us >= until

    def taken_in(self) -> Callable[[], bool]:
        """True once both queries and the API (the producer, where there is nothing behind it) are as far as the market is now."""
        mark = min(self.gate.passed_us, self.end_us) - SECOND
        if not self.whole:
            return lambda: (self.clock_us("producer") or 0) >= mark
        return lambda: all(clock is not None and clock >= mark for clock in map(self.clock_us, QUERIES)) and self.api_answers()

    def clock_us(self, query: str) -> int | None:
        """The market time that a query (or `producer`) has taken in, None before its first batch."""
        found = (status.read(self.state, query) or {}).get("clock")
        return None if found is None else to_us(datetime.fromisoformat(found))

    def warm(self) -> bool:
        """Whether what runs has begun its work."""
        if not self.whole:
            return (self.clock_us("producer") or 0) > self.start_us
        return self.batch("detect") >= 1 and self.batch("lake") >= 0

    def batch(self, query: str) -> int:
        """The last batch that a query has finished, -1 before the first."""
        found = (status.read(self.state, query) or {}).get("batch")
        return -1 if found is None else int(found)

    def failures(self, query: str) -> str:
        """What a query failed with, if it is failing now."""
        found = status.read(self.state, query) or {}
        return str(found.get("trouble") or "")

    # --- processes --------------------------------------------------------------------------------------------------

    def kill(self, name: str) -> int:
        """SIGKILL to a program of the session; its process id."""
        pid = self.session.pid(name)
        os.kill(pid, signal.SIGKILL)
        return pid

    def restarted(self, name: str, pid: int) -> Callable[[], bool]:
        """True once the program runs under another process id."""
        return lambda: self.session.pid(name) != pid

    def java_pid(self) -> int:
        """The process id of Spark's JVM."""
        driver = self.session.pid("spark")
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and _parent(folder) == driver and "java" in (folder / "comm").read_text():
                return int(folder.name)
        raise AssertionError(f"the driver {driver} has no JVM")

    def api(self, path: str) -> httpx.Response:
        """What the API answers; raises httpx.TransportError when it does not."""
        with httpx.Client(base_url=f"http://127.0.0.1:{self.direct.api.port}", trust_env=False, timeout=20) as client:
            return client.get(path)

    def api_answers(self) -> bool:
        """Whether GET /alerts is answered with 200."""
        try:
            return self.api("/alerts?limit=1").status_code == 200
        except httpx.TransportError:
            return False

    # --- relays -----------------------------------------------------------------------------------------------------

    def rule(self, action: str, rule: Rule | None) -> None:
        """Let a rule answer this AWS action from now on; None lets them through again."""
        if rule is None:
            self.aws.rules.pop(action, None)
        else:
            self.aws.rules[action] = rule

    def wires(self, venue: str | None = None) -> list[Wire]:
        """The open connections to a venue."""
        return self.background.call(self.sockets.of, venue)

    def cut(self, venue: str | None = None) -> int:
        """Abort the connections to a venue."""
        return self.background.call(self.sockets.cut, venue)

    def inject(self, venue: str, payloads: list[bytes]) -> int:
        """Put text frames into the connections to a venue."""
        return self.background.call(self.sockets.inject, venue, payloads)


def _parent(folder: Path) -> int | None:
    try:
        return int((folder / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError, IndexError):
        return None
