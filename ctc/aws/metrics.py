"""The hot store of metrics: a symbol's latest values, which only go forward, and its recent bars and spreads.

Partitions: `_session` (one item a symbol: its newest snapshot), `_gaps` (likewise: its ledger), `SYMBOL#bars#HOUR` and
`SYMBOL#spreads#HOUR`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import client, translating
from ctc.aws.hot import ENCODER, TTL, Wall, alive, bucket, expiry, hours, query, stamp, wall_clock
from ctc.errors import Throttled
from ctc.model import Bar, GapLedger, Snapshot, Spread, to_us
from ctc.quality.ledger import PRESENT
from ctc.settings import Settings

SESSION = "_session"
GAPS = "_gaps"
LONGEST = timedelta(days=7)
BATCH = 25
ATTEMPTS = 8
POOL = 8
Row = TypeVar("Row", Bar, Spread)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)
_BAR = msgspec.json.Decoder(Bar)
_SPREAD = msgspec.json.Decoder(Spread)
_LEDGER = msgspec.json.Decoder(GapLedger)


class DynamoMetrics:
    """`ctc.ports.MetricStore` on DynamoDB."""

    def __init__(self, settings: Settings, wall: Wall = wall_clock) -> None:
        self._settings = settings
        self._table = settings.tables.metrics
        self._dynamo = client("dynamodb", settings)
        self._wall = wall
        self._pause = threading.Event()

    def put(self, snapshots: Iterable[Snapshot], bars: Iterable[Bar], spreads: Iterable[Spread]) -> None:
        """Store bars and spreads under their windows, and each snapshot unless a newer one is there.

        Raises StoreError, Throttled or SetupError; calling again with the same values is safe.
        """
        with translating("writing metrics to DynamoDB", self._settings):
            expires_at = expiry(self._wall(), self._settings)
            rows = [_bar_item(bar, expires_at) for bar in bars] + [_spread_item(spread, expires_at) for spread in spreads]
            # One request may not name a key twice; the last of equals stays.
            unique = list({(row["symbol"]["S"], row["item"]["S"]): row for row in rows}.values())
            batches = [unique[start : start + BATCH] for start in range(0, len(unique), BATCH)]
            with ThreadPoolExecutor(POOL) as pool:
                for _ in pool.map(self._write, batches):
                    pass
                # Last, so that a snapshot never speaks of windows that can't be read yet.
                for _ in pool.map(self._advance, snapshots):
                    pass

    def snapshot(self, symbol: str) -> Snapshot | None:
        """The symbol's newest values, or None before its first."""
        key = {"symbol": {"S": SESSION}, "item": {"S": symbol}}
        with translating("reading metrics from DynamoDB", self._settings):
            item = self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return _SNAPSHOT.decode(item["doc"]["S"]) if item else None

    def snapshots(self) -> list[Snapshot]:
        """Every symbol's newest values, by symbol."""
        with translating("reading metrics from DynamoDB", self._settings):
            return [_SNAPSHOT.decode(item["doc"]["S"]) for item in self._partition(SESSION)]

    def stream_clock(self) -> datetime | None:
        """The session's "now": the newest clock of all symbols, None before the first heartbeat."""
        return max((snapshot.clock for snapshot in self.snapshots() if snapshot.clock is not None), default=None)

    def bars(self, symbol: str, since: datetime) -> list[Bar]:
        """Closed bars that start at `since` or later, by window and exchange; at most the last 7 days of the stream."""
        return self._rows(symbol, "bars", since, _BAR.decode)

    def spreads(self, symbol: str, since: datetime) -> list[Spread]:
        """Closed spreads that start at `since` or later, by window; at most the last 7 days of the stream."""
        return self._rows(symbol, "spreads", since, _SPREAD.decode)

    def put_ledger(self, symbol: str, ledger: GapLedger) -> None:
        """Store a symbol's gap ledger, unless one that has seen more trades is there."""
        seen = sum(space.ids.get(state, 0) for space in ledger.spaces.values() for state in PRESENT)
        with translating("writing the gap ledger to DynamoDB", self._settings):
            self._put_newest(GAPS, symbol, ENCODER.encode(ledger).decode(), seen, 0)

    def ledger(self, symbol: str) -> GapLedger | None:
        """The symbol's gap ledger, or None before its first trade."""
        key = {"symbol": {"S": GAPS}, "item": {"S": symbol}}
        with translating("reading the gap ledger from DynamoDB", self._settings):
            item = self._dynamo.get_item(TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return _LEDGER.decode(item["doc"]["S"]) if item else None

    def _rows(self, symbol: str, what: str, since: datetime, decode: Callable[[str], Row]) -> list[Row]:
        newest = self.snapshot(symbol)
        if newest is None:
            return []
        last = newest.clock or newest.updated_at
        names = [f"{symbol}#{what}#{hour}" for hour in hours(max(since, last - LONGEST), last)]
        wall = self._wall()
        with translating("reading metrics from DynamoDB", self._settings), ThreadPoolExecutor(POOL) as pool:
            partitions = list(pool.map(lambda name: list(self._partition(name, stamp(since))), names))
        return [decode(item["doc"]["S"]) for items in partitions for item in items if alive(item, wall)]

    def _partition(self, name: str, since: str = "") -> Iterator[dict[str, Any]]:
        condition, values = "symbol = :name", {":name": {"S": name}}
        if name.endswith(f"#{since[:13]}"):
            condition, values[":since"] = f"{condition} AND #item >= :since", {"S": since}
        names = {"ExpressionAttributeNames": {"#item": "item"}} if ":since" in values else {}
        return query(self._dynamo, TableName=self._table, KeyConditionExpression=condition, ExpressionAttributeValues=values, **names)

    def _write(self, items: list[dict[str, Any]]) -> None:
        left: list[Any] = [{"PutRequest": {"Item": item}} for item in items]
        for attempt in range(ATTEMPTS):
            answer = self._dynamo.batch_write_item(RequestItems={self._table: left})
            left = answer.get("UnprocessedItems", {}).get(self._table, [])
            if not left:
                return
            self._pause.wait(min(2.0, 0.05 * 2**attempt))
        raise Throttled(f"writing metrics to DynamoDB: {len(left)} of {len(items)} items were refused {ATTEMPTS} times", 2.0)

    def _advance(self, snapshot: Snapshot) -> None:
        # Along a log neither number falls, so a replayed batch can't take the values back.
        seen, clock = snapshot.trades + snapshot.duplicates, to_us(snapshot.clock) if snapshot.clock else 0
        self._put_newest(SESSION, snapshot.symbol, ENCODER.encode(snapshot).decode(), seen, clock)

    def _put_newest(self, partition: str, name: str, doc: str, seen: int, clock: int) -> None:
        try:
            self._dynamo.put_item(
                TableName=self._table,
                Item={
                    "symbol": {"S": partition},
                    "item": {"S": name},
                    "seen": {"N": str(seen)},
                    "clock_us": {"N": str(clock)},
                    "doc": {"S": doc},
                },
                ConditionExpression="attribute_not_exists(symbol) OR seen < :seen OR (seen = :seen AND clock_us <= :clock)",
                ExpressionAttributeValues={":seen": {"N": str(seen)}, ":clock": {"N": str(clock)}},
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise


def _bar_item(bar: Bar, expires_at: int) -> dict[str, Any]:
    return _row(f"{bar.symbol}#bars#{bucket(bar.window_start)}", f"{stamp(bar.window_start)}#{bar.exchange}", bar, expires_at)


def _spread_item(spread: Spread, expires_at: int) -> dict[str, Any]:
    return _row(f"{spread.symbol}#spreads#{bucket(spread.window_start)}", stamp(spread.window_start), spread, expires_at)


def _row(partition: str, item: str, value: Bar | Spread, expires_at: int) -> dict[str, Any]:
    doc = ENCODER.encode(value).decode()
    return {"symbol": {"S": partition}, "item": {"S": item}, "doc": {"S": doc}, TTL: {"N": str(expires_at)}}
