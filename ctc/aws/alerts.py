"""The hot store of alerts: idempotent writes in any order, pages newest first without a scan.

A page walks the buckets that its calendar names (`ctc.aws.calendars`) and no others, so a quiet day or a `since` years ago costs
no more requests than the alerts it returns. A bucket is in its calendars before its first alert is written, and marked after each write.

A reader may keep what it read (`keep_s`): calendars that long, and a bucket until its mark changes.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.calendars import CalendarReader, CalendarWriter, calendar_of
from ctc.aws.clients import translating
from ctc.aws.gathered import Gathered
from ctc.aws.hot import ENCODER, INDEXES, TTL, Document, Wall, bucket, decoded, expiry, query, reader, stamp, wall_clock, writer
from ctc.errors import Throttled
from ctc.kept import Kept
from ctc.model import Alert
from ctc.ports import AlertPage, Place
from ctc.settings import Settings

WRITERS = 8
DEFAULT_SPAN = timedelta(hours=24)
SETTLED_S = 60.0  # if a writer died between its alerts and their mark; it writes them again when it is back
KEPT_BUCKETS = 64  # at a thousand alerts in ten minutes about 100 MB
BATCH = 100
ATTEMPTS = 8
_ALERT = msgspec.json.Decoder(Alert)


class _Batch(msgspec.Struct):
    """An answer to BatchGetItem."""

    Responses: dict[str, list[Document]] = {}
    UnprocessedKeys: dict[str, dict[str, Any]] = {}


_BATCH = msgspec.json.Decoder(_Batch)


class DynamoAlerts:
    """`ctc.ports.AlertStore` on DynamoDB. Readers see a write after the indexes caught up (milliseconds)."""

    def __init__(self, settings: Settings, wall: Wall = wall_clock, keep_s: float = 0, helpers: Executor | None = None) -> None:
        self._settings, self._table = settings, settings.tables.alerts
        self._keep_s, self._wall = keep_s, wall
        self._dynamo, self._reader = writer(settings), reader(settings)
        self._entries = CalendarWriter(self._dynamo, settings, wall)
        self._calendars = CalendarReader(self._reader, settings, wall, keep_s, helpers)
        self._kept: Kept[list[tuple[int, Alert]]] = Kept(KEPT_BUCKETS, helpers=helpers)
        self._gathered: Gathered[Document] = Gathered(BATCH, self._documents)
        self._pause = threading.Event()

    def put(self, alerts: Iterable[Alert]) -> None:
        """Write each alert unless its id is there with this revision or a higher one; all are stored on return.

        Raises StoreError, Throttled or SetupError; calling again with the same alerts is safe.
        """
        newest = _highest(alerts)
        if not newest:
            return
        with translating("writing alerts to DynamoDB", self._settings):
            self._entries.enter(newest)
            with ThreadPoolExecutor(min(WRITERS, len(newest))) as pool:
                for _ in pool.map(self._put_one, newest):
                    pass
            self._entries.mark(newest)

    def get(self, alert_id: str) -> Alert | None:
        """The alert as it is stored, or None."""
        with translating("reading an alert from DynamoDB", self._settings):
            found = self._gathered.get(alert_id)
        return _ALERT.decode(found.text) if found is not None and found.until > self._wall().timestamp() else None

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
        index, prefix = _path(type, symbol)
        seconds = self._wall().timestamp()
        tops = [moment for moment in (until, below.detected_at if below else None) if moment is not None]
        top = min(tops, default=None)
        marks = self._calendars.marks() if self._keep_s else {}  # before the buckets, which then are no older than their marks
        for name in self._calendars.buckets(calendar_of(type=type, symbol=symbol)):
            if name < bucket(after):
                return
            if top is not None and name > bucket(top):
                continue
            for expires_at, alert in self._bucket(index, prefix + name, marks.get(name)):
                if alert.detected_at <= after:
                    return
                if expires_at > seconds and (until is None or alert.detected_at <= until) and (below is None or _place(alert) < below):
                    yield alert

    def _bucket(self, index: str, value: str, mark: Hashable) -> list[tuple[int, Alert]]:
        """When each alert of a bucket expires, and the alert, newest first."""

        def ask() -> list[tuple[int, Alert]]:
            items = query(
                self._reader,
                TableName=self._table,
                IndexName=index,
                ScanIndexForward=False,
                KeyConditionExpression=f"{INDEXES[index]} = :bucket",
                ExpressionAttributeValues={":bucket": {"S": value}},
                ProjectionExpression=f"doc, {TTL}",
            )
            return [(item.until, _ALERT.decode(item.text)) for item in items]

        keep_s = self._keep_s if mark is None else SETTLED_S
        return self._kept.get((index, value), keep_s if self._keep_s else 0, ask, mark=mark, bear_s=self._keep_s)

    def _documents(self, alert_ids: list[str]) -> dict[str, Document]:
        """The items of these ids that are there."""
        request: Any = {self._table: {"Keys": [{"alert_id": {"S": each}} for each in alert_ids], "ConsistentRead": True}}
        request[self._table]["ProjectionExpression"] = f"alert_id, doc, {TTL}"
        found: dict[str, Document] = {}
        for attempt in range(ATTEMPTS):
            answer = decoded(self._reader.batch_get_item(RequestItems=request), _BATCH)
            found |= {item.alert_id.S: item for item in answer.Responses.get(self._table, []) if item.alert_id is not None}
            if not answer.UnprocessedKeys:
                return found
            request = answer.UnprocessedKeys
            self._pause.wait(min(2.0, 0.05 * 2**attempt))
        raise Throttled(f"reading alerts from DynamoDB: some of {len(alert_ids)} were refused {ATTEMPTS} times", 2.0)

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


def _path(type: str | None, symbol: str | None) -> tuple[str, str]:
    """Index and bucket prefix that serve a filter; of two filters the symbol's index serves."""
    if symbol is not None:
        return "by_symbol", f"{symbol}#"
    return ("by_time", "") if type is None else ("by_type", f"{type}#")


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
