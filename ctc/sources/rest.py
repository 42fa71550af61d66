"""GET requests to one of an exchange's hosts, by the rules that keep an address from being banned.

Requests are spaced to `rest_per_s`, each by what it counts as (ctc/exchanges/limits.py). None is made while the host says to wait, or
for a minute after it said that the minute's allowance is nearly used up. Every refusal is an ExchangeError in words.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import httpx

from ctc.errors import ExchangeError
from ctc.exchanges.limits import Limits
from ctc.sources.refusals import refused

ANSWER_WITHIN_S = 5.0
MINUTE_S = 60.0  # a whole one, as no answer says when its minute began


class Rest:
    """One host; make it in a running loop, and close it."""

    def __init__(
        self,
        exchange: str,
        base: str,
        per_s: int,
        *,
        key: str = "rest",
        files: bool = False,
        limits: Limits | None = None,
        longest_wait_s: float = ANSWER_WITHIN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`key` names the setting that `base` is from, for messages; on a host of `files` a 404 is an answer like others.

        A request that would have to wait longer than `longest_wait_s` for the host is an ExchangeError at once.
        """
        self.exchange, self.base, self.key = exchange, base.rstrip("/"), key
        self._files = files
        self._limits = limits or Limits()
        self._longest_wait_s = longest_wait_s
        self._space_s = 1.0 / per_s
        self._monotonic = monotonic
        self._turn = asyncio.Lock()
        self._next_at = 0.0  # by spacing
        self._held_until = 0.0  # by the host's word
        self._why = ""
        local = urlsplit(self.base).hostname in ("127.0.0.1", "localhost", "::1")
        self._client = httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=not local)
        self.requests = 0

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.aclose()

    async def rest(self) -> None:
        """Wait as long as the host asked for no requests."""
        await asyncio.sleep(max(0.0, self._held_until - self._monotonic()))

    async def get(self, path: str) -> bytes:
        """The body that is answered. Raises ExchangeError."""
        async with self.stream(path) as answer:
            return await answer.aread()

    @asynccontextmanager
    async def stream(self, path: str, start: int = 0) -> AsyncIterator[httpx.Response]:
        """An answer whose body is still to be read, from byte `start` on where the host can (206). Raises ExchangeError, then too."""
        await self._await_turn(self._limits.share(path))
        self.requests += 1
        url = f"{self.base}{path}"
        try:
            async with self._client.stream("GET", url, headers={"Range": f"bytes={start}-"} if start else {}) as answer:
                if answer.status_code not in (httpx.codes.OK, httpx.codes.PARTIAL_CONTENT):
                    refusal = refused(self.exchange, url, answer.status_code, answer.headers.get("Retry-After"), self.key)
                    if not (self._files and answer.status_code == httpx.codes.NOT_FOUND):
                        self._hold(refusal.retry_after or 0.0)
                    raise refusal
                if nearly := self._limits.nearly(answer.headers):
                    self._hold(MINUTE_S, f": {nearly}")
                yield answer
        except httpx.HTTPError as error:
            raise ExchangeError(f"{self.exchange} at {self.base} does not answer ({type(error).__name__}: {error})") from error

    def _hold(self, wait_s: float, why: str = "") -> None:
        until = self._monotonic() + wait_s
        if until > self._held_until:
            self._held_until, self._why = until, why

    async def _await_turn(self, share: float) -> None:
        async with self._turn:
            held_s = self._held_until - self._monotonic()
            if held_s > self._longest_wait_s:
                raise ExchangeError(f"{self.exchange} asked for no requests for another {held_s:.0f} s{self._why}", held_s)
            wait_s = max(held_s, self._next_at - self._monotonic())
            if wait_s > 0:
                await asyncio.sleep(wait_s)
            self._next_at = self._monotonic() + share * self._space_s
