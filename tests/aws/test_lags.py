"""How far behind a query is, read off the emulator's stream; off Kafka's in tests/kafka."""

from __future__ import annotations

import msgspec

from ctc.aws.clients import client
from ctc.aws.kinesis import KinesisWriter
from ctc.aws.streams import create_streams
from ctc.ports import Record
from ctc.settings import Settings
from ctc.wiring import stream_lags


def test_lag_is_the_wait_of_the_oldest_record_that_was_not_taken(emulator: Settings) -> None:
    settings = msgspec.structs.replace(emulator, stream=msgspec.structs.replace(emulator.stream, shards=1))
    create_streams(settings)
    kinesis = client("kinesis", settings)
    KinesisWriter(kinesis, settings.stream.trades).put([Record(key="a", data=b"1"), Record(key="a", data=b"2")])
    shard = kinesis.list_shards(StreamName=settings.stream.trades)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=settings.stream.trades, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    offsets = {
        "lake": {shard: {"seq": "", "at": 0, "closed": False}},
        "detect": {shard: {"seq": records[-1]["SequenceNumber"], "at": 0, "closed": False}},
        "gone": {"shardId-closed": {"seq": "5", "at": 0, "closed": True}},
    }
    found = stream_lags(settings)(offsets)
    assert list(found) == [shard]
    assert found[shard]["detect"] == 0
    assert 0 <= found[shard]["lake"] < 60
