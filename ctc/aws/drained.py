"""How far the queries of a job run have come, read from their checkpoints: nothing of the run itself has to be asked.

Spark writes `offsets/N` before a batch and `commits/N` after it; the last line of the former is our source's offset.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import msgspec

from ctc.aws.clients import client, translating
from ctc.aws.kinesis_shards import KinesisShards
from ctc.errors import ConfigError
from ctc.settings import Settings
from ctc.stream.lags import Offset

LEAST_S = 0.001
QUERIES = ("detect", "lake")  # those that read the stream of trades


class Checkpoints:
    """The checkpoints of a session whose `spark.checkpoints` is in S3."""

    def __init__(self, settings: Settings) -> None:
        where = urlsplit(settings.spark.checkpoints)
        if where.scheme != "s3":
            raise ConfigError(f"spark.checkpoints is {settings.spark.checkpoints!r}: only those in S3 can be read from here")
        self._settings, self._bucket, self._prefix = settings, where.netloc, where.path.strip("/")
        self._s3: Any = client("s3", settings)
        self._shards = KinesisShards(settings, settings.stream.trades, attempts=3)

    def offset(self, query: str) -> Offset | None:
        """Behind the last batch that the query has committed; None where there is none."""
        with translating(f"reading the checkpoint of {query} in {self._bucket}", self._settings):
            batch = self._newest(f"{query}/commits/")
            if batch is None:
                return None
            body = self._s3.get_object(Bucket=self._bucket, Key=self._key(f"{query}/offsets/{batch}"))["Body"].read()
        found: Offset = msgspec.json.decode(body.splitlines()[-1])
        return found

    def behind(self) -> dict[str, float | None]:
        """By query, for how many seconds its oldest record has waited: 0 when it has read all, None when that is not known.

        A shard that a query has not begun counts as not known. Raises StreamError where the stream is gone.
        """
        offsets = {query: offset for query in QUERIES if (offset := self.offset(query)) is not None}
        known = {shard.id for shard in self._shards.list()}
        found: dict[str, float | None] = dict.fromkeys(QUERIES)
        for query, offset in offsets.items():
            if known <= set(offset):
                found[query] = max((self._wait(shard, at["seq"]) for shard, at in offset.items() if not at["closed"]), default=0.0)
        return found

    def _wait(self, shard: str, after: str) -> float:
        """Seconds that the oldest record behind `after` has been there; never 0 while there is one, whatever the clocks say."""
        page = self._shards.get(self._shards.iterator(shard, after), 1)
        if not page.entries:
            return page.behind_ms / 1000
        return max(LEAST_S, (self._shards.span().now_us - page.entries[0].arrival_us) / 1e6)

    def _newest(self, folder: str) -> int | None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=self._key(folder))
        names = (each["Key"].rsplit("/", 1)[1] for page in pages for each in page.get("Contents", []))
        return max((int(name) for name in names if name.isdigit()), default=None)

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name
