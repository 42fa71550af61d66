"""What OpenAPI says of each endpoint: summaries, answers, examples. Schemas come from `ctc.api.schemas`."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from ctc.api import examples
from ctc.api.models import DISCLAIMER, ProblemKind
from ctc.api.problems import (
    INTERNAL,
    INVALID,
    MEDIA_TYPE,
    METHOD,
    NOT_FOUND,
    TOO_MANY,
    UNAVAILABLE,
    UNKNOWN_ALERT,
    UNKNOWN_SYMBOL,
    UNKNOWN_WALLET,
)
from ctc.api.schemas import schemas

ABOUT: dict[str, Any] = {
    "summary": "Volume anomalies, whales and cross-exchange spreads from public trade streams.",
    "description": f"Read only. Numbers carry all their digits; moments are UTC; fields that were not measured are null.\n\n{DISCLAIMER}",
    "openapi_tags": [
        {"name": "market", "description": "What the detectors found, and the latest values."},
        {"name": "service", "description": "How the platform is, and where things are."},
    ],
}

_ENDPOINTS: dict[str, dict[str, Any]] = {}


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
    if kind.status in (429, 503):
        answer["headers"] = {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}}
    return answer


def _endpoint(name: str, tag: str, summary: str, instance: str, answers: dict[int | str, dict[str, Any]]) -> dict[str, Any]:
    always: dict[int | str, dict[str, Any]] = {
        TOO_MANY.status: _problem(TOO_MANY, "more than 20 requests a second from this address; ask again in 1 s", instance),
        METHOD.status: _problem(METHOD, "this path only answers GET", instance),
        INTERNAL.status: _problem(INTERNAL, "the request could not be answered; the service's log has the reason", instance),
    }
    found = {
        "operation_id": name,
        "tags": [tag],
        "summary": summary,
        "response_model": None,
        "responses": dict(sorted({**answers, **always}.items(), key=lambda pair: int(pair[0]))),
    }
    _ENDPOINTS[name] = found
    return found


_BAD_LIMIT = [{"parameter": "limit", "location": "query", "detail": "Input should be less than or equal to 200"}]
_DOWN = "the store of alerts and metrics does not answer; ask again in 5 s"
_SYMBOLS = "the symbols are BTC-USDT, ETH-USDT, SOL-USDT, USDT-USD"


def _market(name: str, summary: str, instance: str, answer: dict[str, Any], *others: dict[str, Any]) -> dict[str, Any]:
    """An endpoint over the hot stores; `others` are its own problems."""
    answers: dict[int | str, dict[str, Any]] = {200: answer, 304: {"description": "The client's copy (If-None-Match) is the same."}}
    down = _problem(UNAVAILABLE, _DOWN, instance)
    return _endpoint(name, "market", summary, instance, {**answers, 503: down, **{each["code"]: each["problem"] for each in others}})


def _invalid(parameter: str, instance: str, errors: list[dict[str, str]] | None = None) -> dict[str, Any]:
    return {"code": 422, "problem": _problem(INVALID, f"can't use: {parameter}", instance, errors)}


def _no_symbol(instance: str) -> dict[str, Any]:
    return {"code": 404, "problem": _problem(UNKNOWN_SYMBOL, _SYMBOLS, instance)}


_SINCE = [{"parameter": "since", "location": "query", "detail": "must be an ISO 8601 moment such as 2026-01-15T12:30:00Z"}]
_SPAN = {"since": examples.SINCE, "until": examples.UNTIL}
_ONE = f"/alerts/{examples.ALERT['alert_id']}"

ALERTS = _market(
    "list_alerts",
    "Recent alerts, newest first",
    "/alerts",
    _answer("Alerts that match.", "AlertList", {"alerts": [examples.ALERT], **examples.PAGE}),
    _invalid("limit", "/alerts", _BAD_LIMIT),
)
ALERT = _market(
    "read_alert",
    "An alert and its evidence",
    _ONE,
    _answer("The alert, the bars or spreads around it, and the trades behind it with their lineage.", "Evidence", examples.EVIDENCE),
    {"code": 404, "problem": _problem(UNKNOWN_ALERT, "no alert has this id, or it is older than a day", _ONE)},
    _invalid("alert_id", _ONE),
)
WHALES = _market(
    "list_whales",
    "Whales, newest first",
    "/whales",
    _answer("Whales that match.", "WhaleList", {"whales": [examples.WHALE], **examples.PAGE}),
    _invalid("limit", "/whales", _BAD_LIMIT),
)
SYMBOLS = _market(
    "list_symbols",
    "The session's symbols with their latest values",
    "/symbols",
    _answer("Every symbol.", "SymbolList", {"symbols": [examples.SYMBOL], "count": 1}),
)
METRICS = _market(
    "read_metrics",
    "A symbol's latest values",
    "/metrics/BTC-USDT",
    _answer("The latest values; nulls while nothing was seen of the symbol.", "Metrics", examples.METRICS),
    _no_symbol("/metrics/DOGE-USDT"),
    _invalid("symbol", "/metrics/BTC-USDT"),
)
BARS = _market(
    "list_bars",
    "A symbol's volume bars",
    "/bars/BTC-USDT",
    _answer("Closed bars of every exchange.", "BarList", {"symbol": "BTC-USDT", **_SPAN, "window_s": 60, "bars": [examples.BAR]}),
    _no_symbol("/bars/DOGE-USDT"),
    _invalid("since", "/bars/BTC-USDT", _SINCE),
)
SPREADS = _market(
    "list_spreads",
    "A symbol's spread between the exchanges",
    "/spreads/BTC-USDT",
    _answer("Closed spreads.", "SpreadList", {"symbol": "BTC-USDT", **_SPAN, "window_s": 30, "spreads": [examples.SPREAD]}),
    _no_symbol("/spreads/DOGE-USDT"),
    _invalid("since", "/spreads/BTC-USDT", _SINCE),
)
QUALITY = _market(
    "read_quality",
    "Data quality: score, series, reasons, samples",
    "/quality",
    _answer("Counts by arrival in the stream; nulls and nothing in the lists before the first record.", "Quality", examples.QUALITY),
    _invalid("hours", "/quality"),
)
GAPS = _market(
    "read_gaps",
    "What became of every trade id of a symbol",
    "/gaps/BTC-USDT",
    _answer("The ledger as it stands; nothing in the list before the first trade.", "Gaps", examples.GAPS),
    _no_symbol("/gaps/DOGE-USDT"),
    _invalid("symbol", "/gaps/BTC-USDT"),
)
_WALLET = f"/wallets/{examples.ADDRESS}"
WALLETS = _market(
    "list_wallets",
    "Scores of the wallets that a tape names, by address",
    "/wallets",
    _answer(
        "Scores that match, each with its interval; no rank, no advice. Only Hyperliquid names its wallets: "
        "Binance and Coinbase carry no identities.",
        "WalletList",
        examples.WALLETS,
    ),
    _invalid("limit", "/wallets", _BAD_LIMIT),
)
WALLET = _market(
    "read_wallet",
    "One wallet's scores",
    _WALLET,
    _answer("Its scores in each role and at each horizon, each with its interval.", "WalletScores", examples.WALLET),
    {"code": 404, "problem": _problem(UNKNOWN_WALLET, "this address has no score: `/wallets` lists those that have one", _WALLET)},
    _invalid("address", _WALLET),
)
SESSION = _market(
    "read_session",
    "What is being watched, and whether it is real",
    "/session",
    _answer("The session.", "SessionInfo", examples.SESSION),
)
HEALTH = _endpoint(
    "read_health",
    "service",
    "How every part of the session is",
    "/health",
    {200: _answer("Always answered; `status` tells.", "Health", examples.HEALTH)},
)
INDEX = _endpoint(
    "read_index",
    "service",
    "Where things are; the dashboard for browsers",
    "/",
    {
        200: _answer("Links and the disclaimer, or the dashboard's page where text/html is asked for.", "Index"),
        304: {"description": "The client's copy (If-None-Match) is the same."},
    },
)
PROBLEM = _endpoint(
    "read_problem",
    "service",
    "What a problem's `type` means",
    "/problems/internal",
    {
        200: _answer("The meaning and the remedy.", "ProblemKind"),
        304: {"description": "The client's copy (If-None-Match) is the same."},
        404: _problem(NOT_FOUND, "the kinds of problems are ...", "/problems/nothing"),
        422: _problem(INVALID, "can't use: kind", "/problems/internal"),
    },
)


def _put_examples(document: dict[str, Any]) -> None:
    """FastAPI drops nulls from examples; ours show that unmeasured fields are there."""
    for path in document["paths"].values():
        for operation in path.values():
            for code, answer in _ENDPOINTS[operation["operationId"]]["responses"].items():
                if "content" in answer:
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
