"""Shard iterators that are too old when they are used."""

from __future__ import annotations

import random

from sim.faults.aws_relay import error
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.tamper import answering


class IteratorsExpired(Fault):
    """The source takes a new iterator behind the last record that it has."""

    name = "iterators_expired"
    part = "Kinesis, reading"
    what = "half of the GetRecords calls find their iterator expired"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        before = ground.counts[self.name]
        ground.rule("GetRecords", answering(error("ExpiredIteratorException"), 0.5, rng, ground.counts, self.name))
        yield ground.after(rng.uniform(4, 7))
        yield lambda: ground.counts[self.name] > before
        ground.rule("GetRecords", None)
