"""Sockets cut."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import VENUES


class SocketsCut(Fault):
    """What the exchange said before the new connection is filled from REST."""

    name = "sockets_cut"
    part = "exchange sockets"
    what = "the connections to one exchange, or to both, are cut without a closing frame"
    group = "sockets"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        venue = rng.choice([*VENUES, None])
        before = set(ground.wires(venue))
        ground.counts[self.name] += ground.cut(venue)
        yield lambda: bool(wires := set(ground.wires(venue))) and not wires & before
