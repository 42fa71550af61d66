"""`/alerts`, `/alerts/{alert_id}` and `/whales`: what was found, page by page, and what it was made from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response

from ctc.api import docs, problems
from ctc.api.answers import Answers
from ctc.api.evidence import Trace, Trades
from ctc.api.models import AlertList, Evidence, WhaleList, WhaleTrade
from ctc.api.parameters import (
    AlertId,
    Cursor,
    Exchange,
    Kind,
    Limit,
    Names,
    Severity,
    Since,
    Symbol,
    Type,
    Until,
    WithTrades,
    place_of,
    to_cursor,
)
from ctc.model import EPOCH, Alert, Bar, Spread
from ctc.ports import AlertPage, AlertStore, MetricStore

EXAMINE = 2_000  # alerts that a page may walk past: no filter makes a request read the whole day
BEFORE, AFTER = timedelta(minutes=30), timedelta(minutes=5)


class _Pages:
    """Pages of the alerts of one store."""

    def __init__(self, alerts: AlertStore, metrics: MetricStore) -> None:
        self._alerts, self._metrics = alerts, metrics

    def find(
        self,
        type: str | None,
        symbol: str | None,
        since: datetime | None,
        until: datetime | None,
        limit: int,
        cursor: str | None,
        matching: Callable[[Alert], bool] | None,
    ) -> AlertPage:
        # The stream's clock is the session's "now"; before its first tick every alert is recent.
        now = EPOCH if since is not None else self._metrics.stream_clock() or EPOCH
        below = None if cursor is None else place_of(cursor)
        return self._alerts.page(
            now=now, type=type, symbol=symbol, since=since, limit=limit, until=until, below=below, matching=matching, examine=EXAMINE
        )


def router(alerts: AlertStore, metrics: MetricStore, trace: Trace, names: Names, answers: Answers) -> APIRouter:
    """The routes over these stores."""
    routes, pages = APIRouter(), _Pages(alerts, metrics)
    _add_alerts(routes, pages, names, answers)
    _add_whales(routes, pages, names, answers)
    _add_alert(routes, alerts, metrics, trace, answers)
    return routes


def _add_alerts(routes: APIRouter, pages: _Pages, names: Names, answers: Answers) -> None:
    @routes.get("/alerts", **docs.ALERTS)
    async def list_alerts(
        request: Request,
        type: Type = None,
        symbol: Symbol = None,
        exchange: Exchange = None,
        severity: Severity = None,
        limit: Limit = 50,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
    ) -> Response:
        wanted, venue = names.asked("symbol", symbol), names.asked("exchange", exchange)

        def make() -> AlertList:
            found = pages.find(type, wanted, since, until, limit, cursor, _filter(severity=severity, exchange=venue))
            return AlertList(alerts=found.alerts, count=len(found.alerts), has_more=found.has_more, next=to_cursor(found.next))

        return await answers.tagged(request, make)


def _add_whales(routes: APIRouter, pages: _Pages, names: Names, answers: Answers) -> None:
    @routes.get("/whales", **docs.WHALES)
    async def list_whales(
        request: Request,
        symbol: Symbol = None,
        exchange: Exchange = None,
        kind: Kind = None,
        limit: Limit = 50,
        since: Since = None,
        until: Until = None,
        cursor: Cursor = None,
    ) -> Response:
        wanted, venue = names.asked("symbol", symbol), names.asked("exchange", exchange)
        rule = None if kind is None else f"whale.{kind}"

        def make() -> WhaleList:
            found = pages.find("whale", wanted, since, until, limit, cursor, _filter(rule=rule, exchange=venue))
            whales = [_whale(alert) for alert in found.alerts]
            return WhaleList(whales=whales, count=len(whales), has_more=found.has_more, next=to_cursor(found.next))

        return await answers.tagged(request, make)


def _add_alert(routes: APIRouter, alerts: AlertStore, metrics: MetricStore, trace: Trace, answers: Answers) -> None:
    @routes.get("/alerts/{alert_id}", **docs.ALERT)
    async def read_alert(request: Request, alert_id: AlertId, trades: WithTrades = True) -> Response:
        def make() -> Evidence:
            alert = alerts.get(alert_id)
            if alert is None:
                raise problems.Refused(problems.UNKNOWN_ALERT, "no alert has this id, or it is older than a day")
            return _evidence(alert, metrics, trace(alert) if trades else Trades(absent="they were not asked for"))

        return await answers.tagged(request, make)


def _filter(**wanted: str | None) -> Callable[[Alert], bool] | None:
    given = {name: value for name, value in wanted.items() if value is not None}
    return (lambda alert: all(getattr(alert, name) == value for name, value in given.items())) if given else None


def _whale(alert: Alert) -> WhaleTrade:
    values = {name: getattr(alert, name) for name in WhaleTrade.__struct_fields__ if name != "kind"}
    return WhaleTrade(kind="split" if alert.rule.endswith("split") else "single", **values)


def _evidence(alert: Alert, metrics: MetricStore, traced: Trades) -> Evidence:
    bars: list[Bar] = []
    spreads: list[Spread] = []
    at = alert.window_start or alert.event_time
    if alert.type == "spread":
        spreads = metrics.spreads(alert.symbol, at - BEFORE, at + AFTER)
    else:
        # The bars that a bar is measured against go back an hour; the one that fired may still be open.
        back = timedelta(minutes=alert.baseline_bars) if alert.baseline_bars else BEFORE
        bars = [bar for bar in metrics.bars(alert.symbol, at - back, at + AFTER) if bar.exchange == alert.exchange]
    return Evidence(alert=alert, bars=bars, spreads=spreads, trades=traced.trades, trades_total=traced.total, trades_absent=traced.absent)
