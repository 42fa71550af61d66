"""The hot stores in memory: real code with a wall clock, held to the same contract as DynamoDB's."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta

from ctc.aws.quality import view_of
from ctc.model import EPOCH, Alert, Bar, GapLedger, IdSpan, Snapshot, Spread
from ctc.ports import AlertPage, Place
from ctc.quality.counts import QualityBatch, QualityMinute, QualityView, minute_of
from ctc.quality.letters import Sample
from ctc.quality.settled import amended
from ctc.wallets import ScoreRun, WalletScore

_END = datetime.max.replace(tzinfo=UTC)


class Wall:
    """A wall clock that stands until a test moves it."""

    def __init__(self, now: str) -> None:
        self.now = datetime.fromisoformat(now)

    def __call__(self) -> datetime:
        return self.now


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
        after = since if since is not None else now - timedelta(hours=24)
        walked = [
            alert
            for alert in self._living()
            if after < alert.detected_at
            and (until is None or alert.detected_at <= until)
            and (below is None or _place(alert) < below)
            and symbol in (None, alert.symbol)
        ]
        walked.sort(key=_place, reverse=True)
        seen = walked if examine is None else walked[:examine]
        found = [alert for alert in seen if type in (None, alert.type) and (matching is None or matching(alert))]
        if len(found) > limit:
            return AlertPage(alerts=found[:limit], has_more=True, next=_place(found[limit - 1]))
        more = len(seen) < len(walked)
        return AlertPage(alerts=found, has_more=more, next=_place(seen[-1]) if more else None)

    def _living(self) -> list[Alert]:
        with self._lock:
            return [alert for alert, expires_at in self._alerts.values() if expires_at > self._wall()]


class MemoryMetrics:
    """`ctc.ports.MetricStore` in dictionaries."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._snapshots: dict[str, Snapshot] = {}
        self._ledgers: dict[str, GapLedger] = {}
        self._told: dict[str, dict[str, list[IdSpan]]] = {}
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

    def tell_ledger(self, symbol: str, teller: str, spans: Sequence[IdSpan]) -> None:
        self._told.setdefault(symbol, {})[teller] = list(spans)

    def ledger(self, symbol: str) -> GapLedger | None:
        told = self._told.get(symbol, {}).values()
        return amended(self._ledgers.get(symbol), (span for spans in told for span in spans))

    def snapshot(self, symbol: str) -> Snapshot | None:
        return self._snapshots.get(symbol)

    def snapshots(self) -> list[Snapshot]:
        return [self._snapshots[symbol] for symbol in sorted(self._snapshots)]

    def stream_clock(self) -> datetime | None:
        return max((each.clock for each in self.snapshots() if each.clock is not None), default=None)

    def bars(self, symbol: str, since: datetime, until: datetime | None = None) -> list[Bar]:
        return [self._bars[key] for key in sorted(self._bars) if key[0] == symbol and since <= key[1] < (until or _END)]

    def spreads(self, symbol: str, since: datetime, until: datetime | None = None) -> list[Spread]:
        return [self._spreads[key] for key in sorted(self._spreads) if key[0] == symbol and since <= key[1] < (until or _END)]


def _place(alert: Alert) -> Place:
    return Place(alert.detected_at, alert.alert_id)


class MemoryQuality:
    """`ctc.ports.QualityStore` in dictionaries."""

    def __init__(self) -> None:
        self._done: dict[tuple[str, str], int] = {}
        self._hours: dict[datetime, tuple[list[QualityMinute], dict[str, int]]] = {}
        self._samples: list[Sample] = []

    def put(self, batch: QualityBatch) -> None:
        self._samples += batch.samples
        if batch.batch_id <= self._done.get((batch.query, batch.run), -1):
            return
        self._done[batch.query, batch.run] = batch.batch_id
        for tally in batch.tallies:
            minutes, rules = self._hours.setdefault(tally.minute.replace(minute=0), ([], {}))
            minutes.append(minute_of(tally))
            minutes.sort(key=lambda each: each.minute)
            for rule, records in tally.rules.items():
                rules[rule] = rules.get(rule, 0) + records

    def view(self) -> QualityView:
        return view_of(self._hours.values(), self._samples)


def _progress(snapshot: Snapshot) -> tuple[int, datetime]:
    return snapshot.trades + snapshot.duplicates, snapshot.clock or EPOCH


def _present(ledger: GapLedger) -> int:
    return sum(space.ids.get("received", 0) + space.ids.get("backfilled", 0) for space in ledger.spaces.values())


class MemoryWallets:
    """`ctc.ports.WalletStore` in dictionaries; forgets a run 30 days after its write."""

    def __init__(self, wall: Callable[[], datetime] = _wall) -> None:
        self._wall = wall
        self._shown: tuple[ScoreRun, datetime] | None = None
        self._scores: dict[str, dict[str, list[WalletScore]]] = {}

    def put(self, run: ScoreRun, scores: Sequence[WalletScore]) -> None:
        own = self._scores[run.run] = {}
        for score in scores:
            own.setdefault(score.wallet, []).append(score)
        self._shown = (run, self._wall() + timedelta(days=30))

    def run(self) -> ScoreRun | None:
        return self._shown[0] if self._shown is not None and self._shown[1] > self._wall() else None

    def wallets(self, run: str, after: str = "") -> Iterator[list[WalletScore]]:
        own = self._scores.get(run, {})
        return (own[wallet] for wallet in sorted(own) if wallet > after)

    def wallet(self, run: str, address: str) -> list[WalletScore]:
        return self._scores.get(run, {}).get(address, [])
