"""REST on the websocket's port: request paths, JSON answers, and Binance's request weights with their bans."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from websockets.datastructures import Headers
from websockets.http11 import Response

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 418: "I'm a teapot", 429: "Too Many Requests"}
MINUTE_S = 60.0
BAN_S = 120.0
PATIENCE = 10  # calls after a 429 before the address is banned


def parse(target: str) -> tuple[str, dict[str, str]]:
    """Path and query of a request's target."""
    parts = urlsplit(target)
    return parts.path, dict(parse_qsl(parts.query, keep_blank_values=True))


def answer(status: int, body: Any, headers: dict[str, str] | None = None) -> Response:
    """A JSON response; the connection closes after it."""
    data = msgspec.json.encode(body)
    fields = {"Content-Type": "application/json;charset=UTF-8", "Content-Length": str(len(data)), "Connection": "close"}
    return Response(status, _REASONS.get(status, "Error"), Headers({**fields, **(headers or {})}), data)


class Weights:
    """Counts request weight a minute by address; who goes over is told to wait (429), who does not wait is banned (418)."""

    def __init__(self, limit: int = 6_000, clock: Callable[[], float] = time.time) -> None:
        self._limit = limit
        self._clock = clock
        self._used: dict[str, tuple[float, int, int]] = {}
        self._banned: dict[str, float] = {}

    def take(self, address: str, weight: int) -> tuple[int, Response | None]:
        """The weight used in this minute, and the refusal if it is too much."""
        now = self._clock()
        if self._banned.get(address, 0.0) > now:
            return self._limit, self._ban(self._banned[address], now)
        begun, used, refused = self._used.get(address, (now, 0, 0))
        if now - begun >= MINUTE_S:
            begun, used, refused = now, 0, 0
        used += weight
        refused += used > self._limit
        self._used[address] = (begun, used, refused)
        if refused > PATIENCE:
            self._banned[address] = now + BAN_S
            return used, self._ban(now + BAN_S, now)
        if refused:
            text = f"Too much request weight used; current limit is {self._limit} request weight per 1 MINUTE. "
            body = {"code": -1003, "msg": text + "Please use WebSocket Streams for live updates to avoid polling the API."}
            return used, answer(429, body, {"Retry-After": str(max(1, round(begun + MINUTE_S - now)))})
        return used, None

    def _ban(self, until: float, now: float) -> Response:
        text = f"Way too much request weight used; IP banned until {int(until * 1000)}. "
        body = {"code": -1003, "msg": text + "Please use WebSocket Streams for live updates to avoid bans."}
        return answer(418, body, {"Retry-After": str(max(1, round(until - now)))})
