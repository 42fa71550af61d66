"""Spark's JVM killed under its driver."""

from __future__ import annotations

import os
import random
import signal

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground


class JvmKilled(Fault):
    """The driver notices, ends, and is started again with a new JVM."""

    name = "jvm_killed"
    part = "Spark"
    what = "SIGKILL to the JVM alone; the driver's Python process is left behind"
    group = "kills"
    behind_stream = True
    within_s = 360.0

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        yield ground.after(rng.uniform(0, 4))
        pid = ground.session.pid("spark")
        os.kill(ground.java_pid(), signal.SIGKILL)
        ground.counts[self.name] += 1
        yield ground.restarted("spark", pid)
