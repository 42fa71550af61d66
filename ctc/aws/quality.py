"""The hot copy of data quality for `GET /quality`: partition `_quality` of the table `metrics`.

One item an hour and query (`2026-01-15T12#lake`) holds that hour's minutes and the counts by rule, with the run and batch that
were counted last: both change in one write, so that a batch counts once. One item a query (`samples#lake`) holds its newest
dead letters. A day is some 50 items, one Query of about 10 ms on the emulator.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import translating
from ctc.aws.hot import ENCODER, TTL, Wall, bucket, expiry, query, reader, wall_clock, writer
from ctc.errors import StoreError
from ctc.quality.counts import QualityBatch, QualityMinute, QualityView, Tally, minute_of, sum_of
from ctc.quality.letters import Sample
from ctc.settings import Settings

PARTITION = "_quality"
SAMPLES = "samples#"
MAX_SAMPLES = 20
DAY = timedelta(hours=24)
_TRIES = 3


class _Hour(msgspec.Struct, array_like=True):
    """An hour of one query; `minutes` ascending."""

    minutes: list[QualityMinute] = []
    rules: dict[str, int] = {}


_HOUR = msgspec.json.Decoder(_Hour)
_SAMPLES = msgspec.json.Decoder(list[Sample])


class DynamoQuality:
    """`ctc.ports.QualityStore` on DynamoDB."""

    def __init__(self, settings: Settings, wall: Wall = wall_clock) -> None:
        self._settings = settings
        self._table = settings.tables.metrics
        self._dynamo, self._reader = writer(settings), reader(settings)
        self._wall = wall

    def put(self, batch: QualityBatch) -> None:
        """Add the batch to its hours. Raises StoreError, Throttled or SetupError; calling again is safe."""
        hours: dict[str, list[Tally]] = defaultdict(list)
        for tally in batch.tallies:
            hours[bucket(tally.minute)].append(tally)
        with translating("writing quality to DynamoDB", self._settings):
            for hour, tallies in sorted(hours.items()):
                self._add(f"{hour}#{batch.query}", batch, tallies)
            if batch.samples:
                self._show(f"{SAMPLES}{batch.query}", batch.samples)

    def view(self) -> QualityView:
        """The 24 hours before the newest minute, all queries together."""
        now, hours, samples = self._wall().timestamp(), list[_Hour](), list[Sample]()
        with translating("reading quality from DynamoDB", self._settings):
            values = {":name": {"S": PARTITION}}
            for found in query(
                self._reader, TableName=self._table, KeyConditionExpression="symbol = :name", ExpressionAttributeValues=values
            ):
                if found.item is not None and found.item.S.startswith(SAMPLES):
                    samples += _SAMPLES.decode(found.text)
                elif found.until > now:
                    hours.append(_HOUR.decode(found.text))
        return view_of([(hour.minutes, hour.rules) for hour in hours], samples)

    def _add(self, name: str, batch: QualityBatch, tallies: list[Tally]) -> None:
        for _ in range(_TRIES):
            held = self._dynamo.get_item(TableName=self._table, Key=_key(name), ConsistentRead=True).get("Item")
            if held is not None and held["run"]["S"] == batch.run and int(held["batch"]["N"]) >= batch.batch_id:
                return
            hour = _plus(_HOUR.decode(held["doc"]["S"]) if held else _Hour(), tallies)
            if self._replace(name, held, batch, hour):
                return
        raise StoreError(
            f"writing quality to DynamoDB: {name} was changed by another writer {_TRIES} times; see that one process writes it"
        )

    def _replace(self, name: str, held: dict[str, Any] | None, batch: QualityBatch, hour: _Hour) -> bool:
        """Put the hour in the place of what was read; False when that has changed meanwhile."""
        item = {"run": {"S": batch.run}, "batch": {"N": str(batch.batch_id)}, "doc": {"S": ENCODER.encode(hour).decode()}}
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(symbol)"}
        if held is not None:
            condition = {
                "ConditionExpression": "#run = :run AND #batch = :batch",
                "ExpressionAttributeNames": {"#run": "run", "#batch": "batch"},
                "ExpressionAttributeValues": {":run": held["run"], ":batch": held["batch"]},
            }
        expires: dict[str, Any] = {TTL: {"N": str(expiry(self._wall(), self._settings))}}
        try:
            self._dynamo.put_item(TableName=self._table, Item={**_key(name), **item, **expires}, **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise
            return False
        return True

    def _show(self, name: str, samples: Iterable[Sample]) -> None:
        """Keep the newest of the samples that are there and these: the same again changes nothing."""
        held = self._dynamo.get_item(TableName=self._table, Key=_key(name), ConsistentRead=True).get("Item")
        newest = newest_samples([*(_SAMPLES.decode(held["doc"]["S"]) if held else ()), *samples])
        self._dynamo.put_item(TableName=self._table, Item={**_key(name), "doc": {"S": ENCODER.encode(newest).decode()}})


def view_of(hours: Iterable[tuple[list[QualityMinute], dict[str, int]]], samples: Iterable[Sample]) -> QualityView:
    """The last 24 hours of these: a minute of several queries is one, and rules count by whole hours."""
    listed = [(minutes, rules) for minutes, rules in hours if minutes]
    newest = max((minutes[-1].minute for minutes, _ in listed), default=None)
    by_minute: dict[datetime, list[QualityMinute]] = defaultdict(list)
    counts: dict[str, int] = {}
    for minutes, rules in listed:
        assert newest is not None
        if minutes[-1].minute <= newest - DAY:
            continue
        for each in minutes:
            if each.minute > newest - DAY:
                by_minute[each.minute].append(each)
        for rule, records in rules.items():
            counts[rule] = counts.get(rule, 0) + records
    ascending = [sum_of(each, minute) for minute, each in sorted(by_minute.items())]
    return QualityView(minutes=ascending, rules=counts, samples=newest_samples(samples))


def newest_samples(samples: Iterable[Sample]) -> list[Sample]:
    """At most `MAX_SAMPLES`, each letter once, newest first."""
    unique = {sample.id: sample for sample in samples}
    return sorted(unique.values(), key=lambda sample: (sample.arrived_at, sample.id), reverse=True)[:MAX_SAMPLES]


def _plus(hour: _Hour, tallies: list[Tally]) -> _Hour:
    by_minute: dict[datetime, list[QualityMinute]] = defaultdict(list)
    for each in (*hour.minutes, *map(minute_of, tallies)):
        by_minute[each.minute].append(each)
    rules = dict(hour.rules)
    for tally in tallies:
        for rule, records in tally.rules.items():
            rules[rule] = rules.get(rule, 0) + records
    return _Hour([sum_of(each, minute) for minute, each in sorted(by_minute.items())], rules)


def _key(name: str) -> dict[str, Any]:
    return {"symbol": {"S": PARTITION}, "item": {"S": name}}
