"""Every error leaves as an RFC 9457 body that says what to do; what the client sent is never repeated in it."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from http import HTTPStatus
from urllib.parse import quote

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException

from ctc.api.models import ENCODER, FieldError, Problem, ProblemKind
from ctc.errors import CtcError, SetupError, StoreError, Throttled

log = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 5


def _kind(slug: str, title: str, status: int, remedy: str) -> ProblemKind:
    return ProblemKind(type=f"/problems/{slug}", title=title, status=status, remedy=remedy)


INVALID = _kind("invalid-parameter", "A parameter can't be used", 422, "Correct the parameters that `errors` lists and ask again.")
UNKNOWN_SYMBOL = _kind("unknown-symbol", "Unknown symbol", 404, "Ask for one of the session's symbols; `detail` lists them.")
UNKNOWN_ALERT = _kind("unknown-alert", "Unknown alert", 404, "Ask `/alerts` for those that are there; they are kept for a day.")
UNKNOWN_WALLET = _kind(
    "unknown-wallet", "No score of this wallet", 404, "Ask `/wallets` for those with a score; few episodes or days give none."
)
TOO_MANY = _kind("too-many-requests", "Too many requests", 429, "Ask again after `Retry-After` seconds, and less often.")
NOT_FOUND = _kind("not-found", "Nothing here", 404, "Start at `/`, or read `/openapi.json`.")
METHOD = _kind("method-not-allowed", "Method not allowed", 405, "This API only answers GET.")
UNAVAILABLE = _kind("store-unavailable", "The store does not answer", 503, "Ask again after `Retry-After` seconds; see `/health`.")
INTERNAL = _kind("internal", "Something broke here", 500, "Nothing is wrong with the request; the service's log has the reason.")
_ALL = (INVALID, UNKNOWN_SYMBOL, UNKNOWN_ALERT, UNKNOWN_WALLET, NOT_FOUND, METHOD, TOO_MANY, UNAVAILABLE, INTERNAL)
KINDS = {kind.type.removeprefix("/problems/"): kind for kind in _ALL}


class Refused(Exception):
    """Ends a request with a problem of this kind."""

    def __init__(self, kind: ProblemKind, detail: str, errors: list[FieldError] | None = None) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.errors = errors or []


def install(app: FastAPI) -> None:
    """Make every way a request can fail answer with a problem."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(CtcError, _ours)
    app.add_exception_handler(Exception, _broken)


def answer(
    request: Request,
    kind: ProblemKind,
    detail: str,
    errors: list[FieldError] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """The problem as a response."""
    body = Problem(
        type=kind.type, title=kind.title, status=kind.status, detail=detail, instance=quote(request.url.path), errors=errors or []
    )
    fixed = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(ENCODER.encode(body), kind.status, {**fixed, **(headers or {})}, MEDIA_TYPE)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return answer(request, error.kind, error.detail, error.errors)


def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    # Pydantic's `msg` names what is expected; `input` and `ctx` hold what was sent, and stay out.
    errors = [
        FieldError(location=str(each["loc"][0]), parameter=str(each["loc"][-1]), detail=each["msg"].removeprefix("Value error, "))
        for each in error.errors()
    ]
    names = ", ".join(dict.fromkeys(each.parameter for each in errors))
    return answer(request, INVALID, f"can't use: {names}", errors)


def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return answer(request, NOT_FOUND, "there is nothing at this path; `/` lists what there is", headers=error.headers)
    if error.status_code == 405:
        return answer(request, METHOD, "this path only answers GET", headers=error.headers)
    phrase = HTTPStatus(error.status_code).phrase
    plain = ProblemKind(type="about:blank", title=phrase, status=error.status_code, remedy="")
    return answer(request, plain, phrase, headers=error.headers)


def _ours(request: Request, error: Exception) -> Response:
    if not isinstance(error, (Throttled, StoreError, SetupError)):
        return _broken(request, error)
    # The reason names hosts and tables: it is for the log, not for the public.
    log.warning("answered 503: %s", error)
    wait = math.ceil(error.retry_after) if isinstance(error, Throttled) else RETRY_AFTER_S
    detail = f"the store of alerts and metrics does not answer; ask again in {wait} s"
    return answer(request, UNAVAILABLE, detail, headers={"Retry-After": str(wait)})


def _broken(request: Request, error: Exception) -> Response:
    log.error("answered 500: %r", error, exc_info=error)
    return answer(request, INTERNAL, "the request could not be answered; the service's log has the reason")
