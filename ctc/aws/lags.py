"""How far behind each query is, shard by shard, asked of Kinesis itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ctc.aws.kept import Kept
from ctc.aws.kinesis_shards import KinesisShards
from ctc.settings import Settings

KEEP_S = 4.0  # a shard may be read five times a second, and the queries read it too

Offset = Mapping[str, Mapping[str, Any]]


class ShardLags:
    """By shard and query, how many seconds the oldest record that the query has not taken has been in the stream."""

    def __init__(self, settings: Settings) -> None:
        self._shards = KinesisShards(settings, settings.stream.trades, attempts=1)
        self._kept: Kept[dict[str, dict[str, float]]] = Kept(1)

    def __call__(self, offsets: Mapping[str, Offset]) -> dict[str, dict[str, float]]:
        """From each query's offset (`ctc.spark.source`). Raises StreamError, SetupError or Throttled."""
        return self._kept.get("lags", KEEP_S, lambda: self._ask(offsets))

    def _ask(self, offsets: Mapping[str, Offset]) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for query, offset in offsets.items():
            for shard, place in offset.items():
                if not place["closed"]:
                    found.setdefault(shard, {})[query] = self._wait(shard, place["seq"])
        return dict(sorted(found.items()))

    def _wait(self, shard: str, after: str) -> float:
        page = self._shards.get(self._shards.iterator(shard, after), 1)
        if not page.entries:
            return page.behind_ms / 1000
        return max(0.0, round((self._shards.span().now_us - page.entries[0].arrival_us) / 1e6, 3))
