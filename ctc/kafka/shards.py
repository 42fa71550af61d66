"""A Kafka topic read as `ctc.stream.shards` has it, partition by partition and without Spark.

An iterator is a partition and the offset to go on from, so it never expires. Nothing is committed: nobody's place but the caller's moves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic, time_ns
from typing import Any, TypeVar

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from ctc.errors import StreamError
from ctc.kafka.errors import LEADERLESS, from_kafka
from ctc.kafka.places import number, offset_behind, partition_of, shard_of
from ctc.settings import Settings
from ctc.stream.shards import Entry, Page, Shard, lost

PATIENT_S, HASTY_S = 10.0, 5.0  # how long each question to the brokers may take
AGAIN_S = 0.1
FETCH_BYTES = 64 << 10  # at a time: a lag needs one record, and brokers bill what they send
GROUP = "ctc-look"  # the client must have one, and asks for its coordinator: brokers make `__consumer_offsets`, where nothing is written

Answer = TypeVar("Answer")


class KafkaShards:
    """`ctc.stream.shards.DatedShards` of a topic; one thread at a time."""

    def __init__(self, settings: Settings, topic: str, answer_s: float = PATIENT_S) -> None:
        self._bootstrap, self._topic, self._answer_s = settings.stream.bootstrap, topic, answer_s
        self._consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": GROUP,
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "auto.offset.reset": "error",  # what is gone is an error, not something else in its place
                "fetch.message.max.bytes": FETCH_BYTES,
                "fetch.wait.max.ms": 10,  # only what is there is fetched, and the next partition waits for the answer
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 0,  # errors come as such
            }
        )

    @property
    def now_us(self) -> int:
        return time_ns() // 1000

    def list(self) -> list[Shard]:
        """Every partition, by id."""
        found = self._asked(lambda: self._consumer.list_topics(self._topic, timeout=self._answer_s)).topics[self._topic]
        if found.error is not None:
            raise self._refused(found.error)
        return [Shard(shard_of(partition), ()) for partition in sorted(found.partitions)]

    def iterator(self, shard: str, after: str) -> str:
        """An iterator behind sequence number `after`, or at the oldest record when it is empty."""
        partition = partition_of(shard)
        return _iterator(partition, offset_behind(after) if after else self._ends(partition)[0])

    def latest(self, shard: str) -> str:
        """An iterator behind the newest record."""
        partition = partition_of(shard)
        return _iterator(partition, self._ends(partition)[1])

    def since(self, shard: str, us: int) -> str:
        """An iterator at the first record that arrived at this time or later; Kafka's times are whole milliseconds."""
        partition = partition_of(shard)
        asked = [TopicPartition(self._topic, partition, -(-us // 1000))]
        (found,) = self._asked(lambda: self._consumer.offsets_for_times(asked, timeout=self._answer_s))
        if found.error is not None:
            raise self._refused(found.error)
        return _iterator(partition, found.offset) if found.offset >= 0 else self.latest(shard)

    def get(self, iterator: str, limit: int) -> Page:
        """At most `limit` next records. Raises DataLoss when the topic does not hold the iterator's place, or not any more."""
        partition, offset = map(int, iterator.split("/"))
        first, end = self._ends(partition)
        if not first <= offset <= end:
            held = f"the topic holds {number(first)} to {number(end - 1)}" if first < end else "the topic is empty"
            raise lost(f"{self._topic}/{shard_of(partition)}", number(offset - 1), held)
        entries = list(self._read(partition, offset, end, limit)) if offset < end else []
        following = offset_behind(entries[-1].sequence_number) if entries else offset
        behind_ms = max(1, (self.now_us - entries[-1].arrival_us) // 1000) if following < end else 0
        return Page(entries, _iterator(partition, following), behind_ms)

    def _read(self, partition: int, offset: int, end: int, limit: int) -> Iterator[Entry]:
        self._consumer.assign([TopicPartition(self._topic, partition, offset)])
        try:
            while offset < end and limit > 0:
                entry = _entry(self._next(partition))
                yield entry
                offset, limit = offset_behind(entry.sequence_number), limit - 1
        finally:
            self._consumer.unassign()

    def _next(self, partition: int) -> Message[Any, Any]:
        message = self._consumer.poll(self._answer_s)
        if message is None:
            where = f"{self._topic}/{shard_of(partition)} at {self._bootstrap}"
            raise StreamError(
                f"{where} holds records and gave none for {self._answer_s:.0f} s; see whether its broker is well, then try again"
            )
        if (error := message.error()) is not None:
            raise self._refused(error)
        return message

    def _ends(self, partition: int) -> tuple[int, int]:
        """The oldest offset, and the one behind the newest."""
        place = TopicPartition(self._topic, partition)
        first, end = self._asked(lambda: self._consumer.get_watermark_offsets(place, timeout=self._answer_s))
        return first, end

    def _asked(self, question: Callable[[], Answer]) -> Answer:
        """The answer. While a partition's leader is being chosen, as after its topic was made, it is asked again, within that time."""
        until = monotonic() + self._answer_s
        while True:
            try:
                return question()
            except KafkaException as error:
                if error.args[0].code() not in LEADERLESS or monotonic() >= until:
                    raise self._refused(error.args[0]) from error
            self._consumer.poll(AGAIN_S)  # nothing is assigned: the client hears of its brokers meanwhile

    def _refused(self, error: Any) -> Exception:
        return from_kafka(f"reading the Kafka topic {self._topic} at {self._bootstrap}", error, self._bootstrap)


def _iterator(partition: int, offset: int) -> str:
    return f"{partition}/{offset}"


def _entry(message: Message[Any, Any]) -> Entry:
    """What Kinesis would not have taken (no key, no data) as empty, as Spark's reader has it (`ctc.spark.kafka`)."""
    key, data, offset = message.key() or b"", message.value() or b"", message.offset()
    assert offset is not None, "only what a producer makes has no offset yet"
    return Entry(data, key.decode(errors="replace"), number(offset), message.timestamp()[1] * 1000)
