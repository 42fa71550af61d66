"""The records of a stream as they come, each shard in its order: from now on, or from the oldest that is held."""

from __future__ import annotations

from collections.abc import Iterator

from ctc.stream.shards import Cursor, DatedShards, Entry, Page, Shard, Shards

LOOK_EVERY = 50  # reads: for shards that came without one of ours having ended
PAGE_BYTES = 1 << 20


class FromNow:
    """The shards as if they began now. What comes after an iterator was lost, or in a shard that is new, is not passed over."""

    def __init__(self, shards: DatedShards) -> None:
        self._shards = shards
        self._began_us = shards.now_us
        self._tips = {shard.id for shard in shards.list()}

    def list(self) -> list[Shard]:
        return self._shards.list()

    def get(self, iterator: str, limit: int) -> Page:
        return self._shards.get(iterator, limit)

    def iterator(self, shard: str, after: str) -> str:
        if after:
            return self._shards.iterator(shard, after)
        if shard in self._tips:
            self._tips.discard(shard)
            return self._shards.latest(shard)
        return self._shards.since(shard, self._began_us)


class Tail:
    """Reads every shard onward; a shard's children begin once it is drained, so that a key's records keep their order."""

    def __init__(self, shards: DatedShards, *, oldest: bool) -> None:
        self._shards: Shards = shards if oldest else FromNow(shards)
        self._cursors: dict[str, Cursor] = {}
        self._known: list[Shard] = []
        self._reads = 0
        self.at_tip = False

    def read(self) -> Iterator[tuple[str, Entry]]:
        """The next page of every shard, as (shard, entry); what it gave before an error is not given again.

        Raises StreamError, DataLoss where records are gone.
        """
        if self._reads % LOOK_EVERY == 0 or self._childless():
            self._known = self._shards.list()
        self._reads += 1
        self.at_tip = False
        behind = False
        for cursor, shard in self._due():
            page = cursor.read(PAGE_BYTES)
            behind = behind or page.behind_ms > 0 or cursor.drained
            yield from ((shard, entry) for entry in page.entries)
        self.at_tip = not behind

    def _childless(self) -> bool:
        """Whether a shard is drained and nobody has told of what came after it yet."""
        parents = {parent for shard in self._known for parent in shard.parents}
        return any(cursor.drained and id not in parents for id, cursor in self._cursors.items())

    def _due(self) -> list[tuple[Cursor, str]]:
        """The shards that are not drained and whose parents are, or are gone."""
        waiting = {shard.id for shard in self._known if shard.id not in self._cursors or not self._cursors[shard.id].drained}
        due = [shard.id for shard in self._known if shard.id in waiting and waiting.isdisjoint(shard.parents)]
        return [(self._cursors.setdefault(id, Cursor(self._shards, id, "")), id) for id in due]
