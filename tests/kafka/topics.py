"""What a topic holds, read by Kafka's own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from typing import NamedTuple

import msgspec
from confluent_kafka import Consumer, TopicPartition

from ctc.settings import Settings, load_profile


class Held(NamedTuple):
    """One record of a topic."""

    partition: int
    offset: int
    key: str
    data: bytes


def settings_on(bootstrap: str, topic: str, partitions: int = 2) -> Settings:
    """The sim profile with topics of a test's own."""
    settings = load_profile("sim", {"stream.source": "kafka", "stream.bootstrap": bootstrap})
    stream = msgspec.structs.replace(settings.stream, trades=topic, dead_letters=f"{topic}-dlq", shards=partitions)
    return msgspec.structs.replace(settings, stream=stream)


def held(settings: Settings) -> list[Held]:
    """Every record of the trades' topic, by partition and offset."""
    with closing(Consumer({"bootstrap.servers": settings.stream.bootstrap, "group.id": "tests", "enable.auto.commit": False})) as consumer:
        found = consumer.list_topics(settings.stream.trades, timeout=60).topics[settings.stream.trades]
        return [each for partition in sorted(found.partitions) for each in _partition(consumer, settings.stream.trades, partition)]


def _partition(consumer: Consumer, topic: str, partition: int) -> Iterator[Held]:
    first, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=60)
    consumer.assign([TopicPartition(topic, partition, first)])
    while first < end:
        record = consumer.poll(60)
        assert record is not None, f"{topic}/{partition} gave nothing after offset {first} of {end}"
        assert record.error() is None, record.error()
        first = record.offset() + 1
        yield Held(partition, record.offset(), record.key().decode(), record.value())
