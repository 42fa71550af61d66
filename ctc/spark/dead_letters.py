"""The `dead_letters` query: frames that the producer could not read, on their way to the dead-letter queue in S3."""

from __future__ import annotations

import base64
from collections.abc import Iterator

import msgspec
from pyspark.sql import Row

from ctc.codec import unpack
from ctc.spark.lake import Refused


class Letter(msgspec.Struct, frozen=True):
    """A line of the dead-letter stream, as the producer writes it; `cut_from` is the length of a frame that was cut."""

    exchange: str
    reason: str
    raw: str
    encoding: str = "utf-8"
    cut_from: int | None = None


_DECODE = msgspec.json.Decoder(Letter).decode


def letters_of(row: Row) -> Iterator[Refused]:
    """The dead letters of one record of the stream; what is none itself is kept whole. Never raises on data."""
    for position, (reasons, raw) in enumerate(_read(bytes(row.data))):
        yield Refused("malformed", reasons, raw, row.partitionKey, row.shardId, row.sequenceNumber, position, row.arrival_us)


def _read(data: bytes) -> Iterator[tuple[tuple[str, ...], bytes]]:
    try:
        lines = [line for line in unpack(data).split(b"\n") if line.strip()]
    except ValueError as error:
        yield (f"unreadable dead letters: {error}",), data
        return
    for line in lines:
        try:
            letter = _DECODE(line)
            raw = base64.b64decode(letter.raw, validate=True) if letter.encoding == "base64" else letter.raw.encode()
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            yield (f"unreadable dead letter: {error}",), line
            continue
        cut = () if letter.cut_from is None else (f"cut from {letter.cut_from:,} bytes",)
        yield (f"{letter.exchange}: {letter.reason}", *cut), raw
