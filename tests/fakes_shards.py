"""A stream in memory: what `ctc.stream.shards.Shards` asks of Kinesis, with reshards, retention and faults on order.

Closed shards keep their records until the retention takes them, as on AWS (MiniStack drops them at once).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5

from ctc.errors import StreamError
from ctc.stream.shards import Entry, ExpiredIterator, Page, Shard, Span, lost

HASHES = 1 << 128
SECOND_US = 1_000_000


@dataclass
class Held:
    """One shard: its range of hash keys, its records, and where it came from."""

    id: str
    low: int
    high: int  # past the last
    parents: tuple[str, ...]
    first: int
    entries: list[Entry] = field(default_factory=list)
    closed_us: int | None = None
    trimmed: int = 0  # entries that are gone


@dataclass
class Faults:
    """How often (0 to 1) what goes wrong; `page` records at most in an answer."""

    expired: float = 0.0
    empty: float = 0.0
    gives_up: float = 0.0
    page: int = 10_000
    hidden_lists: int = 0  # how many answers of `list` leave out each new shard


class FakeStream:
    """The four methods of `Shards`, and what happens to a stream."""

    def __init__(self, shards: int = 2, retention_s: int = 86_400, faults: Faults | None = None, seed: int = 0) -> None:
        self.faults = faults or Faults()
        self.retention_us = retention_s * SECOND_US
        self.now_us = 1_700_000_000 * SECOND_US
        self.calls = 0
        self._random = random.Random(seed)
        self._number = 49 * 10**20
        self._iterators: dict[str, tuple[str, int]] = {}
        self._hidden: dict[str, int] = {}
        self._make(shards)

    def _make(self, shards: int) -> None:
        self._shards: dict[str, Held] = {}
        self._made = 0
        self._created_us = self.now_us
        width = HASHES // shards
        for index in range(shards):
            self._add(index * width, HASHES if index == shards - 1 else (index + 1) * width, ())

    def _add(self, low: int, high: int, parents: tuple[str, ...]) -> str:
        name = f"shardId-{self._made:012d}"
        self._made += 1
        self._number += 1
        self._shards[name] = Held(name, low, high, parents, self._number)
        if parents and self.faults.hidden_lists:
            self._hidden[name] = self.faults.hidden_lists
        return name

    # What happens to a stream.

    def put(self, key: str, data: bytes) -> Entry:
        """A record at the end of its key's shard."""
        place = int(md5(key.encode(), usedforsecurity=False).hexdigest(), 16)
        shard = next(each for each in self._shards.values() if each.closed_us is None and each.low <= place < each.high)
        self._number += self._random.randint(1, 10**6)
        entry = Entry(data, key, str(self._number), self.now_us)
        shard.entries.append(entry)
        return entry

    @property
    def open(self) -> list[str]:
        """Shards that take records, neighbours beside each other."""
        return [each.id for each in sorted(self._shards.values(), key=lambda each: each.low) if each.closed_us is None]

    def split(self, name: str) -> tuple[str, str]:
        """Close a shard for two halves."""
        old = self._close(name)
        middle = (old.low + old.high) // 2
        return self._add(old.low, middle, (name,)), self._add(middle, old.high, (name,))

    def merge(self, left: str, right: str) -> str:
        """Close two neighbours for one."""
        low, high = self._close(left), self._close(right)
        assert low.high == high.low
        return self._add(low.low, high.high, (left, right))

    def _close(self, name: str) -> Held:
        shard = self._shards[name]
        assert shard.closed_us is None
        shard.closed_us = self.now_us
        return shard

    def advance(self, seconds: float) -> None:
        """Let time pass: records past the retention go, and closed shards that hold nothing any more."""
        self.now_us += int(seconds * SECOND_US)
        oldest = self.now_us - self.retention_us
        for name, shard in list(self._shards.items()):
            shard.trimmed = sum(entry.arrival_us < oldest for entry in shard.entries)
            if shard.closed_us is not None and shard.closed_us < oldest:
                del self._shards[name]

    def make_anew(self, shards: int, numbers_begin_again: bool = False) -> None:
        """Delete the stream and create one of the same name."""
        self.advance(1)
        self._iterators.clear()
        if numbers_begin_again:
            self._number = 49 * 10**20
        self._make(shards)

    # What the source asks.

    def list(self) -> list[Shard]:
        self._give_up()
        shown = [each for each in self._shards.values() if self._hidden.get(each.id, 0) <= 0]
        self._hidden = {name: left - 1 for name, left in self._hidden.items() if left > 1}
        return [Shard(each.id, each.parents, str(each.first)) for each in shown]

    def iterator(self, shard: str, after: str) -> str:
        self._give_up()
        held = self._shards.get(shard)
        if held is None:
            raise lost(shard, after, "no such shard")
        # As MiniStack: a number that the shard never had is a place like any other.
        place = sum(int(entry.sequence_number) <= int(after) for entry in held.entries) if after else 0
        return self._token(shard, place)

    def get(self, iterator: str, limit: int) -> Page:
        self._give_up()
        if iterator not in self._iterators or self._random.random() < self.faults.expired:
            raise ExpiredIterator("expired")
        name, place = self._iterators[iterator]
        shard = self._shards.get(name)
        if shard is None:
            raise ExpiredIterator("the shard is gone")
        place = max(place, shard.trimmed)
        wanted = 0 if self._random.random() < self.faults.empty else min(limit, self.faults.page)
        entries = shard.entries[place : place + wanted]
        place += len(entries)
        left = len(shard.entries) - place
        if left == 0 and shard.closed_us is not None:
            return Page(entries, None, 0)
        return Page(entries, self._token(name, place), left)

    def span(self) -> Span:
        return Span(max(self._created_us, self.now_us - self.retention_us), self.now_us)

    def _token(self, shard: str, place: int) -> str:
        token = f"{shard}/{place}/{len(self._iterators)}"
        self._iterators[token] = (shard, place)
        return token

    def _give_up(self) -> None:
        self.calls += 1
        if self._random.random() < self.faults.gives_up:
            raise StreamError("gave up after 12 attempts: slow down")


def connecting(stream: FakeStream) -> Callable[[], FakeStream]:
    """What the reader is given to reach the stream."""
    return lambda: stream
