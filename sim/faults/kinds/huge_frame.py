"""A frame of a megabyte."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import VENUES

BYTES = 1 << 20


class HugeFrame(Fault):
    """It is above the client's limit (512 KiB): the connection is closed and made anew, and what was missed is filled from REST."""

    name = "huge_frame"
    part = "exchange sockets"
    what = "one frame of 1 MB, which the client refuses by closing the connection"
    group = "sockets"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice(VENUES)
        before = set(ground.wires(venue))
        ground.counts[self.name] += ground.inject(venue, [b'{"e":"' + b"x" * BYTES + b'"}'])
        yield lambda: bool(wires := set(ground.wires(venue))) and not wires & before
