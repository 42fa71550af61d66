"""The records of one shard between the stream and the batches."""

from __future__ import annotations

from collections import deque

from ctc.stream.shards import EMPTY_PAGES, Cursor, Entry, Shards


class Shelf:
    """What was read of one shard beyond the batches that are planned."""

    def __init__(self, shards: Shards, shard: str, after: str) -> None:
        self.cursor = Cursor(shards, shard, after)
        self.after = after
        self.entries: deque[Entry] = deque()
        self.size = 0
        self.at_tip = False

    def fill(self, limit: int) -> None:
        """Read on until `limit` bytes are here or the tip is reached."""
        self.at_tip = False
        for _ in range(EMPTY_PAGES):
            if self.size >= limit or self.at_tip or self.cursor.drained:
                return
            page = self.cursor.read(limit - self.size)
            self.entries.extend(page.entries)
            self.size += sum(len(entry.data) for entry in page.entries)
            self.at_tip = page.behind_ms == 0

    def until_us(self, limit: int) -> int | None:
        """The arrival up to which `limit` bytes reach; None where they hold all that the stream has."""
        found = self.cut(limit)
        whole = len(found) == len(self.entries) and (self.at_tip or self.cursor.drained)
        return None if whole else max((entry.arrival_us for entry in found), default=None)

    def cut(self, limit: int, until_us: int | None = None) -> list[Entry]:
        """The oldest entries, up to the one that makes `limit` bytes or before the first that arrived later; they stay until they are
        taken."""
        size, found = 0, []
        for entry in self.entries:
            if until_us is not None and entry.arrival_us > until_us:
                break
            found.append(entry)
            size += len(entry.data)
            if size >= limit:
                break
        return found

    def take(self, end: str) -> list[Entry] | None:
        """The entries up to and with `end`, no longer here then; None when `end` is not here."""
        if not any(entry.sequence_number == end for entry in self.entries):
            return None
        taken = []
        while self.after != end:
            entry = self.entries.popleft()
            self.size -= len(entry.data)
            self.after = entry.sequence_number
            taken.append(entry)
        return taken
