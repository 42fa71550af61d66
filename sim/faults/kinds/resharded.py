"""A stream that is split and merged while it is written and read."""

from __future__ import annotations

import random

from ctc.aws.clients import client
from ctc.aws.kinesis_shards import KinesisShards
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground


class Resharded(Fault):
    """A symbol's records go on in another shard: parents are drained before their children are read."""

    name = "resharded"
    part = "Kinesis"
    what = "a shard is split and, while its children are being written, one of them merged with its neighbour; symbols change shards"
    group = "stores"
    behind_stream = True

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        kinesis, stream = client("kinesis", ground.direct), ground.direct.stream.trades
        described = kinesis.list_shards(StreamName=stream)["Shards"]
        ranges = {
            shard["ShardId"]: (int(shard["HashKeyRange"]["StartingHashKey"]), int(shard["HashKeyRange"]["EndingHashKey"]))
            for shard in described
            if "EndingSequenceNumber" not in shard["SequenceNumberRange"]
        }
        parent, (start, end) = rng.choice(sorted(ranges.items()))
        middle = start + int((end - start) * rng.uniform(0.2, 0.8))
        kinesis.split_shard(StreamName=stream, ShardToSplit=parent, NewStartingHashKey=str(middle))
        yield ground.market_passes(rng.uniform(10, 20))
        children = sorted(shard.id for shard in KinesisShards(ground.direct, stream).list() if parent in shard.parents)
        other = next((name for name, (first, last) in ranges.items() if name != parent and (first == end + 1 or last == start - 1)), None)
        if other is not None:
            pair = (children[1], other) if ranges[other][0] == end + 1 else (other, children[0])
            kinesis.merge_shards(StreamName=stream, ShardToMerge=pair[0], AdjacentShardToMerge=pair[1])
        ground.counts[self.name] += 1
        yield ground.market_passes(5)
