"""Rules for the AWS relay that several faults share: refuse, throttle, lose."""

from __future__ import annotations

import random
from collections import Counter

import msgspec

from sim.faults.aws_relay import Call, Forward, Reply, Rule, error

THROTTLED = "ProvisionedThroughputExceededException"


def answering(reply: Reply, share: float, rng: random.Random, counts: Counter[str], name: str) -> Rule:
    """A rule that gives this answer to a share of the calls, without forwarding them."""

    async def rule(call: Call, forward: Forward) -> Reply | None:
        if rng.random() >= share:
            return await forward(call.body)
        counts[name] += 1
        return reply

    return rule


def throttling(share: float, rng: random.Random, counts: Counter[str], name: str) -> Rule:
    """A rule that throttles a share of the calls."""
    return answering(error(THROTTLED, "Rate exceeded"), share, rng, counts, name)


def losing(share: float, rng: random.Random, counts: Counter[str], name: str) -> Rule:
    """A rule that carries a share of the calls out and cuts the connection in place of the answer."""

    async def rule(call: Call, forward: Forward) -> Reply | None:
        reply = await forward(call.body)
        if rng.random() >= share:
            return reply
        counts[name] += 1
        return None

    return rule


def refusing_entries(share: float, rng: random.Random, counts: Counter[str], name: str) -> Rule:
    """A rule for PutRecords that refuses a share of the entries and writes the others, also those behind a refused one."""

    async def rule(call: Call, forward: Forward) -> Reply | None:
        request = msgspec.json.decode(call.body)
        entries = request["Records"]
        refused = [rng.random() < share for _ in entries]
        accepted = [entry for entry, no in zip(entries, refused, strict=True) if not no]
        if len(accepted) == len(entries):
            return await forward(call.body)
        counts[name] += len(entries) - len(accepted)
        written: list[object] = []
        if accepted:
            reply = await forward(msgspec.json.encode({**request, "Records": accepted}))
            if reply.status != 200:
                return reply
            written = msgspec.json.decode(reply.body)["Records"]
        return Reply(200, msgspec.json.encode(_merged(refused, written)))

    return rule


def _merged(refused: list[bool], written: list[object]) -> dict[str, object]:
    """PutRecords' answer over all entries: in order, with those that were written in the places of those that were not refused."""
    rest = iter(written)
    no = {"ErrorCode": THROTTLED, "ErrorMessage": "Rate exceeded for shard"}
    return {"FailedRecordCount": sum(refused), "Records": [no if each else next(rest) for each in refused]}
