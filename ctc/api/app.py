"""`create_app`: PRD's endpoints over the hot stores. Handlers only read; answers are encoded once, numbers exact."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, FastAPI, Path, Query, Response
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BeforeValidator

from ctc import __version__
from ctc.api import docs, problems
from ctc.api.answers import answer
from ctc.api.models import AlertList, FieldError, Health, Index, metrics_of
from ctc.model import EPOCH
from ctc.ports import AlertStore, MetricStore
from ctc.settings import Settings

MAX_LIMIT = 200
FRESH = "public, max-age=1"
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


def create_app(
    alerts: AlertStore, metrics: MetricStore, health: Callable[[], Health], settings: Settings, rooms: Iterable[APIRouter] = ()
) -> FastAPI:
    """The API over these stores; `settings` gives the known symbols and the origins that may read it, `rooms` further endpoints."""
    app = FastAPI(title="Coat Tail Capital", version=__version__, redoc_url=None, **docs.ABOUT)
    app.add_middleware(CORSMiddleware, allow_origins=list(settings.api.cors_origins), allow_methods=["GET"])
    problems.install(app)
    _add_market(app, alerts, metrics, settings.session.symbols)
    for room in rooms:
        app.include_router(room)
    _add_service(app, health)
    docs.publish(app)
    return app


def moment(value: Any) -> Any:
    """A moment from ISO 8601 text, UTC where it has no zone; raises ValueError for anything else."""
    if not isinstance(value, str):
        return value
    try:
        # A "+" that was not escaped arrives as a space.
        found = datetime.fromisoformat(_LOST_PLUS.sub("+", value.strip()))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an ISO 8601 moment such as 2026-01-15T12:30:00Z") from None


Type = Annotated[Literal["volume_spike", "whale", "spread"] | None, Query(description="Only alerts of this type.")]
Symbol = Annotated[str | None, Query(description="Only alerts of this symbol.", examples=["BTC-USDT"])]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most this many alerts.")]
Since = Annotated[
    datetime | None,
    BeforeValidator(moment),
    Query(
        description="Only alerts detected after this moment (ISO 8601, UTC without a zone). Default: the 24 h before the stream's clock.",
        examples=["2026-01-15T12:30:00Z"],
    ),
]


def _add_market(app: FastAPI, alerts: AlertStore, metrics: MetricStore, symbols: tuple[str, ...]) -> None:
    known = f"the symbols are {', '.join(symbols)}"

    @app.get("/alerts", **docs.ALERTS)
    def list_alerts(type: Type = None, symbol: Symbol = None, limit: Limit = 50, since: Since = None) -> Response:
        if symbol is not None and symbol.upper() not in symbols:
            error = FieldError(location="query", parameter="symbol", detail=known)
            raise problems.Refused(problems.INVALID, "can't use: symbol", [error])
        # The stream's clock is the session's "now"; before its first tick every alert is recent.
        now = EPOCH if since is not None else metrics.stream_clock() or EPOCH
        page = alerts.page(now=now, type=type, symbol=symbol.upper() if symbol else None, since=since, limit=limit)
        return answer(AlertList(alerts=page.alerts, count=len(page.alerts), has_more=page.has_more), FRESH)

    @app.get("/metrics/{symbol}", **docs.METRICS)
    def read_metrics(symbol: Annotated[str, Path(description="A canonical symbol.", examples=["BTC-USDT"])]) -> Response:
        name = symbol.upper()
        if name not in symbols:
            raise problems.Refused(problems.UNKNOWN_SYMBOL, known)
        return answer(metrics_of(name, metrics.snapshot(name)), FRESH)


def _add_service(app: FastAPI, health: Callable[[], Health]) -> None:
    names = ("alerts", "quality", "health", "docs")
    links = {**{name: f"/{name}" for name in names}, "metrics": "/metrics/{symbol}", "openapi": "/openapi.json"}

    @app.get("/health", **docs.HEALTH)
    def read_health() -> Response:
        return answer(health(), "no-store")

    @app.get("/", **docs.INDEX)
    def read_index() -> Response:
        return answer(Index(name="Coat Tail Capital", version=__version__, links=links), "public, max-age=60")

    @app.get("/problems/{kind}", **docs.PROBLEM)
    def read_problem(kind: Annotated[str, Path(description="The last part of a problem's `type`.")]) -> Response:
        if kind not in problems.KINDS:
            raise problems.Refused(problems.NOT_FOUND, f"the kinds of problems are {', '.join(problems.KINDS)}")
        return answer(problems.KINDS[kind], "public, max-age=3600")
