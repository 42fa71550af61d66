"""Sockets cut in the middle of a frame."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import VENUES


class CutMidFrame(Fault):
    """Half a frame is no frame: what it held is filled from REST."""

    name = "cut_mid_frame"
    part = "exchange sockets"
    what = "half of a frame's bytes, then the connection is cut"
    group = "sockets"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice(VENUES)
        before = set(ground.wires(venue))
        for wire in before:
            wire.cut_inside = True
        yield lambda: bool(wires := set(ground.wires(venue))) and not wires & before
        ground.counts[self.name] += len(before)
