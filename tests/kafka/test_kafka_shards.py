"""A Kafka topic read by shards on a real broker: how far behind queries are, what is gone, and what is said when nobody answers."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from fakes_hot import MemoryMetrics
from topics import held, settings_on

from ctc import status
from ctc.api.health import SessionHealth
from ctc.api.models import Health
from ctc.errors import DataLoss, SetupError, StreamError
from ctc.kafka.places import number, offset_behind, taken
from ctc.kafka.shards import FETCH_BYTES, KafkaShards
from ctc.kafka.topics import create_topics
from ctc.kafka.writer import KafkaWriter
from ctc.ports import Record
from ctc.processes import HOST, free_port
from ctc.settings import Settings
from ctc.stream.tail import Tail
from ctc.wiring import stream_lags
from sim.kafka_broker import KafkaBroker

pytestmark = pytest.mark.emulator
FIRST = "partition-000000"


@pytest.fixture
def settings(kafka: KafkaBroker) -> Settings:
    """A topic of this test's own, of one partition."""
    found = settings_on(kafka.bootstrap, f"t{uuid.uuid4().hex[:10]}", partitions=1)
    create_topics(found)
    return found


def put(settings: Settings, *data: bytes) -> None:
    KafkaWriter(settings.stream.bootstrap, settings.stream.trades).put([Record("A", each) for each in data])


def shards_of(settings: Settings) -> KafkaShards:
    return KafkaShards(settings, settings.stream.trades)


def tailed(shards: KafkaShards) -> list[bytes]:
    """From the oldest to the tip."""
    tail, found = Tail(shards, oldest=True), []
    while not tail.at_tip:
        found += [entry.data for _, entry in tail.read()]
    return found


def test_lag_is_the_wait_of_the_oldest_record_that_was_not_taken(settings: Settings) -> None:
    put(settings, b"1", b"2", b"3")
    shards, topic = shards_of(settings), settings.stream.trades
    arrived = [entry.arrival_us for entry in shards.get(shards.iterator(FIRST, ""), 10).entries]
    begun_us = shards.now_us
    found = stream_lags(settings)({"lake": {topic: {"0": 0}}, "quality": {topic: {"0": 2}}, "detect": {topic: {"0": 3}}})
    ended_us = shards.now_us
    assert list(found) == [FIRST]
    assert found[FIRST]["detect"] == 0
    for query, record in (("lake", 0), ("quality", 2)):
        assert begun_us - arrived[record] - 500 <= found[FIRST][query] * 1e6 <= ended_us - arrived[record] + 500


def test_lag_has_every_partition_that_a_query_has_come_to(kafka: KafkaBroker) -> None:
    settings = settings_on(kafka.bootstrap, f"t{uuid.uuid4().hex[:10]}", partitions=3)
    create_topics(settings)
    put(settings, b"1")
    (there,) = {record.partition for record in held(settings)}
    found = stream_lags(settings)({"detect": {settings.stream.trades: {str(each): 0 for each in range(3)}}})
    assert list(found) == ["partition-000000", "partition-000001", "partition-000002"]
    assert [partition for partition, lags in enumerate(found.values()) if lags["detect"] > 0] == [there]


def test_health_has_the_lags_of_a_topic_and_says_when_its_broker_is_away(settings: Settings, tmp_path: Path) -> None:
    put(settings, b"1", b"2")
    for query, offset in (("detect", 2), ("lake", 1)):
        status.publish(tmp_path, query, {"state": "running", "progress": {"batchId": 0, "offset": {settings.stream.trades: {"0": offset}}}})

    def health(of: Settings) -> Health:
        return SessionHealth(tmp_path, MemoryMetrics(), triggers_s={"detect": 1, "lake": 15}, lags=stream_lags(of))()

    found = health(settings)
    assert (list(found.shards), found.shards_absent) == ([FIRST], None)
    assert found.shards[FIRST]["lake"] > found.shards[FIRST]["detect"] == 0
    away = health(settings_on(f"{HOST}:{free_port()}", settings.stream.trades))
    assert (away.shards, away.shards_absent) == ({}, "the stream does not answer")


def test_offset_of_spark_is_a_place_behind_the_last_record_taken() -> None:
    found = taken({"trades": {"0": 0, "12": 7}})
    assert found == {"partition-000000": "", "partition-000012": "1000000000000000006"}
    assert offset_behind(found["partition-000012"]) == 7


