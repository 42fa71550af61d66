"""A commit to the lake of which nobody knows whether it took place."""

from __future__ import annotations

import random

import msgspec

from sim.faults.aws_relay import Call, Forward, Reply
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground

TABLE = "raw_trades"
ACTIONS = ("UpdateTable", "GetTable")


class CommitsUnknown(Fault):
    """The batch comes again in the same process, which has to ask the table what became of it."""

    name = "commits_unknown"
    part = "Glue"
    what = "the catalog takes a commit of raw_trades, its answer is lost, and for 15 to 20 s it answers nobody who asks what became of it"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        struck: list[int] = []

        async def rule(call: Call, forward: Forward) -> Reply | None:
            if struck:
                return None
            reply = await forward(call.body)
            if call.action == "UpdateTable" and reply.status == 200 and msgspec.json.decode(call.body)["TableInput"]["Name"] == TABLE:
                struck.append(ground.batch("lake"))
                return None
            return reply

        for action in ACTIONS:
            ground.rule(action, rule)
        yield lambda: bool(struck)
        ground.counts[self.name] += 1
        yield ground.after(rng.uniform(15, 20))
        for action in ACTIONS:
            ground.rule(action, None)
