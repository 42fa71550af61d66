"""A request limit per client: a token bucket each, in this process' memory."""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from ctc.api import problems

CLIENTS = 10_000
FREE = "/assets/"  # a page's own files


class RequestLimit:
    """ASGI middleware: `per_s` requests of a client on average, `burst` at once; beyond that 429 with Retry-After."""

    def __init__(self, app: ASGIApp, per_s: int, burst: int, tick: Callable[[], float] = time.monotonic) -> None:
        self._app, self._per_s, self._burst, self._tick = app, per_s, burst, tick
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and not scope["path"].startswith(FREE):
            wait = self._wait((scope.get("client") or ("unknown", 0))[0])
            if wait > 0:
                seconds = math.ceil(wait)
                detail = f"more than {self._per_s} requests a second from this address; ask again in {seconds} s"
                refusal = problems.answer(Request(scope), problems.TOO_MANY, detail, headers={"Retry-After": str(seconds)})
                await refusal(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _wait(self, client: str) -> float:
        """0 when the request may pass, else the seconds until the next one may."""
        now = self._tick()
        tokens, at = self._buckets.pop(client, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - at) * self._per_s)
        passes = tokens >= 1
        self._buckets[client] = (tokens - 1 if passes else tokens, now)
        while len(self._buckets) > CLIENTS:
            self._buckets.popitem(last=False)
        return 0.0 if passes else (1 - tokens) / self._per_s
