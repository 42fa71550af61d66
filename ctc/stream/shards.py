"""The reading side of a stream: shards, iterators and records, with expiry and loss handled. The words are Kinesis'.

`ctc.aws.kinesis_shards` and `ctc.kafka.shards` read through a client; tests hand in a fake.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import msgspec

from ctc.errors import DataLoss, StreamError

MOST = 10_000  # records a GetRecords call may return; AWS also stops at 10 MB, MiniStack does not
FIRST = 64  # records asked for while their size is not known: at most 64 MB, mostly a few hundred kB
RENEWALS = 5
RANGE_BYTES = 4 << 20
EMPTY_PAGES = 2_000  # in a row, between two records: AWS walks over quiet hours in a few dozen
_REMEDY = "Start with a new checkpoint, and load the range by the history job."


class Shard(msgspec.Struct, frozen=True):
    """A shard, the shards it was split or merged from, and the number that it began with."""

    id: str
    parents: tuple[str, ...]
    first: str = "0"


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record as the stream holds it; `arrival_us` is the stream's own time of arrival."""

    data: bytes
    key: str
    sequence_number: str
    arrival_us: int


class Page(msgspec.Struct, frozen=True):
    """What one call returned; `next` is None once a closed shard is drained, `behind_ms` is 0 at the tip."""

    entries: list[Entry]
    next: str | None
    behind_ms: int


class Span(msgspec.Struct, frozen=True):
    """What a stream holds at `now_us`: all that arrived since `since_us`; what is older may be gone."""

    since_us: int
    now_us: int


class ExpiredIterator(StreamError):
    """The iterator is of no use any more (they live five minutes): take a new one from the last sequence number."""


class Shards(Protocol):
    """What a `Cursor` needs of a stream."""

    def list(self) -> list[Shard]: ...

    def iterator(self, shard: str, after: str) -> str: ...

    def get(self, iterator: str, limit: int) -> Page: ...


class SpannedShards(Shards, Protocol):
    """Shards that tell since when they hold records: what the Spark source needs."""

    def span(self) -> Span: ...


class DatedShards(Shards, Protocol):
    """Shards that can be read from the tip or a time, by the clock that `now_us` is: what `ctc tail` and `ShardLags` need."""

    @property
    def now_us(self) -> int: ...

    def latest(self, shard: str) -> str: ...

    def since(self, shard: str, us: int) -> str: ...


class Cursor:
    """Reads one shard onward from behind a sequence number, whatever becomes of its iterators.

    Raises DataLoss when the shard is gone or was made anew, or its numbers began again.
    """

    def __init__(self, shards: Shards, shard: str, after: str) -> None:
        self._shards, self._shard = shards, shard
        self._iterator: str | None = None
        self._size = 0.0  # of a record, and how many came: as in the last page that had any
        self._limit = FIRST
        self.last = after
        self.drained = False

    def read(self, wanted: int) -> Page:
        """The next page, of about `wanted` bytes as far as can be told before."""
        page = self._page(self._limit if not self._size else max(1, min(MOST, 4 * self._limit, int(wanted / self._size) + 1)))
        last = int(self.last or -1)
        for entry in page.entries:
            number = int(entry.sequence_number)
            if number <= last:
                raise lost(self._shard, self.last, f"the next record is {number}")
            last = number
        if page.entries:
            self.last = page.entries[-1].sequence_number
            self._size = max(1.0, sum(len(entry.data) for entry in page.entries) / len(page.entries))
            self._limit = max(FIRST, len(page.entries))
        self._iterator, self.drained = page.next, page.next is None
        return page

    def _page(self, limit: int) -> Page:
        for _ in range(RENEWALS):
            if self._iterator is None:
                self._iterator = self._renewed()
            try:
                return self._shards.get(self._iterator, limit)
            except ExpiredIterator:
                self._iterator = None
        raise StreamError(f"{self._shard}: {RENEWALS} fresh iterators in a row were of no use; is the stream being deleted?")

    def _renewed(self) -> str:
        found = next((shard for shard in self._shards.list() if shard.id == self._shard), None)
        if found is None:
            raise lost(self._shard, self.last, "the shard is not there any more")
        if self.last and int(found.first) > int(self.last):
            raise lost(self._shard, self.last, f"the shard begins at {found.first}")
        return self._shards.iterator(self._shard, self.last)


def read_range(shards: Shards, shard: str, after: str, end: str) -> Iterator[Entry]:
    """Exactly the entries behind `after` up to and with `end`. Raises DataLoss when `end` is no longer there."""
    cursor, target, empty = Cursor(shards, shard, after), int(end), 0
    while not cursor.drained:
        page = cursor.read(RANGE_BYTES)
        for entry in page.entries:
            number = int(entry.sequence_number)
            if number > target:
                raise lost(shard, after, f"a batch was to end at {end} and the next record is {number}")
            yield entry
            if number == target:
                return
        empty = 0 if page.entries else empty + 1
        if empty and page.behind_ms == 0:
            break
        if empty > EMPTY_PAGES:
            raise StreamError(f"{shard}: {EMPTY_PAGES} empty pages behind {cursor.last or 'its beginning'}; try again later")
    raise lost(shard, after, f"a batch was to end at {end} and the shard ends before it")


def lost(shard: str, after: str, found: str) -> DataLoss:
    """What can't be read any more, and the remedy."""
    return DataLoss(
        f"{shard}: records behind {after or 'its beginning'} are gone: {found}. They are past the stream's retention, "
        f"or the stream was made anew. {_REMEDY}"
    )
