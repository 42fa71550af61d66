"""The hot store of metrics: a symbol's latest values, which only go forward, and its recent bars and spreads.

Partitions: `_session` (one item a symbol: its newest snapshot), `_gaps` (likewise: the stream's ledger), `SYMBOL#told` (what the job
`history` told beside it), `SYMBOL#bars#HOUR` and `SYMBOL#spreads#HOUR`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, TypeVar

import msgspec
from botocore.exceptions import ClientError

from ctc.aws.clients import translating
from ctc.aws.hot import BATCH, ENCODER, TTL, Wall, document, expiry, hour, hours, put_batch, query, reader, stamp, wall_clock, writer
from ctc.kept import Kept
from ctc.model import Bar, GapLedger, IdSpan, Snapshot, Spread, to_us
from ctc.quality.ledger import PRESENT
from ctc.quality.settled import amended
from ctc.settings import Settings

SESSION = "_session"
GAPS = "_gaps"
LONGEST = timedelta(days=7)
TOLD_SPANS = 1_000  # an item, which may hold 400 KB
POOL = 8
SETTLED_S = 30.0
KEPT_HOURS = 256
Row = TypeVar("Row", Bar, Spread)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)
_BAR = msgspec.json.Decoder(Bar)
_SPREAD = msgspec.json.Decoder(Spread)
_LEDGER = msgspec.json.Decoder(GapLedger)
_TOLD = msgspec.json.Decoder(list[IdSpan])


class DynamoMetrics:
    """`ctc.ports.MetricStore` on DynamoDB. A reader may keep what it read for `keep_s`, and past hours for `SETTLED_S`."""

    def __init__(self, settings: Settings, wall: Wall = wall_clock, keep_s: float = 0, helpers: Executor | None = None) -> None:
        self._keep_s = keep_s
        self._snapshots: Kept[list[Snapshot]] = Kept(1, helpers=helpers)
        self._hours: Kept[Any] = Kept(KEPT_HOURS, helpers=helpers)
        self._settings = settings
        self._table = settings.tables.metrics
        self._dynamo, self._reader = writer(settings), reader(settings)
        self._wall = wall

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
                for _ in pool.map(lambda batch: put_batch(self._dynamo, self._table, batch), batches):
                    pass
                # Last, so that a snapshot never speaks of windows that can't be read yet.
                for _ in pool.map(self._advance, snapshots):
                    pass

    def snapshot(self, symbol: str) -> Snapshot | None:
        """The symbol's newest values, or None before its first."""
        if self._keep_s:
            return next((each for each in self.snapshots() if each.symbol == symbol), None)
        key = {"symbol": {"S": SESSION}, "item": {"S": symbol}}
        with translating("reading metrics from DynamoDB", self._settings):
            doc = document(self._reader, self._table, key)
        return _SNAPSHOT.decode(doc) if doc is not None else None

    def snapshots(self) -> list[Snapshot]:
        """Every symbol's newest values, by symbol."""
        with translating("reading metrics from DynamoDB", self._settings):
            return self._snapshots.get(SESSION, self._keep_s, lambda: [_SNAPSHOT.decode(doc) for _, doc in self._partition(SESSION)])

    def stream_clock(self) -> datetime | None:
        """The session's "now": the newest clock of all symbols, None before the first heartbeat."""
        return max((snapshot.clock for snapshot in self.snapshots() if snapshot.clock is not None), default=None)

    def bars(self, symbol: str, since: datetime, until: datetime | None = None) -> list[Bar]:
        """Closed bars that start at `since` or later, before `until`, by window and exchange; at most 7 days of them."""
        return self._rows(symbol, "bars", since, until, _BAR.decode)

    def spreads(self, symbol: str, since: datetime, until: datetime | None = None) -> list[Spread]:
        """Closed spreads that start at `since` or later, before `until`, by window; at most 7 days of them."""
        return self._rows(symbol, "spreads", since, until, _SPREAD.decode)

    def put_ledger(self, symbol: str, ledger: GapLedger) -> None:
        """Store a symbol's gap ledger, unless one that has seen more trades is there."""
        seen = sum(space.ids.get(state, 0) for space in ledger.spaces.values() for state in PRESENT)
        with translating("writing the gap ledger to DynamoDB", self._settings):
            self._put_newest(GAPS, symbol, ENCODER.encode(ledger).decode(), seen, 0)

    def tell_ledger(self, symbol: str, teller: str, spans: Sequence[IdSpan]) -> None:
        """Put spans that the stream does not see beside its ledger; a teller that comes again replaces what it told before.

        The stream writes its whole view with every batch, so they have items of their own.
        """
        items = [
            {
                "symbol": {"S": _told(symbol)},
                "item": {"S": f"{teller}#{start:08}"},
                "doc": {"S": ENCODER.encode(spans[start : start + TOLD_SPANS]).decode()},
            }
            for start in range(0, len(spans), TOLD_SPANS)
        ]
        with translating("writing the gap ledger to DynamoDB", self._settings):
            for start in range(0, len(items), BATCH):
                put_batch(self._dynamo, self._table, items[start : start + BATCH])

    def ledger(self, symbol: str) -> GapLedger | None:
        """The symbol's gap ledger, with what was told beside the stream's; None before its first trade."""
        key = {"symbol": {"S": GAPS}, "item": {"S": symbol}}
        with translating("reading the gap ledger from DynamoDB", self._settings):
            doc = document(self._reader, self._table, key)
            told = [span for _, spans in self._partition(_told(symbol)) for span in _TOLD.decode(spans)]
        return amended(_LEDGER.decode(doc) if doc is not None else None, told)

    def _rows(self, symbol: str, what: str, since: datetime, until: datetime | None, decode: Callable[[str], Row]) -> list[Row]:
        newest = self.snapshot(symbol)
        if newest is None:
            return []
        now = newest.clock or newest.updated_at
        last = min(until or now, now)
        wall = self._wall().timestamp()
        found = []
        with translating("reading metrics from DynamoDB", self._settings):
            for name in hours(max(since, last - LONGEST), last):
                settled = name < hour(now)
                rows = self._hour(f"{symbol}#{what}#{name}", decode, settled)
                found += [row for expires_at, row in rows if expires_at > wall]
        return [row for row in found if row.window_start >= since and (until is None or row.window_start < until)]

    def _hour(self, name: str, decode: Callable[[str], Row], settled: bool) -> list[tuple[int, Row]]:
        """When each row of a partition expires, and the row, in order."""
        keep_s = SETTLED_S if settled and self._keep_s else self._keep_s
        rows: list[tuple[int, Row]] = self._hours.get(
            name, keep_s, lambda: [(expires_at, decode(doc)) for expires_at, doc in self._partition(name)]
        )
        return rows

    def _partition(self, name: str) -> Iterator[tuple[int, str]]:
        """Expiry and document of every item."""
        values = {":name": {"S": name}}
        items = query(self._reader, TableName=self._table, KeyConditionExpression="symbol = :name", ExpressionAttributeValues=values)
        return ((item.until, item.text) for item in items)

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


def _told(symbol: str) -> str:
    return f"{symbol}#told"


def _bar_item(bar: Bar, expires_at: int) -> dict[str, Any]:
    return _row(f"{bar.symbol}#bars#{hour(bar.window_start)}", f"{stamp(bar.window_start)}#{bar.exchange}", bar, expires_at)


def _spread_item(spread: Spread, expires_at: int) -> dict[str, Any]:
    return _row(f"{spread.symbol}#spreads#{hour(spread.window_start)}", stamp(spread.window_start), spread, expires_at)


def _row(partition: str, item: str, value: Bar | Spread, expires_at: int) -> dict[str, Any]:
    doc = ENCODER.encode(value).decode()
    return {"symbol": {"S": partition}, "item": {"S": item}, "doc": {"S": doc}, TTL: {"N": str(expires_at)}}
