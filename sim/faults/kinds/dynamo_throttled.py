"""DynamoDB that is throttled."""

from __future__ import annotations

import random

from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.tamper import throttling

ACTIONS = ("PutItem", "UpdateItem", "BatchWriteItem", "GetItem", "Query")


class DynamoThrottled(Fault):
    """`detect` does its batch again until all of it is written; the API answers 503 meanwhile."""

    name = "dynamo_throttled"
    part = "DynamoDB"
    what = "75 % of the calls are throttled, so that five tries are not always enough"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        before = ground.counts[self.name]
        for action in ACTIONS:
            ground.rule(action, throttling(0.75, rng, ground.counts, self.name))
        yield ground.after(rng.uniform(4, 7))
        yield lambda: ground.counts[self.name] > before
        for action in ACTIONS:
            ground.rule(action, None)
