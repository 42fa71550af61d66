"""The composition root: where ports meet the real things. Everything else is handed what it needs."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path

from ctc.errors import ConfigError
from ctc.ports import Service, StreamWriter
from ctc.settings import Settings


def emulator(settings: Settings, state: Path) -> Service | None:
    """The embedded emulator that the profile names, None where it names none."""
    name = settings.aws.emulator
    if not name:
        return None
    found = {point.name: point for point in entry_points(group="ctc.emulators")}
    if name not in found:
        raise ConfigError(f"aws.emulator = {name!r}, but only these are installed: {', '.join(sorted(found)) or 'none'}")
    service: Service = found[name].load()(settings, state)
    return service


def stream_writers(settings: Settings) -> tuple[StreamWriter, StreamWriter]:
    """Writers of the session's trades and of its dead letters."""
    from ctc.aws.clients import client
    from ctc.aws.kinesis import KinesisWriter

    kinesis = client("kinesis", settings)
    return KinesisWriter(kinesis, settings.stream.trades), KinesisWriter(kinesis, settings.stream.dead_letters)


def create_resources(settings: Settings) -> None:
    """Streams, buckets, database, tables and alarms of a session; what is there stays."""
    from ctc.aws.cloudwatch import create_alarms
    from ctc.aws.dead_letters import expire_letters
    from ctc.aws.hot import create_tables as create_hot_tables
    from ctc.aws.lakehouse import create_tables
    from ctc.aws.streams import create_streams

    create_streams(settings)
    create_tables(settings)
    expire_letters(settings)
    create_hot_tables(settings)
    create_alarms(settings)
