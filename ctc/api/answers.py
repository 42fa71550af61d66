"""How an answer leaves: encoded once, with an ETag where it may be asked for again, and kept for a moment for others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import Executor
from hashlib import blake2b

import msgspec
from fastapi import Request, Response
from starlette.concurrency import run_in_threadpool

from ctc.api.models import ENCODER
from ctc.kept import Kept

FRESH = "public, max-age=1"
NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
KEPT = 256
_TAG = re.compile(r'"[^"]*"|\*')
_Answer = tuple[bytes, str]  # with its tag


def unchanging(request: Request, value: msgspec.Struct, cache: str) -> Response:
    """The same value each time, encoded anew."""
    return _conditional(request, *_encoded(value), cache)


class Answers:
    """Gives the same bytes to all who ask the same within `keep_s` seconds (0: never).

    What is kept is given by the event loop itself. What has to be made is made by a thread, once for all who wait for it.
    """

    def __init__(self, keep_s: float, helpers: Executor | None = None) -> None:
        self._keep_s = keep_s
        self._kept: Kept[_Answer] = Kept(KEPT, helpers=helpers)
        self._awaited: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[_Answer]] = {}

    async def untagged(self, request: Request, make: Callable[[], msgspec.Struct]) -> Response:
        """What `make` gives, for this moment only: clients may not keep it."""
        body, _ = await self._answer(request.url.path, make)
        return Response(body, headers={**NO_SNIFF, "Cache-Control": "no-store"}, media_type="application/json")

    async def tagged(self, request: Request, make: Callable[[], msgspec.Struct], cache: str = FRESH) -> Response:
        """What `make` gives, which clients may keep as `cache` says; 304 without a body when the client's copy is the same."""
        return _conditional(request, *await self._answer(f"{request.url.path}?{request.url.query}", make), cache)

    async def _answer(self, key: str, make: Callable[[], msgspec.Struct]) -> _Answer:
        def ask() -> _Answer:
            return _encoded(make())

        if self._keep_s <= 0:
            return await run_in_threadpool(ask)
        if (kept := self._kept.at_once(key, self._keep_s, ask)) is not None:
            return kept
        here = (asyncio.get_running_loop(), key)
        if (task := self._awaited.get(here)) is None:
            task = self._awaited[here] = here[0].create_task(run_in_threadpool(self._kept.get, key, self._keep_s, ask))
            task.add_done_callback(lambda _: self._awaited.pop(here))
        return await asyncio.shield(task)  # who asked first may go away before the others


def _conditional(request: Request, body: bytes, tag: str, cache: str) -> Response:
    headers = {**NO_SNIFF, "Cache-Control": cache, "ETag": tag}
    if {tag, "*"} & set(_TAG.findall(request.headers.get("if-none-match", ""))):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")


def _encoded(value: msgspec.Struct) -> _Answer:
    body = ENCODER.encode(value)
    return body, f'"{blake2b(body, digest_size=12).hexdigest()}"'
