"""`create_app`: the API over the hot stores. Handlers only read; answers are encoded once, numbers exact."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from pathlib import Path

from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware

from ctc import __version__
from ctc.api import alerts as alert_routes
from ctc.api import docs, evidence, gaps, market, problems, service, web
from ctc.api import quality as quality_routes
from ctc.api import wallets as wallet_routes
from ctc.api.answers import Answers
from ctc.api.limits import RequestLimit
from ctc.api.models import Health
from ctc.api.parameters import Names
from ctc.ports import AlertStore, MetricStore, QualityStore, WalletStore
from ctc.settings import Settings


def create_app(
    alerts: AlertStore,
    metrics: MetricStore,
    health: Callable[[], Health],
    settings: Settings,
    *,
    trace: evidence.Trace = evidence.no_lake,
    build: Path = web.BUILD,
    keep_s: float = 0,
    helpers: Executor | None = None,
    quality: QualityStore | None = None,
    wallets: WalletStore | None = None,
) -> FastAPI:
    """The API over these stores; `settings` gives the known symbols, the limits and the origins that may read it.

    `trace` finds the trades behind an alert; `build` holds the dashboard's files; an answer may be
    given again for `keep_s`, and is renewed by `helpers`; without a store of `quality` or `wallets` there is no `/quality` or `/wallets`.
    """
    app = FastAPI(title="Coat Tail Capital", version=__version__, redoc_url=None, **docs.ABOUT)
    app.add_middleware(RequestLimit, per_s=settings.api.requests_per_s, burst=settings.api.burst)
    app.add_middleware(
        CORSMiddleware, allow_origins=list(settings.api.cors_origins), allow_methods=["GET"], expose_headers=["ETag", "Retry-After"]
    )
    problems.install(app)
    names, answers = Names(settings), Answers(keep_s, helpers)
    app.include_router(alert_routes.router(alerts, metrics, trace, names, answers))
    app.include_router(market.router(metrics, settings, names, answers))
    app.include_router(gaps.router(metrics, names, answers))
    if quality is not None:
        app.include_router(quality_routes.router(quality, answers))
    if wallets is not None:
        app.include_router(wallet_routes.router(wallets, answers))
    app.include_router(service.router(metrics, health, settings, answers))
    web.install(app, build)
    docs.publish(app)
    return app
