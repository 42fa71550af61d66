"""Sockets that stay open and say nothing."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import VENUES


class SocketsStalled(Fault):
    """Shorter than any producer's patience (`producer.patience_s`): the other exchange's frames wait, and nothing is seen of it."""

    name = "sockets_stalled"
    part = "exchange sockets"
    what = "the connections to one exchange stay open and silent for 4 to 7 s"
    group = "sockets"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        wires = ground.wires(rng.choice(VENUES))
        for wire in wires:
            ground.background.call(wire.flowing.clear)
        ground.counts[self.name] += len(wires)
        yield ground.after(rng.uniform(4, 7))
        for wire in wires:
            ground.background.call(wire.flowing.set)
