"""What OpenAPI says of each endpoint: summaries, answers, examples. Schemas come from `ctc.api.models`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ctc.api.models import DISCLAIMER, ProblemKind, schemas
from ctc.api.problems import INTERNAL, INVALID, MEDIA_TYPE, METHOD, NOT_FOUND, UNAVAILABLE, UNKNOWN_SYMBOL

ABOUT: dict[str, Any] = {
    "summary": "Volume anomalies, whales and cross-exchange spreads from public trade streams.",
    "description": f"Read only. Numbers carry all their digits; moments are UTC; fields that were not measured are null.\n\n{DISCLAIMER}",
    "openapi_tags": [
        {"name": "market", "description": "What the detectors found, and the latest values."},
        {"name": "service", "description": "How the platform is, and where things are."},
    ],
}

_ALERT: dict[str, Any] = {
    "alert_id": "0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11",
    "type": "volume_spike",
    "rule": "z",
    "revision": 1,
    "final": True,
    "exchange": "binance",
    "symbol": "BTC-USDT",
    "severity": "medium",
    "detected_at": "2026-01-15T12:30:41Z",
    "event_time": "2026-01-15T12:30:40.871Z",
    "threshold": 2.5,
    "message": "BTC-USDT volume 3.3x above 1h average on Binance",
    "window_start": "2026-01-15T12:30:00Z",
    "window_end": "2026-01-15T12:31:00Z",
    "native_symbol": None,
    "side": None,
    "price": None,
    "quantity": None,
    "quote_volume": None,
    "trade_count": 2113,
    "first_trade_id": None,
    "last_trade_id": None,
    "z_score": 3.2,
    "robust_score": 4.75,
    "window_volume": 1500000,
    "rolling_mean": 450000,
    "rolling_std": 328125,
    "baseline_bars": 60,
    "spread_pct": None,
    "adjusted_spread_pct": None,
    "binance_vwap": None,
    "coinbase_vwap": None,
    "peg": None,
    "cause": None,
    "shard": "shardId-000000000001",
    "sequence_number": "49600000000000000000000000000000000000000000000000000042",
    "position": 17,
}

_METRICS: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "current_price": {"binance": 67432.5, "coinbase": 67445.0},
    "spread_pct": -0.01853362,
    "volume_1h": {"binance": 2500000, "coinbase": 1800000},
    "anomaly_count_24h": 7,
    "last_whale": {
        "price": 67400,
        "quantity": 2.5,
        "side": "buy",
        "timestamp": "2026-01-15T12:29:58.104Z",
        "exchange": "binance",
        "quote_volume": 168500.0,
    },
    "updated_at": "2026-01-15T12:30:41Z",
    "clock": "2026-01-15T12:30:41Z",
    "newest_trade": {"binance": "2026-01-15T12:30:40.902Z", "coinbase": "2026-01-15T12:30:40.377Z"},
    "trades": 183204,
    "duplicates": 3,
    "late": 0,
    "final": False,
}

_POINT: dict[str, Any] = {
    "start": "2026-01-15T12:26:00Z",
    "processed": 9120,
    "passed": 9117,
    "failed": 2,
    "late": 1,
    "inconsistent": 0,
    "duplicates": 14,
    "score": 99.9671,
    "failure_rate": 0.0219,
}

_QUALITY: dict[str, Any] = {
    "as_of": "2026-01-15T12:30:00Z",
    "target": 99,
    "alarm_below": 95,
    "current": _POINT,
    "total": {**_POINT, "start": "2026-01-14T12:31:00Z", "processed": 2600000, "passed": 2599981, "score": 99.9993, "failure_rate": 0.0001},
    "series": [{**_POINT, "start": "2026-01-15T12:30:00Z"}],
    "rules": [
        {
            "rule": "price_not_positive",
            "dimension": "validity",
            "action": "dead letter",
            "category": "invalid",
            "holds_when": "the price is above zero",
            "records": 2,
        }
    ],
    "samples": [
        {
            "id": "9f0c6a1be2d34475",
            "category": "invalid",
            "rules": ["price_not_positive"],
            "reasons": ["price is not above zero"],
            "symbol": "BTC-USDT",
            "exchange": None,
            "arrived_at": "2026-01-15T12:30:11.402Z",
            "size": 412,
            "raw": '{"event_id":"0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11","exchange":"binance",…',
        }
    ],
}

_HEALTH: dict[str, Any] = {
    "status": "degraded",
    "reasons": ["producer has said nothing for 41 s"],
    "checked_at": "2026-01-15T12:30:42Z",
    "stream_clock": "2026-01-15T12:30:41Z",
    "newest_trade": {"binance": "2026-01-15T12:30:40.902Z"},
    "services": {"producer": {"state": "running", "age_s": 41.2, "details": {"pid": 4711}}},
    "queries": {
        "detect": {
            "state": "running",
            "age_s": 0.4,
            "batch": 812,
            "batch_at": "2026-01-15T12:30:41.000Z",
            "rows": 14,
            "rows_per_second": 21.5,
            "duration_ms": 651,
            "failures": 0,
            "trouble": None,
        }
    },
    "versions": {"ctc": "0.1.0", "python": "3.11.7", "fastapi": "0.165.0", "spark": "4.1.1"},
}


def _refs(schema: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{schema}"}


def _answer(description: str, schema: str, example: Any = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": _refs(schema)}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def _problem(kind: ProblemKind, detail: str, instance: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    example = {
        "type": kind.type,
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "instance": instance,
        "errors": errors or [],
    }
    answer: dict[str, Any] = {"description": kind.title, "content": {MEDIA_TYPE: {"schema": _refs("Problem"), "example": example}}}
    if kind.status == 503:
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _endpoint(name: str, tag: str, summary: str, instance: str, answers: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    always: dict[int | str, dict[str, Any]] = {
        METHOD.status: _problem(METHOD, "this path only answers GET", instance),
        INTERNAL.status: _problem(INTERNAL, "the request could not be answered; the service's log has the reason", instance),
    }
    return {
        "operation_id": name,
        "tags": [tag],
        "summary": summary,
        "response_model": None,
        "responses": dict(sorted({**answers, **always}.items(), key=lambda pair: int(pair[0]))),
    }


_BAD_LIMIT = [{"parameter": "limit", "location": "query", "detail": "Input should be less than or equal to 200"}]
_DOWN = "the store of alerts and metrics does not answer; ask again in 5 s"
_SYMBOLS = "the symbols are BTC-USDT, ETH-USDT, SOL-USDT, USDT-USD"

ALERTS = _endpoint(
    "list_alerts",
    "market",
    "Recent alerts, newest first",
    "/alerts",
    {
        200: _answer("Alerts that match.", "AlertList", {"alerts": [_ALERT], "count": 1, "has_more": False}),
        422: _problem(INVALID, "can't use: limit", "/alerts", _BAD_LIMIT),
        503: _problem(UNAVAILABLE, _DOWN, "/alerts"),
    },
)
METRICS = _endpoint(
    "read_metrics",
    "market",
    "A symbol's latest values",
    "/metrics/BTC-USDT",
    {
        200: _answer("The latest values; nulls while nothing was seen of the symbol.", "Metrics", _METRICS),
        404: _problem(UNKNOWN_SYMBOL, _SYMBOLS, "/metrics/DOGE-USDT"),
        422: _problem(INVALID, "can't use: symbol", "/metrics/BTC-USDT"),
        503: _problem(UNAVAILABLE, _DOWN, "/metrics/BTC-USDT"),
    },
)
QUALITY = _endpoint(
    "read_quality",
    "market",
    "Data quality: score, series, reasons, samples",
    "/quality",
    {
        200: _answer("Counts by arrival in the stream; nulls and nothing in the lists before the first record.", "Quality", _QUALITY),
        422: _problem(INVALID, "can't use: hours", "/quality"),
        503: _problem(UNAVAILABLE, _DOWN, "/quality"),
    },
)
HEALTH = _endpoint(
    "read_health",
    "service",
    "How every part of the session is",
    "/health",
    {200: _answer("Always answered; `status` tells.", "Health", _HEALTH)},
)
INDEX = _endpoint("read_index", "service", "Where things are", "/", {200: _answer("Links and the disclaimer.", "Index")})
PROBLEM = _endpoint(
    "read_problem",
    "service",
    "What a problem's `type` means",
    "/problems/internal",
    {
        200: _answer("The meaning and the remedy.", "ProblemKind"),
        404: _problem(NOT_FOUND, "the kinds of problems are ...", "/problems/nothing"),
        422: _problem(INVALID, "can't use: kind", "/problems/internal"),
    },
)


_ENDPOINTS = {endpoint["operation_id"]: endpoint for endpoint in (ALERTS, METRICS, QUALITY, HEALTH, INDEX, PROBLEM)}


def _put_examples(document: dict[str, Any]) -> None:
    """FastAPI drops nulls from examples; ours show that unmeasured fields are there."""
    for path in document["paths"].values():
        for operation in path.values():
            for code, answer in _ENDPOINTS[operation["operationId"]]["responses"].items():
                operation["responses"][str(code)]["content"] = answer["content"]


def publish(app: FastAPI) -> None:
    """Make `/openapi.json` complete: the routes, and the schemas their answers refer to."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = get_openapi(
                title=app.title,
                version=app.version,
                summary=app.summary,
                description=app.description,
                routes=app.routes,
                tags=app.openapi_tags,
            )
            _put_examples(app.openapi_schema)
            app.openapi_schema["components"] = {"schemas": schemas()}
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]
