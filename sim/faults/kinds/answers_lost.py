"""Writes that take place and whose answers are lost: the reason why a producer is at least once."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.tamper import losing

ACTIONS = ("PutRecords", "PutItem", "BatchWriteItem")


class AnswersLost(Fault):
    """Records come twice and are counted once; conditional writes are repeated without harm."""

    name = "answers_lost"
    part = "Kinesis and DynamoDB, writing"
    what = "30 % of the writes are carried out, and the connection is cut before the answer"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        before = ground.counts[self.name]
        for action in ACTIONS:
            ground.rule(action, losing(0.3, rng, ground.counts, self.name))
        yield ground.after(rng.uniform(4, 7))
        yield lambda: ground.counts[self.name] > before
        for action in ACTIONS:
            ground.rule(action, None)
