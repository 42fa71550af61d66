"""New alerts as they come: each revision of each exactly once, however late and in whatever order they are stored."""

from __future__ import annotations

from datetime import datetime, timedelta

from ctc.model import EPOCH, Alert
from ctc.ports import AlertStore, MetricStore
from ctc.settings import Settings

PAGE = 1_000
_SLACK = timedelta(minutes=2)  # what an index may lag behind its table


def settles_after(settings: Settings) -> timedelta:
    """How far a symbol's clock passes an alert before its last revision is stored, at most."""
    folds = settings.folds
    longest = 2 * max(settings.volume.window_s, settings.spread.window_s)
    return timedelta(seconds=longest + folds.lateness_s + folds.hole_patience_s) + _SLACK


class Follow:
    """Reads again and again what may still change, and gives what it has not given.

    A symbol's alerts are stored before the snapshot with its clock, and their times never fall. So once every symbol's
    clock is past a moment (and `settles_after` more), nothing before it is new any more; until then all of it is read.
    """

    def __init__(self, settings: Settings, alerts: AlertStore, metrics: MetricStore, type: str | None, symbol: str | None) -> None:
        self._alerts, self._metrics, self._type, self._symbol = alerts, metrics, type, symbol
        self._symbols = set(settings.session.symbols if symbol is None else (symbol,))
        self._settles = settles_after(settings)
        self._given: dict[str, tuple[datetime, int]] = {}  # by id: when it was detected, newest revision given
        self._from = self._since = EPOCH

    def begin(self, now: datetime, since: datetime | None, limit: int) -> list[Alert]:
        """The newest alerts that are there, oldest first; the others that are there count as given."""
        self._from = since or EPOCH
        self._since = max(self._from, self._settled())
        self._new()
        newest = self._alerts.page(now=now, type=self._type, symbol=self._symbol, since=since, limit=limit).alerts
        self._note(newest)
        return newest[::-1]

    def more(self) -> list[Alert]:
        """What was stored or revised since the last call, oldest first. Raises StoreError, and then the next call gives it."""
        settled = max(self._from, self._settled())  # before the alerts: all up to these clocks are stored now
        if settled < self._since:  # clocks never fall within a session: another one has begun
            self._since, self._given = settled, {}
        found = self._new()
        if settled > self._since:
            self._since = settled
            self._given = {id: (at, revision) for id, (at, revision) in self._given.items() if at > settled}
        return found

    def _settled(self) -> datetime:
        """Up to when nothing new can come."""
        clocks = {each.symbol: each.clock for each in self._metrics.snapshots() if each.clock is not None}
        if not self._symbols <= clocks.keys():
            return EPOCH
        return min(clocks[symbol] for symbol in self._symbols) - self._settles

    def _new(self) -> list[Alert]:
        found: list[Alert] = []
        below = None
        while True:
            page = self._alerts.page(now=EPOCH, type=self._type, symbol=self._symbol, since=self._since, limit=PAGE, below=below)
            found += [alert for alert in page.alerts if alert.revision > self._given.get(alert.alert_id, (None, -1))[1]]
            if not page.has_more:
                break
            below = page.next
        self._note(found)
        return found[::-1]

    def _note(self, alerts: list[Alert]) -> None:
        for alert in alerts:
            known = self._given.get(alert.alert_id, (alert.detected_at, -1))[1]
            self._given[alert.alert_id] = (alert.detected_at, max(known, alert.revision))
