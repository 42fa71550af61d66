"""The hot store of alerts: idempotent writes in any order, pages newest first without a scan.

Beside the alerts the table holds calendars (`_calendar`, `_calendar#symbol#...`, `_calendar#type#...`): which buckets
of time hold any alert, and until when. A page walks those only, so a quiet day or a `since` years ago costs no more
requests than the alerts it returns. A bucket is in its calendars before its first alert is written.

A reader may keep what it read (`keep_s`): calendars and the two newest buckets that long, older buckets, which hardly
change, `SETTLED_S`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import client, translating
from ctc.aws.hot import ENCODER, INDEXES, TTL, Wall, alive, bucket, expiry, query, stamp, wall_clock
from ctc.aws.kept import Kept
from ctc.model import Alert
from ctc.ports import AlertPage, Place
from ctc.settings import Settings

WRITERS = 8
DEFAULT_SPAN = timedelta(hours=24)
REFRESH_S = 3_600
CHUNK = 100
SETTLED_S = 30.0
KEPT_BUCKETS = 64  # at a thousand alerts in ten minutes about 100 MB
_ALERT = msgspec.json.Decoder(Alert)


class DynamoAlerts:
    """`ctc.ports.AlertStore` on DynamoDB. Readers see a write after the indexes caught up (milliseconds)."""

    def __init__(self, settings: Settings, wall: Wall = wall_clock, keep_s: float = 0, helpers: Executor | None = None) -> None:
        self._keep_s = keep_s
        self._kept: Kept[list[tuple[int, Alert]]] = Kept(KEPT_BUCKETS, helpers=helpers)
        self._days: Kept[dict[str, Any]] = Kept(KEPT_BUCKETS, helpers=helpers)
        self._settings = settings
        self._table = settings.tables.alerts
        self._dynamo = client("dynamodb", settings)
        self._wall = wall
        self._marked: dict[tuple[str, str], int] = {}

    def put(self, alerts: Iterable[Alert]) -> None:
        """Write each alert unless its id is there with this revision or a higher one; all are stored on return.

        Raises StoreError, Throttled or SetupError; calling again with the same alerts is safe.
        """
        newest = _highest(alerts)
        if not newest:
            return
        with translating("writing alerts to DynamoDB", self._settings):
            self._mark(newest)
            with ThreadPoolExecutor(min(WRITERS, len(newest))) as pool:
                for _ in pool.map(self._put_one, newest):
                    pass

    def get(self, alert_id: str) -> Alert | None:
        """The alert as it is stored, or None."""
        with translating("reading an alert from DynamoDB", self._settings):
            item = self._item(alert_id)
        return _ALERT.decode(item["doc"]["S"]) if "doc" in item and alive(item, self._wall()) else None

    def page(
        self,
        *,
        now: datetime,
        type: str | None,
        symbol: str | None,
        since: datetime | None,
        limit: int,
        until: datetime | None = None,
        below: Place | None = None,
        matching: Callable[[Alert], bool] | None = None,
        examine: int | None = None,
    ) -> AlertPage:
        """As `ctc.ports.AlertStore` says; order is `detected_at`, then `alert_id`, both descending.

        Without `examine`, `has_more` is exact.
        """
        after = since if since is not None else now - DEFAULT_SPAN
        found: list[Alert] = []
        passed: Alert | None = None
        with translating("reading alerts from DynamoDB", self._settings):
            for count, alert in enumerate(self._newest_first(after, until, below, type, symbol)):
                if examine is not None and count >= examine:
                    return AlertPage(alerts=found, has_more=True, next=_place(passed) if passed else None)
                if type in (None, alert.type) and (matching is None or matching(alert)):
                    if len(found) == limit:
                        return AlertPage(alerts=found, has_more=True, next=_place(found[-1]))
                    found.append(alert)
                passed = alert
        return AlertPage(alerts=found, has_more=False)

    def _newest_first(
        self, after: datetime, until: datetime | None, below: Place | None, type: str | None, symbol: str | None
    ) -> Iterator[Alert]:
        index, calendar, prefix = _path(type, symbol)
        wall = self._wall()
        seconds = wall.timestamp()
        tops = [moment for moment in (until, below.detected_at if below else None) if moment is not None]
        top = min(tops, default=None)
        names = self._buckets(calendar, wall)
        newest = set(names[:2])
        for name in names:
            if name < bucket(after):
                return
            if top is not None and name > bucket(top):
                continue
            for expires_at, alert in self._bucket(index, prefix + name, self._keep_s if name in newest else SETTLED_S):
                if alert.detected_at <= after:
                    return
                if expires_at > seconds and (until is None or alert.detected_at <= until) and (below is None or _place(alert) < below):
                    yield alert

    def _bucket(self, index: str, value: str, keep_s: float) -> list[tuple[int, Alert]]:
        """When each alert of a bucket expires, and the alert, newest first."""

        def ask() -> list[tuple[int, Alert]]:
            items = query(
                self._dynamo,
                TableName=self._table,
                IndexName=index,
                ScanIndexForward=False,
                KeyConditionExpression=f"{INDEXES[index]} = :bucket",
                ExpressionAttributeValues={":bucket": {"S": value}},
            )
            return [(int(item[TTL]["N"]), _ALERT.decode(item["doc"]["S"])) for item in items]

        return self._kept.get((index, value), keep_s if self._keep_s else 0, ask)

    def _buckets(self, calendar: str, wall: datetime) -> list[str]:
        """The buckets that hold alerts, newest first."""
        item = self._days.get(calendar, self._keep_s, lambda: self._item(calendar))
        seconds = wall.timestamp()
        return sorted((name for name, until in item.items() if name[0].isdigit() and int(until["N"]) > seconds), reverse=True)

    def _item(self, key: str) -> dict[str, Any]:
        answer = self._dynamo.get_item(TableName=self._table, Key={"alert_id": {"S": key}}, ConsistentRead=True)
        item: dict[str, Any] = answer.get("Item", {})
        return item

    def _put_one(self, alert: Alert) -> None:
        try:
            self._dynamo.put_item(
                TableName=self._table,
                Item=_item_of(alert, expiry(self._wall(), self._settings)),
                ConditionExpression="attribute_not_exists(alert_id) OR revision < :revision",
                ExpressionAttributeValues={":revision": {"N": str(alert.revision)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise

    def _mark(self, alerts: list[Alert]) -> None:
        """Enter the alerts' buckets in their calendars, where this process has not done so in the last hour."""
        until = expiry(self._wall(), self._settings) + 2 * REFRESH_S
        missing: dict[str, set[str]] = defaultdict(set)
        for alert in alerts:
            name = bucket(alert.detected_at)
            for type, symbol in ((None, None), (alert.type, None), (None, alert.symbol)):
                calendar = _path(type, symbol)[1]
                if self._marked.get((calendar, name), 0) < until - REFRESH_S:
                    missing[calendar].add(name)
        for calendar, names in missing.items():
            for chunk in _chunks(sorted(names)):
                self._enter(calendar, chunk, until)
            self._marked |= {(calendar, name): until for name in names}

    def _enter(self, calendar: str, names: list[str], until: int) -> None:
        update = ", ".join(f"#n{i} = :until" for i in range(len(names)))
        answer = self._dynamo.update_item(
            TableName=self._table,
            Key={"alert_id": {"S": calendar}},
            UpdateExpression=f"SET {update}, {TTL} = :until",
            ExpressionAttributeNames={f"#n{i}": name for i, name in enumerate(names)},
            ExpressionAttributeValues={":until": {"N": str(until)}},
            ReturnValues="ALL_NEW",
        )
        now = int(self._wall().timestamp())
        over = [name for name, end in answer["Attributes"].items() if name[0].isdigit() and int(end["N"]) < now]
        for chunk in _chunks(sorted(over)):
            self._forget(calendar, chunk, now)

    def _forget(self, calendar: str, names: list[str], now: int) -> None:
        """Take expired buckets out, unless another writer has just entered one again."""
        marks = [f"#n{i}" for i in range(len(names))]
        try:
            self._dynamo.update_item(
                TableName=self._table,
                Key={"alert_id": {"S": calendar}},
                UpdateExpression="REMOVE " + ", ".join(marks),
                ConditionExpression=" AND ".join(f"{mark} < :now" for mark in marks),
                ExpressionAttributeNames=dict(zip(marks, names, strict=True)),
                ExpressionAttributeValues={":now": {"N": str(now)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def _highest(alerts: Iterable[Alert]) -> list[Alert]:
    """One alert per id, the highest revision: a batch often holds an alert and its completion."""
    newest: dict[str, Alert] = {}
    for alert in alerts:
        known = newest.get(alert.alert_id)
        if known is None or known.revision < alert.revision:
            newest[alert.alert_id] = alert
    return list(newest.values())


def _place(alert: Alert) -> Place:
    return Place(alert.detected_at, alert.alert_id)


def _path(type: str | None, symbol: str | None) -> tuple[str, str, str]:
    """Index, calendar and bucket prefix that serve a filter; of two filters the symbol's index serves."""
    if symbol is not None:
        return "by_symbol", f"_calendar#symbol#{symbol}", f"{symbol}#"
    if type is not None:
        return "by_type", f"_calendar#type#{type}", f"{type}#"
    return "by_time", "_calendar", ""


def _item_of(alert: Alert, expires_at: int) -> dict[str, Any]:
    name = bucket(alert.detected_at)
    return {
        "alert_id": {"S": alert.alert_id},
        "revision": {"N": str(alert.revision)},
        "type": {"S": alert.type},
        "symbol": {"S": alert.symbol},
        "detected": {"S": f"{stamp(alert.detected_at)}#{alert.alert_id}"},
        "time_bucket": {"S": name},
        "symbol_bucket": {"S": f"{alert.symbol}#{name}"},
        "type_bucket": {"S": f"{alert.type}#{name}"},
        "doc": {"S": ENCODER.encode(alert).decode()},
        TTL: {"N": str(expires_at)},
    }


def _chunks(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
