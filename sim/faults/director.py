"""Leads a session through its faults: each strikes at a market time drawn from the seed, and the next one waits for its recovery."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import msgspec

from sim.faults.fault import Fault, Script
from sim.faults.ground import SECOND, Ground

MINUTE = 60 * SECOND
FIRST_MINUTE = 2.0  # of the market, before which none strikes
LAST_MINUTES = 1.5  # of the market, in which none strikes
BEYOND = 3600 * SECOND


class Strike(msgspec.Struct, frozen=True, kw_only=True):
    """One injection: at which market time (seconds from the start), how long it disturbed, how long until all was as before."""

    fault: str
    market_s: float
    lasted_s: float
    recovery_s: float


class Director:
    """Call `step` often; `done` once the last fault has been recovered from and the market runs to its end."""

    def __init__(self, ground: Ground, faults: Sequence[Fault], minutes: int, rng: random.Random) -> None:
        self._ground, self._rng = ground, rng
        order = [fault for fault in faults for _ in range(fault.times)]
        rng.shuffle(order)
        # Each somewhere in the first half of a stretch of its own, so that none has to wait for the market to crawl past another.
        stretch = (minutes - LAST_MINUTES - FIRST_MINUTE) * MINUTE / max(1, len(order))
        points = [ground.start_us + FIRST_MINUTE * MINUTE + (number + rng.uniform(0, 0.5)) * stretch for number in range(len(order))]
        self._plan = list(zip(order, points, strict=True))
        self.strikes: list[Strike] = []
        self.done = False
        self.doing = "warming up"
        self._script = self._direct()
        self._waits_for = next(self._script)

    def step(self) -> None:
        """Go on with the script if what it waits for has come. Raises AssertionError when a fault missed or nothing recovered."""
        while not self.done and self._waits_for():
            try:
                self._waits_for = next(self._script)
            except StopIteration:
                self.done = True

    def _direct(self) -> Script:
        ground = self._ground
        ground.gate.run_to(self._plan[0][1] if self._plan else ground.start_us + FIRST_MINUTE * MINUTE)
        yield ground.warm
        for index, (fault, point) in enumerate(self._plan):
            after = self._plan[index + 1][1] if index + 1 < len(self._plan) else point + fault.market_minutes * MINUTE
            ground.gate.run_to(point)
            yield lambda point=point: ground.gate.passed_us >= point  # type: ignore[misc]
            yield from self._strike(fault, after)
        self.doing = "running to the end"
        ground.gate.run_to(ground.start_us + BEYOND)

    def _strike(self, fault: Fault, upto: float) -> Script:
        ground = self._ground
        at, began = ground.gate.passed_us, time.monotonic()
        ground.gate.run_to(upto)  # the load goes on meanwhile
        self.doing = f"{fault.name}: disturbing"
        yield from self._within(fault, fault.strike(ground, self._rng))
        ended = time.monotonic()
        self.doing = f"{fault.name}: recovering"
        recovered = ground.taken_in()
        yield from self._within(fault, _one(recovered))
        self.strikes.append(
            Strike(
                fault=fault.name,
                market_s=round((at - ground.start_us) / SECOND, 1),
                lasted_s=round(ended - began, 2),
                recovery_s=round(time.monotonic() - ended, 2),
            )
        )

    def _within(self, fault: Fault, script: Script) -> Script:
        deadline = time.monotonic() + fault.within_s

        for condition in script:

            def holds(condition: object = condition) -> bool:
                if condition():  # type: ignore[operator]
                    return True
                assert time.monotonic() < deadline, f"{self.doing}: no end after {fault.within_s:.0f} s"
                return False

            yield holds


def _one(condition: object) -> Script:
    yield condition  # type: ignore[misc]
