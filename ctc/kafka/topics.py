"""The Kafka topics of a session."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ctc.errors import SetupError, StreamError
from ctc.settings import Settings

ANSWER_S = 15.0
RETENTION_MS = 86_400_000  # a day, as Kinesis keeps records
BROKERS_CHOICE = -1


def create_topics(settings: Settings) -> None:
    """The trades and dead-letter topics; one that is there stays as it is. `stream.shards` 0 leaves partitions to the brokers.

    A record's time is that of its arrival. Raises SetupError where no broker answers.
    """
    stream = settings.stream
    config = {"retention.ms": str(RETENTION_MS), "message.timestamp.type": "LogAppendTime"}
    wanted = [
        NewTopic(name, stream.shards or BROKERS_CHOICE, BROKERS_CHOICE, config=config) for name in (stream.trades, stream.dead_letters)
    ]
    admin = AdminClient({"bootstrap.servers": stream.bootstrap, "log_level": 0})
    for name, making in admin.create_topics(wanted, request_timeout=ANSWER_S, operation_timeout=ANSWER_S).items():
        try:
            making.result()
        except KafkaException as error:
            _accept(error.args[0], name, stream.bootstrap)


def _accept(error: KafkaError, name: str, bootstrap: str) -> None:
    code = error.code()
    if code == KafkaError.TOPIC_ALREADY_EXISTS:
        return
    if code in (KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE):
        raise SetupError(f"no Kafka broker answers at {bootstrap} ({error.str()}): start it, or correct stream.bootstrap")
    raise StreamError(f"creating the Kafka topic {name} at {bootstrap}: {error.str()}; check who may create topics there")
