"""Shards of a Kinesis stream of AWS or an emulator: `ctc.stream.shards` by boto3.

A module of its own, and imported late by the Spark source: every Python process that Spark starts imports that one, and boto3
costs half a second of each.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from functools import partial
from time import time_ns
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from ctc.aws.clients import MISSING, THROTTLES, client, from_service
from ctc.errors import CtcError, StreamError
from ctc.model import from_us, to_us
from ctc.settings import Settings
from ctc.stream.lags import Offset
from ctc.stream.shards import Entry, ExpiredIterator, Page, Shard, Span, lost

DESCRIBED_FOR_US = 60_000_000
_SLOW_DOWN = THROTTLES | {"KMSThrottlingException"}


class KinesisShards:
    """A stream of AWS or an emulator. Throttled and failed calls are tried again with capped, jittered backoff (about 30 s)."""

    def __init__(self, settings: Settings, stream: str, attempts: int = 12, pause: Callable[[float], object] | None = None) -> None:
        self._client: Any = client("kinesis", settings)
        self._stream = stream
        self._attempts = attempts
        self._pause = pause or threading.Event().wait
        self._described: tuple[int, int, int] | None = None  # when, retention, creation

    def list(self) -> list[Shard]:
        """Every shard the stream knows, closed ones too, by id."""
        found, token = [], {"StreamName": self._stream}
        while True:
            answer = self._ask(partial(self._client.list_shards, **token))
            found += answer["Shards"]
            if not answer.get("NextToken"):
                return sorted((_shard(item) for item in found), key=lambda shard: shard.id)
            token = {"NextToken": answer["NextToken"]}

    def iterator(self, shard: str, after: str) -> str:
        """An iterator behind sequence number `after`, or at the oldest record when it is empty. Raises DataLoss when that is gone."""
        where: dict[str, str] = {"ShardIteratorType": "TRIM_HORIZON"}
        if after:
            where = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": after}
        try:
            answer = self._call(lambda: self._client.get_shard_iterator(StreamName=self._stream, ShardId=shard, **where))
        except ClientError as error:
            code = _code(error)
            if code in MISSING or (after and code == "InvalidArgumentException"):
                raise lost(f"{self._stream}/{shard}", after, f"Kinesis does not know this place ({error})") from error
            raise self._refused(error) from error
        return str(answer["ShardIterator"])

    def latest(self, shard: str) -> str:
        """An iterator behind the newest record."""
        return self._placed(shard, {"ShardIteratorType": "LATEST"})

    def since(self, shard: str, us: int) -> str:
        """An iterator at the first record that arrived at this time or later."""
        return self._placed(shard, {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": from_us(us)})

    def _placed(self, shard: str, where: dict[str, Any]) -> str:
        answer = self._ask(partial(self._client.get_shard_iterator, StreamName=self._stream, ShardId=shard, **where))
        return str(answer["ShardIterator"])

    def get(self, iterator: str, limit: int) -> Page:
        """At most `limit` next records. Raises ExpiredIterator when the iterator is too old, or its shard is gone."""
        try:
            answer = self._call(lambda: self._client.get_records(ShardIterator=iterator, Limit=limit))
        except ClientError as error:
            if _code(error) == "ExpiredIteratorException" or _code(error) in MISSING:
                raise ExpiredIterator(f"{self._stream}: the shard iterator is of no use any more") from error
            raise self._refused(error) from error
        entries = [
            Entry(item["Data"], item["PartitionKey"], item["SequenceNumber"], to_us(item["ApproximateArrivalTimestamp"]))
            for item in answer["Records"]
        ]
        return Page(entries, answer.get("NextShardIterator"), answer.get("MillisBehindLatest", 0))

    @property
    def now_us(self) -> int:
        return time_ns() // 1000

    def span(self) -> Span:
        """Since when records are held: the retention, or the stream's creation. Asked of the stream once a minute."""
        now_us = self.now_us
        if self._described is None or not 0 <= now_us - self._described[0] < DESCRIBED_FOR_US:
            summary = self._ask(partial(self._client.describe_stream_summary, StreamName=self._stream))["StreamDescriptionSummary"]
            retention_us = int(summary["RetentionPeriodHours"]) * 3_600_000_000
            self._described = (now_us, retention_us, to_us(summary["StreamCreationTimestamp"]))
        _, retention_us, created_us = self._described
        return Span(max(now_us - retention_us, created_us), now_us)

    def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            return self._call(call)
        except ClientError as error:
            raise self._refused(error) from error

    def _refused(self, error: ClientError) -> CtcError:
        return from_service(f"reading the Kinesis stream {self._stream}", error)

    def _call(self, call: Callable[[], Any]) -> Any:
        for attempt in range(self._attempts):
            try:
                return call()
            except ClientError as error:
                if _code(error) not in _SLOW_DOWN and error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0) < 500:
                    raise
                trouble: Exception = error
            except BotoCoreError as error:
                trouble = error
            if attempt < self._attempts - 1:
                self._pause(min(5.0, 0.1 * 2**attempt) * random.uniform(0.5, 1))  # noqa: S311 - jitter
        raise StreamError(f"{self._stream}: gave up after {self._attempts} attempts: {trouble}") from trouble


def taken(offset: Offset) -> dict[str, str]:
    """The last sequence number that an offset of `ctc.spark.source` has of each open shard."""
    return {shard: place["seq"] for shard, place in offset.items() if not place["closed"]}


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _shard(item: dict[str, Any]) -> Shard:
    parents = (item.get("ParentShardId"), item.get("AdjacentParentShardId"))
    return Shard(item["ShardId"], tuple(parent for parent in parents if parent), item["SequenceNumberRange"]["StartingSequenceNumber"])
