"""The Kafka topics of a session."""

from __future__ import annotations

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from ctc.kafka.errors import from_kafka
from ctc.settings import Settings

ANSWER_S = 15.0
RETENTION_MS = 86_400_000  # a day, as Kinesis keeps records
BROKERS_CHOICE = -1


def create_topics(settings: Settings) -> None:
    """The trades and dead-letter topics; one that is there stays as it is. `stream.shards` 0 leaves partitions to the brokers.

    A record's time is that of its arrival. Raises SetupError where no broker answers, StreamError where one refuses.
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
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise from_kafka(f"creating the Kafka topic {name} at {stream.bootstrap}", error.args[0], stream.bootstrap) from error
