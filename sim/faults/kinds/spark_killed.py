"""Spark killed at any point of its batches."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground


class SparkKilled(Fault):
    """A planned batch, perhaps half written, is done again with the same records."""

    name = "spark_killed"
    part = "Spark"
    what = "SIGKILL to the driver (its JVM and workers end with it), at a random moment of its batches"
    group = "kills"
    behind_stream = True
    within_s = 360.0

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        yield ground.after(rng.uniform(0, 4))
        pid = ground.kill("spark")
        ground.counts[self.name] += 1
        yield ground.restarted("spark", pid)
