"""The `dead_letters` query: frames that the producer could not read, on their way to the dead-letter queue in S3."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec
from pyspark.sql import Row

from ctc.codec import json_trouble, unpack
from ctc.quality.letters import Refused


class DeadFrame(msgspec.Struct, frozen=True):
    """A line of the dead-letter stream, as the producer writes it; `cut_from` is the length of a frame that was cut."""

    exchange: str
    reason: str
    raw: str
    encoding: str = "utf-8"
    cut_from: int | None = None
    received: datetime | None = None


_DECODE = msgspec.json.Decoder(DeadFrame).decode


def letters_of(row: Row) -> Iterator[Refused]:
    """The dead letters of one record of the stream; what is none itself is kept whole. Never raises on data."""
    place = (row.partitionKey, row.shardId, row.sequenceNumber)
    for position, (rule, reason, raw, more) in enumerate(_read(bytes(row.data))):
        yield Refused("malformed", (reason,), raw, *place, position, row.arrival_us, (rule,), "frames", **more)


def _read(data: bytes) -> Iterator[tuple[str, str, bytes, dict[str, Any]]]:
    try:
        lines = [line for line in unpack(data).split(b"\n") if line.strip()]
    except ValueError as error:
        yield "letter_unreadable", f"unreadable dead letters: {error}", data, {}
        return
    for line in lines:
        try:
            frame = _DECODE(line)
            raw = base64.b64decode(frame.raw, validate=True) if frame.encoding == "base64" else frame.raw.encode()
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            yield "letter_unreadable", f"unreadable dead letter: {json_trouble(error)}", line, {}
            continue
        more = {"exchange": frame.exchange, "received": frame.received, "cut_from": frame.cut_from}
        yield "frame_unreadable", f"{frame.exchange}: {frame.reason}", raw, more
