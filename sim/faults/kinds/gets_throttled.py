"""GetRecords that are throttled."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.tamper import throttling


class GetsThrottled(Fault):
    """The source tries again from where it was."""

    name = "gets_throttled"
    part = "Kinesis, reading"
    what = "60 % of the GetRecords calls are throttled"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        before = ground.counts[self.name]
        ground.rule("GetRecords", throttling(0.6, rng, ground.counts, self.name))
        yield ground.after(rng.uniform(4, 7))
        yield lambda: ground.counts[self.name] > before
        ground.rule("GetRecords", None)
