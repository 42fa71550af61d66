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

    def cut(self, limit: int) -> list[Entry]:
        """The oldest entries, up to the one that makes `limit` bytes; they stay until they are taken."""
        size, found = 0, []
        for entry in self.entries:
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