def test_topic_is_read_page_by_page_and_records_larger_than_a_fetch_come_whole(settings: Settings) -> None:
    data = [bytes([each]) * 10_000 for each in range(200)] + [bytes(2 * FETCH_BYTES)]
    put(settings, *data)
    assert tailed(shards_of(settings)) == data


def test_time_behind_all_records_is_the_tip(settings: Settings) -> None:
    put(settings, b"1")
    shards = shards_of(settings)
    tip = shards.since(FIRST, shards.now_us + 3_600_000_000)
    assert tip == shards.latest(FIRST)
    put(settings, b"2")
    assert [entry.data for entry in shards.get(tip, 10).entries] == [b"2"]


def test_records_without_a_key_or_data_are_empty_and_keys_that_are_no_text_are_readable(settings: Settings) -> None:
    producer = Producer({"bootstrap.servers": settings.stream.bootstrap})
    producer.produce(settings.stream.trades, key=None, value=None)
    producer.produce(settings.stream.trades, key=b"\xff\xfe", value=b"1")
    producer.flush()
    shards = shards_of(settings)
    assert [(entry.key, entry.data) for entry in shards.get(shards.iterator(FIRST, ""), 10).entries] == [("", b""), ("\ufffd\ufffd", b"1")]


def test_records_that_are_gone_are_a_loss_and_the_oldest_is_what_is_left(settings: Settings) -> None:
    put(settings, b"1", b"2", b"3")
    shards = shards_of(settings)
    page = shards.get(shards.iterator(FIRST, ""), 1)
    assert page.behind_ms > 0
    admin = AdminClient({"bootstrap.servers": settings.stream.bootstrap})  # held until it has answered
    (gone,) = admin.delete_records([TopicPartition(settings.stream.trades, 0, 2)]).values()
    assert gone.result(30).low_watermark == 2
    with pytest.raises(DataLoss, match=rf"records behind {number(0)} are gone: the topic holds {number(2)} to {number(2)}\."):
        shards.get(page.next or "", 1)
    assert tailed(shards) == [b"3"]


def test_place_that_a_topic_never_came_to_is_a_loss(settings: Settings) -> None:
    shards = shards_of(settings)
    with pytest.raises(DataLoss, match=rf"behind {number(7)} are gone: the topic is empty"):
        shards.get(shards.iterator(FIRST, number(7)), 1)


class Leaderless:
    """A client whose first answers are that a partition has no leader: a broker says so for moments that no test can choose."""

    def __init__(self, client: Any, times: int) -> None:
        self._client, self._left = client, times

    def get_watermark_offsets(self, place: TopicPartition, timeout: float) -> Any:
        self._left -= 1
        if self._left >= 0:
            raise KafkaException(KafkaError(KafkaError.NOT_LEADER_FOR_PARTITION))
        return self._client.get_watermark_offsets(place, timeout=timeout)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)


@pytest.mark.parametrize(("times", "answer_s", "answers"), [(2, 30.0, True), (10**9, 0.2, False)])
def test_partition_whose_leader_is_being_chosen_is_asked_again(settings: Settings, times: int, answer_s: float, answers: bool) -> None:
    put(settings, b"1")
    shards = KafkaShards(settings, settings.stream.trades, answer_s=answer_s)
    shards._consumer = Leaderless(shards._consumer, times)
    if answers:
        assert shards.latest(FIRST) == "0/1"
    else:
        with pytest.raises(StreamError, match=r"Not leader for partition"):
            shards.latest(FIRST)


def test_topic_that_is_not_there_says_what_to_do(kafka: KafkaBroker) -> None:
    shards = KafkaShards(settings_on(kafka.bootstrap, "never-made"), "never-made", answer_s=5)
    for ask in (shards.list, lambda: shards.latest(FIRST), lambda: shards.since(FIRST, 0)):
        with pytest.raises(StreamError, match=r"reading the Kafka topic never-made at .*: it is not there .*start a session"):
            ask()


def test_broker_that_is_not_there_is_a_matter_of_setup() -> None:
    shards = KafkaShards(settings_on(f"{HOST}:{free_port()}", "trades"), "trades", answer_s=0.5)
    for ask in (shards.list, lambda: shards.latest(FIRST), lambda: shards.since(FIRST, 0)):
        with pytest.raises(SetupError, match=r"no Kafka broker answers .* correct stream\.bootstrap"):
            ask()
