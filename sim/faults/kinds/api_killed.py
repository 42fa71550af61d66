"""The API killed."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground


class ApiKilled(Fault):
    """It holds nothing: started again, it answers."""

    name = "api_killed"
    part = "API"
    what = "SIGKILL to the API"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        pid = ground.kill("api")
        ground.counts[self.name] += 1
        yield ground.restarted("api", pid)
        yield ground.api_answers
