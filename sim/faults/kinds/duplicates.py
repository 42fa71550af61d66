"""Trades told twice."""

from __future__ import annotations

import random
from collections import deque

from sim.faults.fault import Fault, Script
from sim.faults.frames import Frame
from sim.faults.ground import Ground
from sim.faults.market import VENUES


class Duplicates(Fault):
    """One copy counts."""

    name = "duplicates"
    part = "exchange sockets"
    what = "every second trade comes again at once, and every tenth is followed by one of the 300 before it"
    group = "sockets"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice(VENUES)
        known: deque[bytes] = deque(maxlen=300)
        before = ground.counts[self.name]

        def tamper(frame: Frame) -> list[bytes] | None:
            if not frame.is_trade:
                return None
            again = [frame.payload] if rng.random() < 0.5 else []
            again += [rng.choice(known)] if known and rng.random() < 0.1 else []
            known.append(frame.payload)
            ground.counts[self.name] += len(again)
            return [frame.payload, *again]

        ground.sockets.tampers[venue] = tamper
        yield ground.market_passes(rng.uniform(20, 30))
        yield lambda: ground.counts[self.name] > before
        del ground.sockets.tampers[venue]
