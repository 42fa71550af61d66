"""How fast a replay goes: at a speed, as fast as it can, or not at all for now; the session's terminal may say so meanwhile.

A file in the state folder says it, so that two producers of a session hear the same.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from ctc.producer.heartbeats import LONGEST_STEP, SECOND

FILE = "replay.json"
LOOK_S = 0.1
_NEAR_S = 0.01  # what is due so soon is not waited for


class Told(msgspec.Struct, frozen=True):
    """What the terminal said. What was recorded before `ahead_to_us` is sent as fast as it can be: nothing is left out."""

    paused: bool = False
    ahead_to_us: int = 0


def tell(state: Path, told: Told) -> None:
    """Say it to the replays of the session in `state`."""
    scratch = state / f".{FILE}.new"
    scratch.write_bytes(msgspec.json.encode(told))
    scratch.replace(state / FILE)


def told_in(state: Path) -> Told:
    """What was said last."""
    try:
        return msgspec.json.decode((state / FILE).read_bytes(), type=Told)
    except (OSError, msgspec.DecodeError):
        return Told()


class Pace:
    """When a frame's turn is."""

    def __init__(self, speed: float | None, told: Callable[[], Told], monotonic: Callable[[], float] = time.monotonic) -> None:
        """`speed` is how many times faster than it was recorded; None is as fast as the machine can."""
        self.speed = speed
        self._ask, self._told = told, told()
        self._monotonic = monotonic
        self._asked = monotonic()
        self._anchor: tuple[float, int] | None = None
        self._before_us = 0

    async def turn(self, mark_us: int, stopping: asyncio.Event) -> None:
        """Return when a frame of this time may be sent, or when the replay is to stop. A long gap is skipped."""
        while not stopping.is_set() and (wait_s := self.wait_s(mark_us)) > 0:
            stop = asyncio.create_task(stopping.wait())
            await asyncio.wait({stop}, timeout=wait_s)
            stop.cancel()
        self._before_us = mark_us

    def wait_s(self, mark_us: int) -> float:
        """Seconds after which to ask again; 0 when it is the frame's turn."""
        now = self._monotonic()
        if now - self._asked >= LOOK_S:
            self._asked, self._told = now, self._ask()
        if self._told.paused:
            self._anchor = None
            return LOOK_S
        if self.speed is None or mark_us <= max(0, self._told.ahead_to_us):
            self._anchor = None
            return 0.0
        if self._anchor is None or mark_us - self._before_us > LONGEST_STEP:
            self._anchor, self._before_us = (now, mark_us), mark_us
        due_s = self._anchor[0] + (mark_us - self._anchor[1]) / SECOND / self.speed - now
        return min(due_s, LOOK_S) if due_s >= _NEAR_S else 0.0
