"""Kafka's errors as ours."""

from __future__ import annotations

from confluent_kafka import KafkaError

from ctc.errors import CtcError, SetupError, StreamError

AWAY = frozenset({KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE})
UNKNOWN = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION})
LEADERLESS = frozenset({KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE})  # for a moment


def from_kafka(what: str, error: KafkaError, bootstrap: str) -> CtcError:
    """SetupError where no broker answers, else a StreamError that says what was done when one refused."""
    if error.code() in AWAY:
        return SetupError(f"no Kafka broker answers at {bootstrap} ({error.str()}): start it, or correct stream.bootstrap")
    if error.code() in UNKNOWN:
        return StreamError(f"{what}: it is not there ({error.str()}); start a session, which makes it, or correct stream.bootstrap")
    return StreamError(f"{what}: {error.str()}; check who may do that there")
