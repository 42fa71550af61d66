"""Real trades whose frames arrive broken."""

from __future__ import annotations

import random
from collections import Counter

from sim.faults.facts import Facts
from sim.faults.fault import Fault, Script
from sim.faults.frames import Frame
from sim.faults.ground import Ground
from sim.faults.market import VENUES, broken


class FramesBroken(Fault):
    """The frame is a dead letter; the trade is filled from REST."""

    name = "frames_broken"
    part = "exchange sockets"
    what = "one in ten trade frames is cut off, lacks its price or has a price that is none, in place of the right one"
    group = "sockets"

    def __init__(self) -> None:
        self._sent: Counter[bytes] = Counter()

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice(VENUES)

        def tamper(frame: Frame) -> list[bytes] | None:
            if not frame.is_trade or rng.random() >= 0.1:
                return None
            payload = broken(rng, frame.payload)
            self._sent[payload] += 1
            ground.counts[self.name] += 1
            return [payload]

        before = ground.counts[self.name]
        ground.sockets.tampers[venue] = tamper
        yield ground.market_passes(rng.uniform(20, 30))
        yield lambda: ground.counts[self.name] > before
        del ground.sockets.tampers[venue]

    def verify(self, ground: Ground, facts: Facts) -> list[str]:
        held = Counter(raw for letters in facts.letters.values() for raw in letters)
        lacking = sum((self._sent - held).values())
        return [f"{lacking} of {self._sent.total()} broken frames are not in the dead-letter queue"] if lacking else []
