"""The `dead_letters` query: frames that the producer could not read, on their way to the dead-letter queue in S3."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import msgspec
from pyspark.sql import Row

from ctc.codec import unpack
from ctc.spark.lake import Refused


def letters_of(row: Row) -> Iterator[Refused]:
    """The dead letters of one record of the stream; a line that is none itself is kept whole."""
    for position, line in enumerate(unpack(bytes(row.data)).splitlines()):
        try:
            letter = msgspec.json.decode(line)
            reason, raw = f"{letter['exchange']}: {letter['reason']}", _bytes(letter)
        except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
            reason, raw = f"unreadable dead letter: {error}", line
        yield Refused("malformed", (reason,), raw, row.partitionKey, row.shardId, row.sequenceNumber, position, row.arrival_us)


def _bytes(letter: dict[str, str]) -> bytes:
    return base64.b64decode(letter["raw"]) if letter["encoding"] == "base64" else letter["raw"].encode()
