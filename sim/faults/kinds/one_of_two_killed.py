"""One of two producers killed."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground


class OneOfTwoKilled(Fault):
    """Both send everything, either may die: each trade counts once, and as of the first that told it."""

    name = "one_of_two_killed"
    part = "producer"
    what = "two producers run on the same markets; SIGKILL to one, and later to one again"
    group = "alone"
    times = 2
    producers = 2
    soaks = False

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        name = rng.choice(("producer", "producer-2"))
        pid = ground.kill(name)
        ground.counts[self.name] += 1
        yield ground.restarted(name, pid)
