"""The reading side of Kinesis: shards, iterators and records, with throttling and expiry handled.

`KinesisShards` is what the Spark source reads through; tests hand it a fake with the same four methods.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from functools import partial
from time import time_ns
from typing import Any, Protocol, TypeVar

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from ctc.aws.clients import client
from ctc.errors import DataLoss, StreamError
from ctc.model import to_us
from ctc.settings import Settings

T = TypeVar("T")
LIMIT = 10_000  # records a GetRecords call may return; it also stops at 10 MB
_SLOW_DOWN = {"ProvisionedThroughputExceededException", "LimitExceededException", "KMSThrottlingException", "ThrottlingException"}


class Shard(msgspec.Struct, frozen=True):
    """A shard and the shards it was split or merged from."""

    id: str
    parents: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True, gc=False):
    """One record as the stream holds it; `arrival_us` is Kinesis' own time of arrival."""

    data: bytes
    key: str
    sequence_number: str
    arrival_us: int


class Page(msgspec.Struct, frozen=True):
    """What one call returned; `next` is None once a closed shard is drained, `behind_ms` is 0 at the tip."""

    entries: list[Entry]
    next: str | None
    behind_ms: int


class ExpiredIterator(StreamError):
    """The iterator is older than five minutes: take a new one from the last sequence number."""


class Shards(Protocol):
    """What the Spark source needs of a stream."""

    def list(self) -> list[Shard]: ...

    def iterator(self, shard: str, after: str) -> str: ...

    def get(self, iterator: str) -> Page: ...

    def horizon_us(self) -> int: ...


class KinesisShards:
    """A stream of AWS or an emulator. Throttled calls are tried again with capped, jittered backoff."""

    def __init__(self, settings: Settings, stream: str, attempts: int = 12) -> None:
        self._client: Any = client("kinesis", settings)
        self._stream = stream
        self._attempts = attempts
        self._pause = threading.Event()

    def list(self) -> list[Shard]:
        """Every shard the stream knows, closed ones too, by id."""
        found, token = [], {"StreamName": self._stream}
        while True:
            answer = self._call(partial(self._client.list_shards, **token))
            found += answer["Shards"]
            if not answer.get("NextToken"):
                return sorted((_shard(item) for item in found), key=lambda shard: shard.id)
            token = {"NextToken": answer["NextToken"]}

    def iterator(self, shard: str, after: str) -> str:
        """An iterator behind sequence number `after`, or at the oldest record when it is empty."""
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        answer = self._call(lambda: self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **where))
        return str(answer["ShardIterator"])

    def get(self, iterator: str) -> Page:
        """The next records. Raises ExpiredIterator when the iterator is too old."""
        answer = self._call(lambda: self._client.get_records(ShardIterator=iterator, Limit=LIMIT))
        entries = [
            Entry(item["Data"], item["PartitionKey"], item["SequenceNumber"], to_us(item["ApproximateArrivalTimestamp"]))
            for item in answer["Records"]
        ]
        return Page(entries, answer.get("NextShardIterator"), answer.get("MillisBehindLatest", 0))

    def horizon_us(self) -> int:
        """Records that arrived before this moment may be gone: now less the stream's retention."""
        summary = self._call(lambda: self._client.describe_stream_summary(StreamName=self._stream))
        hours = int(summary["StreamDescriptionSummary"]["RetentionPeriodHours"])
        return time_ns() // 1000 - hours * 3_600_000_000

    def _call(self, call: Callable[[], Any]) -> Any:
        for attempt in range(self._attempts):
            try:
                return call()
            except ClientError as error:
                code = error.response.get("Error", {}).get("Code", "")
                if code == "ExpiredIteratorException":
                    raise ExpiredIterator(f"{self._stream}: the shard iterator has expired") from error
                if code not in _SLOW_DOWN:
                    raise StreamError(f"{self._stream}: {error}") from error
                trouble: Exception = error
            except BotoCoreError as error:
                trouble = error
            self._pause.wait(min(5.0, 0.1 * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311 - jitter
        raise StreamError(f"{self._stream}: gave up after {self._attempts} attempts: {trouble}") from trouble


def _shard(item: dict[str, Any]) -> Shard:
    parents = (item.get("ParentShardId"), item.get("AdjacentParentShardId"))
    return Shard(item["ShardId"], tuple(parent for parent in parents if parent))


def read_range(shards: Shards, shard: str, after: str, end: str) -> Iterator[Entry]:
    """Exactly the entries behind `after` up to and with `end`. Raises DataLoss when `end` is no longer there."""
    iterator: str | None = shards.iterator(shard, after)
    last, target = after, int(end)
    while iterator is not None:
        try:
            page = shards.get(iterator)
        except ExpiredIterator:
            iterator = shards.iterator(shard, last)
            continue
        for entry in page.entries:
            number = int(entry.sequence_number)
            if number > target:
                raise _lost(shard, after, end, f"the next record is {number}")
            yield entry
            if number == target:
                return
            last = entry.sequence_number
        iterator = page.next
        if not page.entries and page.behind_ms == 0:
            break
    raise _lost(shard, after, end, "the shard ends before it")


def _lost(shard: str, after: str, end: str, found: str) -> DataLoss:
    return DataLoss(
        f"{shard}: records behind {after or 'its beginning'} up to {end} were planned for a batch, but {found}: they are past the "
        "stream's retention or the stream was made anew. Start with a new checkpoint, and load the range by the history job."
    )
