"""The hot stores in memory: real code with a wall clock, held to the same contract as DynamoDB's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from ctc.model import EPOCH, Alert, Bar, GapLedger, Snapshot, Spread
from ctc.ports import AlertPage


def _wall() -> datetime:
    return datetime.now(UTC)


class MemoryAlerts:
    """`ctc.ports.AlertStore` in a dictionary; forgets an alert `ttl` after its write."""

    def __init__(self, ttl: timedelta = timedelta(hours=24), wall: Callable[[], datetime] = _wall) -> None:
        self._ttl = ttl
        self._wall = wall
        self._lock = threading.Lock()
        self._alerts: dict[str, tuple[Alert, datetime]] = {}

    def put(self, alerts: Iterable[Alert]) -> None:
        with self._lock:
            for alert in alerts:
                known = self._alerts.get(alert.alert_id)
                if known is None or known[0].revision < alert.revision:
                    self._alerts[alert.alert_id] = (alert, self._wall() + self._ttl)

    def get(self, alert_id: str) -> Alert | None:
        return next((alert for alert in self._living() if alert.alert_id == alert_id), None)

    def page(self, *, now: datetime, type: str | None, symbol: str | None, since: datetime | None, limit: int) -> AlertPage:
        after = since if since is not None else now - timedelta(hours=24)
        matching = [
            alert for alert in self._living() if alert.detected_at > after and type in (None, alert.type) and symbol in (None, alert.symbol)
        ]
        matching.sort(key=lambda alert: (alert.detected_at, alert.alert_id), reverse=True)
        return AlertPage(alerts=matching[:limit], has_more=len(matching) > limit)

    def _living(self) -> list[Alert]:
        with self._lock:
            return [alert for alert, expires_at in self._alerts.values() if expires_at > self._wall()]


class MemoryMetrics:
    """`ctc.ports.MetricStore` in dictionaries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshots: dict[str, Snapshot] = {}
        self._ledgers: dict[str, GapLedger] = {}
        self._bars: dict[tuple[str, datetime, str], Bar] = {}
        self._spreads: dict[tuple[str, datetime], Spread] = {}

    def put(self, snapshots: Iterable[Snapshot], bars: Iterable[Bar], spreads: Iterable[Spread]) -> None:
        with self._lock:
            self._bars |= {(bar.symbol, bar.window_start, bar.exchange): bar for bar in bars}
            self._spreads |= {(spread.symbol, spread.window_start): spread for spread in spreads}
            for snapshot in snapshots:
                known = self._snapshots.get(snapshot.symbol)
                if known is None or _progress(known) <= _progress(snapshot):
                    self._snapshots[snapshot.symbol] = snapshot

    def put_ledger(self, symbol: str, ledger: GapLedger) -> None:
        known = self._ledgers.get(symbol)
        if known is None or _present(known) <= _present(ledger):
            self._ledgers[symbol] = ledger

    def ledger(self, symbol: str) -> GapLedger | None:
        return self._ledgers.get(symbol)

    def snapshot(self, symbol: str) -> Snapshot | None:
        return self._snapshots.get(symbol)

    def snapshots(self) -> list[Snapshot]:
        return [self._snapshots[symbol] for symbol in sorted(self._snapshots)]

    def stream_clock(self) -> datetime | None:
        return max((each.clock for each in self.snapshots() if each.clock is not None), default=None)

    def bars(self, symbol: str, since: datetime) -> list[Bar]:
        return [self._bars[key] for key in sorted(self._bars) if key[0] == symbol and key[1] >= since]

    def spreads(self, symbol: str, since: datetime) -> list[Spread]:
        return [self._spreads[key] for key in sorted(self._spreads) if key[0] == symbol and key[1] >= since]


def _progress(snapshot: Snapshot) -> tuple[int, datetime]:
    return snapshot.trades + snapshot.duplicates, snapshot.clock or EPOCH


def _present(ledger: GapLedger) -> int:
    return sum(space.ids.get("received", 0) + space.ids.get("backfilled", 0) for space in ledger.spaces.values())
