"""PutRecords that fail in part."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.tamper import refusing_entries


class PutsRefused(Fault):
    """Order per symbol must survive, and no accepted entry may be sent again as if refused."""

    name = "puts_refused"
    part = "Kinesis, writing"
    what = "40 % of the entries of every PutRecords call are refused, in any place of the call"
    group = "stores"

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        before = ground.counts[self.name]
        ground.rule("PutRecords", refusing_entries(0.4, rng, ground.counts, self.name))
        yield ground.after(rng.uniform(3, 6))
        yield lambda: ground.counts[self.name] > before
        ground.rule("PutRecords", None)
