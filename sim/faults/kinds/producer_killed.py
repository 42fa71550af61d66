"""The producer killed."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground


class ProducerKilled(Fault):
    """What it had read and not sent, and what the exchange said meanwhile, is filled from REST."""

    name = "producer_killed"
    part = "producer"
    what = "SIGKILL to the producer"
    group = "kills"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        yield ground.after(rng.uniform(0, 2))
        pid = ground.kill("producer")
        ground.counts[self.name] += 1
        yield ground.restarted("producer", pid)
