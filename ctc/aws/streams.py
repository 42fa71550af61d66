"""The Kinesis streams of a session."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ctc.aws.clients import client, translating
from ctc.settings import Settings


def create_streams(settings: Settings) -> None:
    """The trades and dead-letter streams, active; a stream that is there stays as it is. `stream.shards` 0 means on demand."""
    kinesis: Any = client("kinesis", settings)
    mode = {"ShardCount": settings.stream.shards} if settings.stream.shards else {"StreamModeDetails": {"StreamMode": "ON_DEMAND"}}
    for name in (settings.stream.trades, settings.stream.dead_letters):
        with translating(f"creating the Kinesis stream {name}", settings):
            with suppress(kinesis.exceptions.ResourceInUseException):  # a session that is resumed; it may still be in the making
                kinesis.create_stream(StreamName=name, **mode)
            kinesis.get_waiter("stream_exists").wait(StreamName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})


def stream_states(settings: Settings) -> dict[str, str]:
    """ACTIVE, CREATING, ... by stream; "absent" where there is none."""
    kinesis: Any = client("kinesis", settings)
    found = {}
    for name in (settings.stream.trades, settings.stream.dead_letters):
        found[name] = "absent"
        with translating(f"looking at the Kinesis stream {name}", settings), suppress(kinesis.exceptions.ResourceNotFoundException):
            found[name] = kinesis.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]
    return found
