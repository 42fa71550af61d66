"""Writes records to a Kafka topic, and says exactly which ones were not taken.

The producer is idempotent with acks=all: what it sends again by itself is in the log once and in its place, and no call returns
before every record's fate is known. What it gave up may be in the log all the same: whoever repeats it writes at least once.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from ctc.errors import PartialWrite, StreamError, Throttled
from ctc.ports import Record

GIVE_UP_S = 5.0  # a broker that is away that long: the batcher's spool takes over, and its backoff tries again
RETRY_AFTER_S = 0.25
MAX_RECORD_BYTES = 1 << 20  # as a broker has it by default
# For which another try is of use; of those that a broker answers with, librdkafka makes one until the time is up.
_TIME_UP = frozenset({KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT, KafkaError._TRANSPORT})


class KafkaWriter:
    """A `ctc.ports.StreamWriter` for one topic. `put` blocks: call it from a thread where a loop must go on."""

    def __init__(self, bootstrap: str, topic: str, give_up_s: float = GIVE_UP_S) -> None:
        self._bootstrap, self._topic = bootstrap, topic
        self._one_call = threading.Lock()  # calls at the same time would wait for each other's records
        self._trouble = ""
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "partitioner": "murmur2_random",  # Java's: whoever else writes a key finds the same partition
                "linger.ms": 0,  # the batcher has waited
                "message.max.bytes": MAX_RECORD_BYTES,
                "message.timeout.ms": round(give_up_s * 1000),
                "topic.metadata.propagation.max.ms": 2_000,  # then a topic that is not there is an error
                "reconnect.backoff.max.ms": 1_000,
                "log_level": 0,  # errors come as such
                "error_cb": self._note,
            }
        )

    def put(self, records: Sequence[Record]) -> None:
        """Write all, in order within a key.

        Raises PartialWrite with the indexes that were not taken, Throttled when none was, StreamError where another try is
        of no use.
        """
        fates: list[KafkaError | None] = [None] * len(records)
        with self._one_call:
            for index, record in enumerate(records):
                self._produce(record, partial(_settle, fates, index))
            self._producer.flush()
            judge(fates, f"the topic {self._topic} at {self._bootstrap}", self._trouble)
            self._trouble = ""

    def _produce(self, record: Record, settle: Any) -> None:
        try:
            self._producer.produce(self._topic, key=record.key, value=record.data, on_delivery=settle)
        except KafkaException as error:
            raise StreamError(_refusal(error.args[0], f"the topic {self._topic}", len(record.data))) from error

    def _note(self, error: KafkaError) -> None:
        if error.code() != KafkaError._ALL_BROKERS_DOWN:  # what is wrong with one of them was said before
            self._trouble = error.str()


def _settle(fates: list[KafkaError | None], index: int, error: KafkaError | None, _: object) -> None:
    fates[index] = error


def judge(fates: Sequence[KafkaError | None], where: str, trouble: str) -> None:
    """Raise what `put` promises for the records' errors (None: written); `trouble` is what the client last said of the brokers."""
    failed = [(index, error) for index, error in enumerate(fates) if error is not None]
    for _, error in failed:
        if error.code() not in _TIME_UP:
            raise StreamError(_refusal(error, where))
    why = trouble or (failed[0][1].str() if failed else "")
    if failed and len(failed) == len(fates):
        raise Throttled(f"Kafka took none of {len(fates)} records for {where}: {why}", RETRY_AFTER_S)
    if failed:
        raise PartialWrite(
            f"Kafka did not take {len(failed)} of {len(fates)} records for {where}: {why}", tuple(index for index, _ in failed)
        )


def _refusal(error: KafkaError, where: str, size: int | None = None) -> str:
    if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
        return f"a record{f' of {size:,} bytes' if size else ''} is too large for {where}; lower producer.max_pack_bytes"
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return f"{where} is not there ({error.str()}); start a session, which makes it, or correct stream.bootstrap"
    return f"Kafka refused a record for {where} with {error.name()}: {error.str()}; check the topic and who may write to it"
