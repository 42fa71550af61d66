"""The Kafka writer on a real broker: by key and in order, exact about what was not taken, errors of ours."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import defaultdict
from pathlib import Path

import pytest
from confluent_kafka import KafkaError
from fakes_exchange import run, until
from topics import held, settings_on

from ctc.codec import unpack
from ctc.errors import PartialWrite, SetupError, StreamError, Throttled
from ctc.kafka.topics import create_topics
from ctc.kafka.writer import KafkaWriter, judge
from ctc.ports import Record
from ctc.processes import HOST, free_port
from ctc.producer.batcher import Batcher
from ctc.producer.spool import Spool
from ctc.settings import Settings
from sim.kafka_broker import KafkaBroker

pytestmark = pytest.mark.emulator
TIME_UP = KafkaError(KafkaError._MSG_TIMED_OUT)


@pytest.fixture
def settings(kafka: KafkaBroker) -> Settings:
    """Topics of this test's own, of two partitions."""
    found = settings_on(kafka.bootstrap, f"t{uuid.uuid4().hex[:10]}")
    create_topics(found)
    return found


def test_writer_keeps_a_keys_records_in_one_partition_and_in_order(settings: Settings) -> None:
    writer = KafkaWriter(settings.stream.bootstrap, settings.stream.trades)
    for number in range(50):
        writer.put([Record(f"K{key}", bytes([number, 0, 255])) for key in range(8)])
    writer.put([])
    found, partitions = defaultdict[str, list[bytes]](list), defaultdict[str, set[int]](set)
    for record in held(settings):
        found[record.key].append(record.data)
        partitions[record.key].add(record.partition)
    assert found == {f"K{key}": [bytes([number, 0, 255]) for number in range(50)] for key in range(8)}
    assert all(len(each) == 1 for each in partitions.values())
    assert set.union(*partitions.values()) == {0, 1}


def test_topics_that_are_there_stay_as_they_are(settings: Settings) -> None:
    KafkaWriter(settings.stream.bootstrap, settings.stream.trades).put([Record("A", b"1")])
    create_topics(settings)
    assert [(each.key, each.data) for each in held(settings)] == [("A", b"1")]


def test_writer_refuses_a_record_that_no_topic_takes(settings: Settings) -> None:
    with pytest.raises(StreamError, match="max_pack_bytes"):
        KafkaWriter(settings.stream.bootstrap, settings.stream.trades).put([Record("A", bytes(1 << 20))])


def test_writer_says_that_a_topic_is_not_there(kafka: KafkaBroker) -> None:
    with pytest.raises(StreamError, match=r"never-made at .* is not there"):
        KafkaWriter(kafka.bootstrap, "never-made").put([Record("A", b"1")])


def test_writer_takes_silence_for_something_to_try_again() -> None:
    nobody = f"{HOST}:{free_port()}"
    with pytest.raises(Throttled, match=f"took none of 2 records for the topic trades at {nobody}: .*refused"):
        KafkaWriter(nobody, "trades", give_up_s=1).put([Record("A", b"1"), Record("B", b"2")])


def test_topics_of_a_broker_that_is_not_there_are_a_matter_of_setup(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctc.kafka.topics.ANSWER_S", 1.0)
    with pytest.raises(SetupError, match=r"no Kafka broker answers .* correct stream\.bootstrap"):
        create_topics(settings_on(f"{HOST}:{free_port()}", "trades"))


def test_what_was_not_taken_is_named_record_by_record() -> None:
    judge([None, None], "trades", "")
    with pytest.raises(PartialWrite) as caught:
        judge([None, TIME_UP, None, TIME_UP], "trades", "")
    assert caught.value.failed == (1, 3)
    with pytest.raises(StreamError, match="TOPIC_AUTHORIZATION_FAILED") as refused:
        judge([TIME_UP, KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED)], "trades", "")
    assert not isinstance(refused.value, Throttled | PartialWrite)


def test_lines_wait_on_disk_while_the_broker_is_gone_and_arrive_in_order(kafka: KafkaBroker, tmp_path: Path) -> None:
    own = KafkaBroker(tmp_path / "broker")
    own.start()
    try:
        settings = settings_on(own.bootstrap, "trades")
        create_topics(settings)
        writer = KafkaWriter(own.bootstrap, "trades", give_up_s=1)
        spool = Spool(tmp_path / "spool", 1 << 20)

        async def test() -> None:
            queue = Batcher(writer, linger_s=0.01, max_pack_bytes=200, max_buffered_lines=10_000, rng=random.Random(1), spool=spool)
            sending = asyncio.create_task(queue.run())
            add(queue, range(100))
            await until(lambda: queue.written.lines == 200)
            own.kill()
            add(queue, range(100, 200))
            await until(lambda: queue.spooled > 0, 30)
            await asyncio.to_thread(own.start)
            add(queue, range(200, 300))
            queue.close()
            await sending
            assert queue.written.retries > 0
            assert spool.lines == 0

        run(test(), 120)
        for key in ("A", "B"):
            lines = [line for record in held(settings) if record.key == key for line in unpack(record.data).split()]
            assert list(dict.fromkeys(lines)) == [f"{key}{number}".encode() for number in range(300)]
    finally:
        own.stop()


def add(queue: Batcher, numbers: range) -> None:
    for number in numbers:
        for key in ("A", "B"):
            queue.add(key, f"{key}{number}".encode())
