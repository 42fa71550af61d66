"""How far behind each query is, shard by shard, asked of the stream itself."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ctc.kept import Kept
from ctc.stream.shards import DatedShards

KEEP_S = 4.0  # a shard of Kinesis may be read five times a second, and the queries read it too

Offset = Mapping[str, Mapping[str, Any]]  # a query's, as its source writes it


class ShardLags:
    """By shard and query, how many seconds the oldest record that the query has not taken has been in the stream.

    `taken` reads an offset: by shard that is not closed, the last sequence number that was taken, "" for none.
    """

    def __init__(self, shards: DatedShards, taken: Callable[[Offset], Mapping[str, str]]) -> None:
        self._shards, self._taken = shards, taken
        self._kept: Kept[dict[str, dict[str, float]]] = Kept(1)

    def __call__(self, offsets: Mapping[str, Offset]) -> dict[str, dict[str, float]]:
        """From each query's offset. Raises StreamError, SetupError or Throttled."""
        return self._kept.get("lags", KEEP_S, lambda: self._ask(offsets))

    def _ask(self, offsets: Mapping[str, Offset]) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for query, offset in offsets.items():
            for shard, after in self._taken(offset).items():
                found.setdefault(shard, {})[query] = self._wait(shard, after)
        return dict(sorted(found.items()))

    def _wait(self, shard: str, after: str) -> float:
        page = self._shards.get(self._shards.iterator(shard, after), 1)
        if not page.entries:
            return page.behind_ms / 1000
        return max(0.0, round((self._shards.now_us - page.entries[0].arrival_us) / 1e6, 3))
