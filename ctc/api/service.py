"""`/session`, `/health`, `/problems/{kind}`: what is watched, how it is, and what errors mean."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Request, Response

from ctc import __version__
from ctc.api import docs, problems
from ctc.api.answers import Answers, unchanging
from ctc.api.models import Health, Index, SessionInfo, Thresholds
from ctc.ports import MetricStore
from ctc.settings import Settings

LINKS = {
    "dashboard": "/",
    "session": "/session",
    "alerts": "/alerts",
    "alert": "/alerts/{alert_id}",
    "whales": "/whales",
    "symbols": "/symbols",
    "metrics": "/metrics/{symbol}",
    "bars": "/bars/{symbol}",
    "spreads": "/spreads/{symbol}",
    "quality": "/quality",
    "gaps": "/gaps/{symbol}",
    "wallets": "/wallets",
    "wallet": "/wallets/{address}",
    "health": "/health",
    "openapi": "/openapi.json",
    "docs": "/docs",
}
INDEX = Index(name="Coat Tail Capital", version=__version__, links=LINKS)


def router(metrics: MetricStore, health: Callable[[], Health], settings: Settings, answers: Answers) -> APIRouter:
    """The routes over this session."""
    routes = APIRouter()

    @routes.get("/session", **docs.SESSION)
    async def read_session(request: Request) -> Response:
        return await answers.tagged(request, lambda: _session(metrics, settings))

    @routes.get("/health", **docs.HEALTH)
    async def read_health(request: Request) -> Response:
        return await answers.untagged(request, health)

    @routes.get("/problems/{kind}", **docs.PROBLEM)
    async def read_problem(request: Request, kind: Annotated[str, Path(description="The last part of a problem's `type`.")]) -> Response:
        if kind not in problems.KINDS:
            raise problems.Refused(problems.NOT_FOUND, f"the kinds of problems are {', '.join(problems.KINDS)}")
        return unchanging(request, problems.KINDS[kind], "public, max-age=3600")

    return routes


def _session(metrics: MetricStore, settings: Settings) -> SessionInfo:
    snapshots = metrics.snapshots()
    own = settings.session
    return SessionInfo(
        title=own.title,
        market=own.market,
        clock=max((each.clock for each in snapshots if each.clock), default=None),
        ended=bool(snapshots) and all(each.final for each in snapshots),
        symbols=list(own.symbols),
        peg_symbol=own.peg_symbol,
        exchanges=list(own.exchanges),
        thresholds=Thresholds(
            volume_z=settings.volume.z_threshold,
            volume_robust=settings.volume.robust_threshold,
            whale=settings.whales.threshold,
            spread_pct=settings.spread.threshold_pct,
        ),
        volume_window_s=settings.volume.window_s,
        spread_window_s=settings.spread.window_s,
        poll_s=settings.api.poll_s,
        version=__version__,
    )
