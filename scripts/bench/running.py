"""A session of the benchmark: started piece by piece, watched by its status files."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from bench.backlog import Backlog, elsewhere
from ctc import status
from ctc.cli.live import with_ports
from ctc.errors import CtcError
from ctc.ports import Record
from ctc.session import Program, Session, opened_session, platform_programs, trouble
from ctc.settings import Settings, load_profile
from ctc.wiring import stream_writers
from sim.plan import FIXED_START

LOOK_S = 0.1
SILENCE_S = 240.0
WARM_UP = 20_000  # trades
MARKET = Program("exchange", ("sim.exchange",))
Say = Callable[[str], None]


class Running:
    """An open session and what its queries have said."""

    def __init__(self, session: Session, silence_s: float = SILENCE_S) -> None:
        """`silence_s`: how long nothing may move."""
        self.session, self.settings, self.state = session, session.settings, session.state
        self._silence_s = silence_s
        self._pause = threading.Event()

    def start(self, *names: str, options: Sequence[str] = ()) -> None:
        """Start those of the platform's programs, and the exchange simulator, in this order."""
        programs = {program.name: program for program in (MARKET, *platform_programs(options))}
        self.session.start([programs[name] for name in names])

    def put(self, records: Sequence[Record]) -> None:
        """Into the stream of trades, in order."""
        stream_writers(self.settings)[0].put(records)

    def totals(self) -> tuple[int, int]:
        """Trades that `lake` and `detect` have finished."""
        found = [(status.read(self.state, name) or {}).get("totals", {}).get("trades", 0) for name in ("lake", "detect")]
        return found[0], found[1]

    def said(self, service: str, name: str) -> int:
        """A number of a service's status; 0 before it has said it."""
        return int((status.read(self.state, service) or {}).get(name) or 0)

    def until(self, met: Callable[[], bool], what: str, look: Callable[[], None] | None = None) -> float:
        """The monotonic time at which the condition was met. Raises CtcError when nothing moves any more."""
        seen, since = self.totals(), time.monotonic()
        while not met():
            if look is not None:
                look()
            self.session.keep_up()
            now = self.totals()
            if now != seen:
                seen, since = now, time.monotonic()
            if time.monotonic() - since > self._silence_s:
                why = trouble(self.state) or f"see the logs in {self.state / 'logs'}"
                raise CtcError(f"waiting for {what}: nothing moved for {self._silence_s:.0f} s ({why})")
            self._pause.wait(LOOK_S)
        return time.monotonic()

    def both_have(self, trades: int) -> float:
        """The monotonic time at which both queries have finished that many trades."""
        return self.until(lambda: min(self.totals()) >= trades, f"{trades:,} trades in both queries")

    def for_seconds(self, seconds: float, what: str, look: Callable[[], None] | None = None) -> None:
        """Keep the session up for that long."""
        end = time.monotonic() + seconds
        self.until(lambda: time.monotonic() >= end, what, look)

    @contextmanager
    def spark_held(self) -> Iterator[None]:
        """Spark stands still in the block, and at least for a trigger of `lake`, so that every query begins at once after it."""
        began = time.monotonic()
        pid = self.said("detect", "pid")
        os.killpg(pid, signal.SIGSTOP)  # the driver and its JVM; the workers only do as these say
        try:
            yield
            self._pause.wait(max(0.0, began + self.settings.spark.lake_trigger_s + 1 - time.monotonic()))
        finally:
            os.killpg(pid, signal.SIGCONT)


@contextmanager
def running(state: Path, say: Say, overrides: Mapping[str, Any]) -> Iterator[Running]:
    """A session of the `sim` profile, with other values where asked, on free ports, with its emulator and tables."""
    settings = with_ports(load_profile("sim", overrides), True, exchanges=True)
    with opened_session(settings, state, say, resume=False) as session:
        session.prepare()
        yield Running(session)


def warm_up(run: Running, say: Say) -> int:
    """Start Spark and the API and let both queries take trades of other markets; returns how many."""
    settings: Settings = elsewhere(run.settings)
    run.put(Backlog(settings, FIXED_START - timedelta(minutes=30), 20.0).take(WARM_UP))
    say("starting Spark and warming it up")
    run.start("spark", "api")
    run.both_have(WARM_UP)
    return WARM_UP
