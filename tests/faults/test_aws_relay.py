"""The relay between a session and its emulator: what passes is what would have been answered, and faults strike as they say."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator

import msgspec
import pytest
from botocore.exceptions import ClientError

from ctc.aws.clients import client
from ctc.aws.kinesis import KinesisWriter
from ctc.errors import PartialWrite, Throttled
from ctc.ports import Record
from ctc.processes import free_port
from ctc.settings import Settings
from sim.faults.aws_relay import AwsRelay, error
from sim.faults.background import Background
from sim.faults.tamper import answering, losing, refusing_entries, throttling

pytestmark = pytest.mark.emulator


@pytest.fixture
def relay(emulator: Settings) -> Iterator[AwsRelay]:
    found = AwsRelay(free_port(), int(emulator.aws.endpoint.rpartition(":")[2]))
    with Background() as background:
        background.run(found.listen())
        yield found
        background.run(found.deaf())


@pytest.fixture
def through(emulator: Settings, relay: AwsRelay) -> Settings:
    return msgspec.structs.replace(emulator, aws=msgspec.structs.replace(emulator.aws, endpoint=f"http://127.0.0.1:{relay.port}"))


@pytest.fixture
def stream(emulator: Settings) -> Iterator[str]:
    name = emulator.stream.trades
    client("kinesis", emulator).create_stream(StreamName=name, ShardCount=1)
    yield name
    client("kinesis", emulator).delete_stream(StreamName=name)


def held(settings: Settings, stream: str) -> list[bytes]:
    """What the only shard holds, in order."""
    kinesis = client("kinesis", settings)
    iterator = kinesis.get_shard_iterator(StreamName=stream, ShardId="shardId-000000000000", ShardIteratorType="TRIM_HORIZON")
    return [record["Data"] for record in kinesis.get_records(ShardIterator=iterator["ShardIterator"])["Records"]]


def records(count: int) -> list[Record]:
    return [Record(f"key-{number}", b"record %d" % number) for number in range(count)]


def test_s3_passes_with_bodies_heads_and_errors(through: Settings) -> None:
    store = client("s3", through)
    store.create_bucket(Bucket=through.lake.raw_bucket)
    body = random.Random(1).randbytes(3 << 20)
    store.put_object(Bucket=through.lake.raw_bucket, Key="large", Body=body)
    assert store.head_object(Bucket=through.lake.raw_bucket, Key="large")["ContentLength"] == len(body)
    assert store.get_object(Bucket=through.lake.raw_bucket, Key="large")["Body"].read() == body
    with pytest.raises(ClientError, match="404"):
        store.head_object(Bucket=through.lake.raw_bucket, Key="none")
    store.delete_object(Bucket=through.lake.raw_bucket, Key="large")
    assert "Contents" not in store.list_objects_v2(Bucket=through.lake.raw_bucket)


def test_records_pass_unchanged(through: Settings, stream: str) -> None:
    KinesisWriter(client("kinesis", through), stream).put(records(50))
    assert held(through, stream) == [record.data for record in records(50)]


def test_refused_entries_are_named_and_the_others_written(through: Settings, relay: AwsRelay, stream: str) -> None:
    counts: Counter[str] = Counter()
    relay.rules["PutRecords"] = refusing_entries(0.5, random.Random(3), counts, "refused")
    given = records(40)
    with pytest.raises(PartialWrite) as raised:
        KinesisWriter(client("kinesis", through), stream).put(given)
    refused = set(raised.value.failed)
    assert 0 < len(refused) == counts["refused"] < 40
    assert held(through, stream) == [record.data for index, record in enumerate(given) if index not in refused]


def test_throttled_call_writes_nothing(through: Settings, relay: AwsRelay, stream: str) -> None:
    counts: Counter[str] = Counter()
    relay.rules["PutRecords"] = throttling(1.0, random.Random(3), counts, "throttled")
    with pytest.raises(Throttled):
        KinesisWriter(client("kinesis", through), stream).put(records(3))
    del relay.rules["PutRecords"]
    assert counts["throttled"] >= 1
    assert held(through, stream) == []


def test_lost_answer_leaves_the_write(through: Settings, relay: AwsRelay, stream: str) -> None:
    counts: Counter[str] = Counter()
    relay.rules["PutRecords"] = losing(1.0, random.Random(3), counts, "lost")
    with pytest.raises(Throttled):
        KinesisWriter(client("kinesis", through), stream).put(records(2))
    del relay.rules["PutRecords"]
    assert held(through, stream) == [record.data for record in records(2)] * counts["lost"]


def test_expired_iterator_is_told_as_kinesis_tells_it(through: Settings, relay: AwsRelay, stream: str) -> None:
    counts: Counter[str] = Counter()
    relay.rules["GetRecords"] = answering(error("ExpiredIteratorException"), 1.0, random.Random(3), counts, "expired")
    with pytest.raises(ClientError) as raised:
        held(through, stream)
    assert raised.value.response["Error"]["Code"] == "ExpiredIteratorException"


def test_deaf_relay_refuses_connections_and_listens_again(through: Settings, stream: str, relay: AwsRelay) -> None:
    with Background() as background:
        background.run(relay.deaf())
        with pytest.raises(Throttled, match="does not answer"):
            KinesisWriter(client("kinesis", through), stream).put(records(1))
        background.run(relay.listen())
        KinesisWriter(client("kinesis", through), stream).put(records(1))
        assert held(through, stream) == [b"record 0"]
        background.run(relay.deaf())
