"""`/symbols`, `/metrics/{symbol}`, `/bars/{symbol}`, `/spreads/{symbol}`: the market as the folds measured it."""

from __future__ import annotations

from datetime import datetime, timedelta

from fastapi import APIRouter, Request, Response

from ctc.api import docs
from ctc.api.answers import Answers
from ctc.api.models import BarList, SpreadList, SymbolInfo, SymbolList, metrics_of
from ctc.api.parameters import From, Names, SymbolPath, To
from ctc.model import EPOCH
from ctc.ports import MetricStore
from ctc.settings import Settings

SPAN, LONGEST = timedelta(hours=2), timedelta(hours=24)


def router(metrics: MetricStore, settings: Settings, names: Names, answers: Answers) -> APIRouter:
    """The routes over this store."""
    routes = APIRouter()

    @routes.get("/symbols", **docs.SYMBOLS)
    async def list_symbols(request: Request) -> Response:
        return await answers.tagged(request, lambda: _symbols(metrics, settings))

    @routes.get("/metrics/{symbol}", **docs.METRICS)
    async def read_metrics(request: Request, symbol: SymbolPath) -> Response:
        name = names.symbol(symbol)
        return await answers.tagged(request, lambda: metrics_of(name, metrics.snapshot(name)))

    @routes.get("/bars/{symbol}", **docs.BARS)
    async def list_bars(request: Request, symbol: SymbolPath, since: From = None, until: To = None) -> Response:
        name = names.symbol(symbol)

        def make() -> BarList:
            span = _span(metrics.stream_clock(), since, until)
            bars = metrics.bars(name, *span) if span else []
            first, end = span or (None, None)
            return BarList(symbol=name, since=first, until=end, window_s=settings.volume.window_s, bars=bars)

        return await answers.tagged(request, make)

    @routes.get("/spreads/{symbol}", **docs.SPREADS)
    async def list_spreads(request: Request, symbol: SymbolPath, since: From = None, until: To = None) -> Response:
        name = names.symbol(symbol)

        def make() -> SpreadList:
            span = _span(metrics.stream_clock(), since, until)
            spreads = metrics.spreads(name, *span) if span else []
            first, end = span or (None, None)
            return SpreadList(symbol=name, since=first, until=end, window_s=settings.spread.window_s, spreads=spreads)

        return await answers.tagged(request, make)

    return routes


def _symbols(metrics: MetricStore, settings: Settings) -> SymbolList:
    snapshots = {each.symbol: each for each in metrics.snapshots()}
    found = [
        SymbolInfo(
            symbol=symbol,
            peg=symbol == settings.session.peg_symbol,
            native_symbols={name: venue.symbols[symbol] for name, venue in settings.exchanges.items() if symbol in venue.symbols},
            metrics=metrics_of(symbol, snapshots.get(symbol)),
        )
        for symbol in settings.session.symbols
    ]
    return SymbolList(symbols=found, count=len(found))


def _span(clock: datetime | None, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime] | None:
    """From when to when, at most a day; None where neither the stream nor the client says."""
    end = until or clock
    if end is None:
        return None
    floor = EPOCH if end < EPOCH + LONGEST else end - LONGEST
    start = since if since is not None else max(end, EPOCH + SPAN) - SPAN
    return max(start, floor), end
