"""A shard whose records are shown later than the other shards'."""

from __future__ import annotations

import random

import msgspec

from ctc.aws.kinesis_shards import KinesisShards
from sim.faults.aws_relay import Call, Forward, Reply, error
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground

EXPIRED = error("ExpiredIteratorException")


class ShardBehind(Fault):
    """Reordering across shards: symbols of one shard wait, and those of the others, and their tether's price, go on without them."""

    name = "shard_behind"
    part = "Kinesis, reading"
    what = "one shard seems to have nothing new for 6 to 9 s, in which the others are read on; then all of it is there"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        shards = KinesisShards(ground.direct, ground.direct.stream.trades)
        known = shards.list()
        parents = {parent for shard in known for parent in shard.parents}  # drained, where the stream was resharded before
        full = [shard.id for shard in known if shard.id not in parents and shards.get(shards.iterator(shard.id, ""), 1).entries]
        late = _Late(ground.direct.stream.trades, rng.choice(full))
        batch = ground.batch("detect")
        ground.rule("GetShardIterator", late.iterator)
        ground.rule("GetRecords", late.records)
        yield ground.after(rng.uniform(6, 9))
        yield lambda: bool(late.held) and (len(full) == 1 or ground.batch("detect") > batch + 1)
        ground.rule("GetRecords", None)
        ground.rule("GetShardIterator", None)
        ground.counts[self.name] += len(late.held)


class _Late:
    """Knows the iterators of one shard by their beginnings: one from before the strike is told to have expired."""

    def __init__(self, stream: str, shard: str) -> None:
        self.place = (stream, shard)
        self.held: set[str] = set()  # sequence numbers that a reader asked for and was not shown
        self._places: dict[str, tuple[str, str]] = {}

    async def iterator(self, call: Call, forward: Forward) -> Reply | None:
        reply = await forward(call.body)
        if reply.status == 200:
            asked = call.json()
            self._places[msgspec.json.decode(reply.body)["ShardIterator"]] = (str(asked["StreamName"]), str(asked["ShardId"]))
        return reply

    async def records(self, call: Call, forward: Forward) -> Reply | None:
        iterator = str(call.json()["ShardIterator"])
        place = self._places.get(iterator)
        if place is None:
            return EXPIRED
        reply = await forward(call.body)
        if reply.status != 200:
            return reply
        page = msgspec.json.decode(reply.body)
        if place == self.place:
            self.held.update(record["SequenceNumber"] for record in page["Records"])
            return Reply(200, msgspec.json.encode({"Records": [], "NextShardIterator": iterator, "MillisBehindLatest": 0}))
        if page.get("NextShardIterator"):
            self._places[page["NextShardIterator"]] = place
        return reply
