"""PutRecords that are throttled as a whole."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.tamper import throttling


class PutsThrottled(Fault):
    """The producer holds what it can't send, and sends it in order."""

    name = "puts_throttled"
    part = "Kinesis, writing"
    what = "80 % of the PutRecords calls are throttled (ProvisionedThroughputExceededException)"
    group = "stores"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        before = ground.counts[self.name]
        ground.rule("PutRecords", throttling(0.8, rng, ground.counts, self.name))
        yield ground.after(rng.uniform(3, 6))
        yield lambda: ground.counts[self.name] > before
        ground.rule("PutRecords", None)
