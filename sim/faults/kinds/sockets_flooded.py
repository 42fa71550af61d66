"""Sockets flooded with frames that nobody asked for."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import VENUES, tradeless

FRAMES = 5_000


class SocketsFlooded(Fault):
    """They are read, counted as ignored, and cost time only."""

    name = "sockets_flooded"
    part = "exchange sockets"
    what = f"{FRAMES:,} frames at once that are no trades"
    group = "sockets"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice(VENUES)
        at = ground.gate.passed_us
        ground.counts[self.name] += ground.inject(venue, [tradeless(venue, at, number) for number in range(FRAMES)])
        yield ground.market_passes(1)
