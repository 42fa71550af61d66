"""Which buckets of time hold alerts, until when, and when each was last written.

Items of the table `alerts`: calendars (`_calendar`, `_calendar#symbol#...`, `_calendar#type#...`) name the buckets that hold any alert,
each with its end. `_calendar` holds `w` + bucket too, a mark that each write changes once its alerts are stored: a reader
that kept a bucket knows from the mark whether it is still as it was, however old it is.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.hot import TTL, Wall, bucket, decoded, expiry
from ctc.kept import Kept
from ctc.model import Alert, to_us
from ctc.settings import Settings

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

ALL = "_calendar"
WRITTEN = "w"
REFRESH_S = 3_600
CHUNK = 100
KEPT_CALENDARS = 64
INDEXES_CATCH_UP_S = 2


class _Entry(msgspec.Struct):
    """An attribute of a calendar: a bucket's end, its mark, or the key."""

    N: str = ""
    S: str = ""


class _Got(msgspec.Struct):
    Item: dict[str, _Entry] = {}


_GOT = msgspec.json.Decoder(_Got)


def calendar_of(*, type: str | None = None, symbol: str | None = None) -> str:
    """The calendar that serves a filter; of two the symbol's."""
    if symbol is not None:
        return f"{ALL}#symbol#{symbol}"
    return ALL if type is None else f"{ALL}#type#{type}"


class CalendarWriter:
    """Enters buckets before their alerts are written, and marks them afterwards."""

    def __init__(self, dynamo: DynamoDBClient, settings: Settings, wall: Wall) -> None:
        self._dynamo, self._settings, self._wall = dynamo, settings, wall
        self._table = settings.tables.alerts
        self._entered: dict[tuple[str, str], int] = {}

    def enter(self, alerts: list[Alert]) -> None:
        """Enter the alerts' buckets in their calendars, where this process has not done so in the last hour."""
        until = expiry(self._wall(), self._settings) + 2 * REFRESH_S
        missing: dict[str, set[str]] = defaultdict(set)
        for alert in alerts:
            name = bucket(alert.detected_at)
            for calendar in (calendar_of(), calendar_of(type=alert.type), calendar_of(symbol=alert.symbol)):
                if self._entered.get((calendar, name), 0) < until - REFRESH_S:
                    missing[calendar].add(name)
        for calendar, names in missing.items():
            for chunk in _chunks(sorted(names)):
                self._enter(calendar, chunk, until)
            self._entered |= {(calendar, name): until for name in names}

    def mark(self, alerts: list[Alert]) -> None:
        """Say that the alerts' buckets have changed. A writer that dies before it says so writes, and says, it all again."""
        written = f"{to_us(self._wall())}#{uuid.uuid4().hex[:8]}"
        for chunk in _chunks(sorted({WRITTEN + bucket(alert.detected_at) for alert in alerts})):
            self._set(ALL, chunk, {":value": {"S": written}}, "SET {}", "NONE")

    def _enter(self, calendar: str, names: list[str], until: int) -> None:
        found = self._set(calendar, names, {":value": {"N": str(until)}}, f"SET {{}}, {TTL} = :value", "ALL_NEW")
        now = int(self._wall().timestamp())
        over = [name for name, end in found.items() if name[0].isdigit() and int(end["N"]) < now]
        for chunk in _chunks(sorted(over)):
            self._forget(calendar, chunk, now)

    def _set(self, calendar: str, names: list[str], values: dict[str, Any], update: str, wanted: Any) -> dict[str, Any]:
        answer = self._dynamo.update_item(
            TableName=self._table,
            Key={"alert_id": {"S": calendar}},
            UpdateExpression=update.format(", ".join(f"#n{i} = :value" for i in range(len(names)))),
            ExpressionAttributeNames={f"#n{i}": name for i, name in enumerate(names)},
            ExpressionAttributeValues=values,
            ReturnValues=wanted,
        )
        return answer.get("Attributes", {})

    def _forget(self, calendar: str, names: list[str], now: int) -> None:
        """Take expired buckets out, unless another writer has just entered one again."""
        marks = {f"#n{i}": name for i, name in enumerate(names)}
        written = {f"#w{i}": WRITTEN + name for i, name in enumerate(names)}
        try:
            self._dynamo.update_item(
                TableName=self._table,
                Key={"alert_id": {"S": calendar}},
                UpdateExpression="REMOVE " + ", ".join((*marks, *written)),
                ConditionExpression=" AND ".join(f"{mark} < :now" for mark in marks),
                ExpressionAttributeNames={**marks, **written},
                ExpressionAttributeValues={":now": {"N": str(now)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


class CalendarReader:
    """Reads calendars with a `ctc.aws.hot.reader`, and may keep each for `keep_s`."""

    def __init__(self, dynamo: DynamoDBClient, settings: Settings, wall: Wall, keep_s: float, helpers: Executor | None) -> None:
        self._dynamo, self._table, self._wall, self._keep_s = dynamo, settings.tables.alerts, wall, keep_s
        self._kept: Kept[dict[str, _Entry]] = Kept(KEPT_CALENDARS, helpers=helpers)

    def buckets(self, calendar: str) -> list[str]:
        """The buckets that hold alerts, newest first."""
        seconds = self._wall().timestamp()
        return sorted((name for name, entry in self._read(calendar).items() if name[0].isdigit() and int(entry.N) > seconds), reverse=True)

    def marks(self) -> dict[str, tuple[str, bool]]:
        """Each bucket's mark, and whether it is so old that the indexes have caught up with what it speaks of."""
        caught_up = to_us(self._wall()) - INDEXES_CATCH_UP_S * 1_000_000
        entries = self._read(ALL).items()
        return {
            name.removeprefix(WRITTEN): (entry.S, int(entry.S.partition("#")[0]) < caught_up)
            for name, entry in entries
            if name.startswith(WRITTEN)
        }

    def _read(self, calendar: str) -> dict[str, _Entry]:
        def ask() -> dict[str, _Entry]:
            key = {"alert_id": {"S": calendar}}
            return decoded(self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True), _GOT).Item

        return self._kept.get(calendar, self._keep_s, ask)


def _chunks(names: list[str]) -> Iterator[list[str]]:
    return (names[start : start + CHUNK] for start in range(0, len(names), CHUNK))
