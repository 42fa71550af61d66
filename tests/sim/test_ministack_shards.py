"""Resharding on the emulator: closed parents keep their records, and the source reads every record once, parents first."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from ctc.aws.clients import client
from ctc.aws.kinesis_shards import KinesisShards
from ctc.settings import Settings
from ctc.spark.source import KinesisStreamReader, Range

pytestmark = pytest.mark.emulator
HALF = str(2**126)


@pytest.fixture
def stream(emulator: Settings) -> Iterator[str]:
    name = emulator.stream.trades
    kinesis = client("kinesis", emulator)
    kinesis.create_stream(StreamName=name, ShardCount=2)
    yield name
    kinesis.delete_stream(StreamName=name)


def put(settings: Settings, stream: str, numbers: range) -> None:
    entries = [{"Data": b"%d" % number, "PartitionKey": f"key-{number % 7}"} for number in numbers]
    client("kinesis", settings).put_records(StreamName=stream, Records=entries)


def read_all(reader: KinesisStreamReader) -> dict[str, list[int]]:
    """Numbers by key, in the order in which they are read; on from where the reader was."""
    found: dict[str, list[int]] = {}
    start = reader.initialOffset() if reader._position is None else reader._position
    while True:
        end = reader.latestOffset(start)
        for partition in reader.partitions(start, end):
            assert isinstance(partition, Range)
            for batch in reader.read(partition):
                for row in batch.to_pylist():
                    found.setdefault(row["partitionKey"], []).append(int(row["data"]))
        if end == start:
            return found
        start = end


def test_closed_parents_are_read_to_their_end_and_then_their_children(emulator: Settings, stream: str) -> None:
    kinesis = client("kinesis", emulator)
    reader = KinesisStreamReader(lambda: KinesisShards(emulator, stream), stream, 1 << 20)
    put(emulator, stream, range(50))
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    put(emulator, stream, range(50, 100))
    kinesis.merge_shards(StreamName=stream, ShardToMerge="shardId-000000000003", AdjacentShardToMerge="shardId-000000000001")
    put(emulator, stream, range(100, 150))
    found = read_all(reader)
    assert found == {f"key-{key}": [number for number in range(150) if number % 7 == key] for key in range(7)}
    open_shards = [shard.id for shard in KinesisShards(emulator, stream).list()]
    assert len(open_shards) == 5
    put(emulator, stream, range(150, 160))
    assert sum(map(len, read_all(reader).values())) == 10


def test_drained_parent_gives_no_next_iterator_and_takes_nothing(emulator: Settings, stream: str) -> None:
    kinesis = client("kinesis", emulator)
    put(emulator, stream, range(50))
    kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
    put(emulator, stream, range(50, 100))
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    first = kinesis.get_records(ShardIterator=iterator["ShardIterator"], Limit=3)
    assert first.get("NextShardIterator")
    rest = kinesis.get_records(ShardIterator=first["NextShardIterator"], Limit=1000)
    assert rest.get("NextShardIterator") is None
    assert all(int(record["Data"]) < 50 for record in [*first["Records"], *rest["Records"]])
    listed = {shard["ShardId"]: shard for shard in kinesis.list_shards(StreamName=stream)["Shards"]}
    assert "EndingSequenceNumber" in listed["shardId-000000000000"]["SequenceNumberRange"]
    assert listed["shardId-000000000002"]["ParentShardId"] == "shardId-000000000000"
    with pytest.raises(ClientError, match="closed"):
        kinesis.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF)
