"""The composition root: where ports meet the real things. Everything else is handed what it needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ctc.errors import ConfigError
from ctc.settings import Settings

if TYPE_CHECKING:
    from ctc.ports import Service, StreamWriter
    from ctc.spark.app import ReadRecords
    from ctc.stream.lags import ShardLags
    from ctc.stream.shards import DatedShards


def emulator(settings: Settings, state: Path) -> Service | None:
    """The embedded emulator that the profile names, None where it names none."""
    name = settings.aws.emulator
    if not name:
        return None
    from importlib.metadata import entry_points  # here: commands that find a session running need none, and it takes as long as Typer

    found = {point.name: point for point in entry_points(group="ctc.emulators")}
    if name not in found:
        raise ConfigError(f"aws.emulator = {name!r}, but only these are installed: {', '.join(sorted(found)) or 'none'}")
    service: Service = found[name].load()(settings, state)
    return service


def stream_writers(settings: Settings) -> tuple[StreamWriter, StreamWriter]:
    """Writers of the session's trades and of its dead letters."""
    stream = settings.stream
    match stream.source:
        case "kinesis":
            from ctc.aws.clients import client
            from ctc.aws.kinesis import KinesisWriter

            kinesis = client("kinesis", settings)
            return KinesisWriter(kinesis, stream.trades), KinesisWriter(kinesis, stream.dead_letters)
        case "kafka":
            from ctc.kafka.writer import KafkaWriter

            return KafkaWriter(stream.bootstrap, stream.trades), KafkaWriter(stream.bootstrap, stream.dead_letters)


def record_source(settings: Settings) -> ReadRecords:
    """How Spark reads the session's streams."""
    match settings.stream.source:
        case "kinesis":
            from ctc.spark.kinesis import kinesis_records

            return kinesis_records
        case "kafka":
            from ctc.spark.kafka import kafka_records

            return kafka_records


def stream_lags(settings: Settings) -> ShardLags:
    """What tells how far behind each query is. It asks once and soon gives up: who wants to know asks again."""
    from ctc.stream.lags import ShardLags

    match settings.stream.source:
        case "kinesis":
            from ctc.aws import kinesis_shards

            return ShardLags(kinesis_shards.KinesisShards(settings, settings.stream.trades, attempts=1), kinesis_shards.taken)
        case "kafka":
            from ctc.kafka.places import taken
            from ctc.kafka.shards import HASTY_S, KafkaShards

            return ShardLags(KafkaShards(settings, settings.stream.trades, HASTY_S), taken)


def trade_shards(settings: Settings) -> DatedShards:
    """The trades' stream to read by shards, without Spark."""
    match settings.stream.source:
        case "kinesis":
            from ctc.aws.kinesis_shards import KinesisShards

            return KinesisShards(settings, settings.stream.trades, attempts=3)
        case "kafka":
            from ctc.kafka.shards import KafkaShards

            return KafkaShards(settings, settings.stream.trades)


def create_resources(settings: Settings) -> None:
    """Streams, buckets, database, tables and alarms of a session; what is there stays."""
    from ctc.aws.cloudwatch import create_alarms
    from ctc.aws.dead_letters import expire_letters
    from ctc.aws.hot import create_tables as create_hot_tables
    from ctc.aws.lakehouse import create_tables

    create_streams(settings)
    create_tables(settings)
    expire_letters(settings)
    create_hot_tables(settings)
    create_alarms(settings)


def create_streams(settings: Settings) -> None:
    """The streams of trades and of dead letters; what is there stays."""
    match settings.stream.source:
        case "kinesis":
            from ctc.aws import streams

            streams.create_streams(settings)
        case "kafka":
            from ctc.kafka.topics import create_topics

            create_topics(settings)
