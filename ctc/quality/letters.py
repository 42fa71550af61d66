"""Dead letters: what was refused, why, and where it stood in the log; as the queries hand it on, and as it lies in S3."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Collection
from datetime import datetime
from hashlib import sha256
from typing import Literal

import msgspec

from ctc.model import from_us
from ctc.quality.rules import Category

RETENTION_DAYS = 7  # PRD 9.4
OTHER = "other"  # where a partition key is none of the session's symbols: any number of those can be made up
SHOWN = 200  # characters of a letter's bytes in a sample
SHOWN_REASONS = 5
Source = Literal["lines", "frames"]


class Refused(msgspec.Struct, frozen=True):
    """A dead letter on its way: all reasons, the rule of each, the bytes and where they stood in the log.

    `source` says which log: lines of the stream of trades, or frames that the producer could not read; those keep their
    exchange, when they were received, and their length where they had to be cut.
    """

    category: Category
    reasons: tuple[str, ...]
    raw: bytes
    key: str
    shard: str
    sequence_number: str
    position: int
    arrival_us: int
    rules: tuple[str, ...]
    source: Source = "lines"
    exchange: str | None = None
    received: datetime | None = None
    cut_from: int | None = None

    @property
    def id(self) -> str:
        """The same letter has the same id, however often its batch is done."""
        return sha256(f"{self.source}|{self.shard}|{self.sequence_number}|{self.position}".encode()).hexdigest()[:16]


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a file of the dead-letter queue. `symbol` is `other` where the partition key is none of the session's."""

    id: str
    category: Category
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    symbol: str
    source: Source
    exchange: str | None
    received_at: datetime | None
    arrived_at: datetime
    partition_key: str
    shard: str
    sequence_number: str
    position: int
    cut_from: int | None
    raw_base64: str

    @property
    def raw(self) -> bytes:
        """The bytes as they came."""
        return b64decode(self.raw_base64)


class Sample(msgspec.Struct, frozen=True, kw_only=True):
    """A dead letter for people: its reasons, and the beginning of its bytes as printable text; `size` is their number."""

    id: str
    category: Category
    rules: tuple[str, ...]
    reasons: tuple[str, ...]
    symbol: str
    exchange: str | None
    arrived_at: datetime
    size: int
    raw: str


def letter_of(refused: Refused, symbols: Collection[str]) -> Letter:
    """The letter as it is kept."""
    return Letter(
        id=refused.id,
        category=refused.category,
        rules=refused.rules,
        reasons=refused.reasons,
        symbol=symbol_of(refused.key, symbols),
        source=refused.source,
        exchange=refused.exchange,
        received_at=refused.received,
        arrived_at=from_us(refused.arrival_us),
        partition_key=refused.key,
        shard=refused.shard,
        sequence_number=refused.sequence_number,
        position=refused.position,
        cut_from=refused.cut_from,
        raw_base64=b64encode(refused.raw).decode(),
    )


def sample_of(refused: Refused, symbols: Collection[str]) -> Sample:
    """The letter as a dashboard may show it: bounded, nothing in it that a terminal or page would act on."""
    return Sample(
        id=refused.id,
        category=refused.category,
        rules=refused.rules[:SHOWN_REASONS],
        reasons=tuple(printable(reason.encode(errors="replace"), SHOWN) for reason in refused.reasons[:SHOWN_REASONS]),
        symbol=symbol_of(refused.key, symbols),
        exchange=printable(refused.exchange.encode(errors="replace"), SHOWN) if refused.exchange is not None else None,
        arrived_at=from_us(refused.arrival_us),
        size=len(refused.raw),
        raw=printable(refused.raw, SHOWN),
    )


def symbol_of(key: str, symbols: Collection[str]) -> str:
    """The session's symbol that a partition key is, else `other`."""
    return key if key in symbols else OTHER


def printable(raw: bytes, limit: int | None = None) -> str:
    """Bytes as text of printable characters: what is not UTF-8 or not printable as an escape, cut to `limit` with an ellipsis."""
    head = raw if limit is None else raw[: 4 * limit]
    text = "".join(_escape(letter) for letter in head.decode("utf-8", "backslashreplace"))
    return text if limit is None or (len(text) <= limit and len(head) == len(raw)) else text[: limit - 1] + "…"


def _escape(letter: str) -> str:
    return letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii")
