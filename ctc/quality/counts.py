"""What became of records, counted by the minute of their arrival in the stream: the same for a batch however often it is done.

A record is processed when it is kept (a trade) or refused (a dead letter). Duplicates and heartbeats are not among them (ADR
8). It has passed when it is kept without a flag.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ctc.model import from_us
from ctc.quality.letters import Refused, Sample
from ctc.quality.rules import DUPLICATE, INCONSISTENT, LATE

MINUTE_US = 60_000_000
DIGITS = Decimal("0.0001")  # of a percentage, for people; the counts are exact


class Tally(msgspec.Struct):
    """The records of one symbol that arrived in one minute. `rules` counts the records that broke each rule."""

    symbol: str
    minute_us: int
    kept: int = 0
    passed: int = 0
    failed: int = 0
    rules: dict[str, int] = {}

    @property
    def processed(self) -> int:
        return self.kept + self.failed

    @property
    def minute(self) -> datetime:
        return from_us(self.minute_us)

    def broke(self, rule: str, records: int = 1) -> None:
        """Count records that broke a rule."""
        if records:
            self.rules[rule] = self.rules.get(rule, 0) + records

    def refuse(self, refused: Refused) -> None:
        """Count a dead letter, under each of its rules once."""
        self.failed += 1
        for rule in set(refused.rules):
            self.broke(rule)

    def add(self, other: Tally) -> None:
        """Take in the counts of another tally."""
        self.kept += other.kept
        self.passed += other.passed
        self.failed += other.failed
        for rule, records in other.rules.items():
            self.broke(rule, records)


class Tallies:
    """Tallies by symbol and minute."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, int], Tally] = {}

    def of(self, symbol: str, arrival_us: int) -> Tally:
        """The tally of a symbol for the minute of an arrival."""
        minute_us = arrival_us - arrival_us % MINUTE_US
        found = self._found.get((symbol, minute_us))
        if found is None:
            found = self._found[symbol, minute_us] = Tally(symbol, minute_us)
        return found

    def add(self, tallies: Iterable[Tally]) -> None:
        """Take in tallies of a part of a batch."""
        for tally in tallies:
            self.of(tally.symbol, tally.minute_us).add(tally)

    def listed(self) -> list[Tally]:
        """By minute and symbol."""
        return sorted(self._found.values(), key=lambda tally: (tally.minute_us, tally.symbol))


class Totals(msgspec.Struct, frozen=True):
    """A batch in figures, as PRD 9.3 has them; `arrived_us` is the newest arrival in it."""

    processed: int
    passed: int
    failed: int
    late: int
    duplicates: int
    arrived_us: int


class QualityBatch(msgspec.Struct, frozen=True, kw_only=True):
    """What one batch of a query adds to the hot copy; (query, run, batch id) names it, so that it counts once."""

    query: str
    run: str
    batch_id: int
    tallies: Sequence[Tally]
    samples: Sequence[Sample] = ()


class QualityMinute(msgspec.Struct, frozen=True, kw_only=True):
    """One minute's counts over all symbols; `minute` is its beginning, by arrival in the stream."""

    minute: datetime
    processed: int = 0
    passed: int = 0
    failed: int = 0
    late: int = 0
    inconsistent: int = 0
    duplicates: int = 0


class QualityView(msgspec.Struct, frozen=True, kw_only=True):
    """What the hot copy holds: minutes ascending, counts by rule of the hours they lie in, the newest dead letters first."""

    minutes: list[QualityMinute]
    rules: dict[str, int]
    samples: list[Sample]


def minute_of(tally: Tally) -> QualityMinute:
    """A tally without its symbol."""
    rules = tally.rules
    return QualityMinute(
        minute=tally.minute,
        processed=tally.processed,
        passed=tally.passed,
        failed=tally.failed,
        late=rules.get(LATE, 0),
        inconsistent=rules.get(INCONSISTENT, 0),
        duplicates=rules.get(DUPLICATE, 0),
    )


def sum_of(minutes: Iterable[QualityMinute], minute: datetime) -> QualityMinute:
    """All counts added up, under one minute."""
    names = [name for name in QualityMinute.__struct_fields__ if name != "minute"]
    sums: dict[str, Any] = dict.fromkeys(names, 0)
    for each in minutes:
        for name in names:
            sums[name] += getattr(each, name)
    return QualityMinute(minute=minute, **sums)


def percent(part: int, whole: int) -> Decimal | None:
    """`part` in percent of `whole`, to four digits; None of nothing."""
    return (Decimal(100 * part) / Decimal(whole)).quantize(DIGITS) if whole else None
