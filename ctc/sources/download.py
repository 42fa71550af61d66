"""A file of an exchange's archive onto the disk: whole, and with the SHA-256 that the CHECKSUM file beside it says.

What a process that died had of it lies in `NAME.part`; the next one asks for the rest.
"""

from __future__ import annotations

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import httpx

from ctc.errors import ExchangeError
from ctc.sources.backoff import Backoff
from ctc.sources.recorder import digest
from ctc.sources.rest import Rest

PATIENCE = 5  # tries that bring nothing further
FIRST_RETRY_S, LONGEST_RETRY_S = 0.5, 8.0
_WAITABLE = (None, httpx.codes.IM_A_TEAPOT, httpx.codes.TOO_MANY_REQUESTS)
_Found = TypeVar("_Found")
Told = Callable[[int, int | None], None]  # bytes that are there, of how many


async def download(rest: Rest, path: str, to: Path, told: Told) -> None:
    """The file at `path`, at `to`. Raises ExchangeError, with status 404 where there is none; a file with another checksum is removed."""
    checksum = await _patiently(lambda: rest.get(f"{path}.CHECKSUM"), lambda: 0)
    found = re.match(rb"\s*([0-9a-fA-F]{64})\b", checksum)
    if found is None:
        raise ExchangeError(f"{rest.base}{path}.CHECKSUM holds no SHA-256 but {checksum[:80]!r}: try again later")
    wanted = found[1].decode().lower()
    if _size(to) and digest(to) == wanted:
        return
    part = to.with_name(f"{to.name}.part")
    await _patiently(lambda: _go_on(rest, path, part, told), lambda: _size(part))
    seen = digest(part)
    if seen != wanted:
        part.unlink()
        raise ExchangeError(
            f"{rest.base}{path} came with SHA-256 {seen[:12]}..., but its CHECKSUM says {wanted[:12]}...: the file was removed; try again"
        )
    part.replace(to)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def _go_on(rest: Rest, path: str, part: Path, told: Told) -> None:
    """Ask for what is not there yet."""
    there = _size(part)
    try:
        async with rest.stream(path, there) as answer:
            fresh = answer.status_code != httpx.codes.PARTIAL_CONTENT
            at = 0 if fresh else there
            length = answer.headers.get("Content-Length")
            total = at + int(length) if length else None
            with part.open("wb" if fresh else "ab") as file:
                told(at, total)
                async for chunk in answer.aiter_raw():  # as it comes: what is gathered to a size is lost where the answer is cut
                    at += file.write(chunk)
                    told(at, total)
    except ExchangeError as error:
        if error.status != httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:  # all of it is there: the checksum tells
            raise


async def _patiently(step: Callable[[], Awaitable[_Found]], reached: Callable[[], int]) -> _Found:
    """Do it again after a wait while the host is busy or away, up to PATIENCE times without getting further."""
    backoff, before = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, random.SystemRandom()), reached()
    while True:
        try:
            return await step()
        except ExchangeError as error:
            if error.status not in _WAITABLE and (error.status or 0) < httpx.codes.INTERNAL_SERVER_ERROR:
                raise
            if reached() > before:
                backoff.reset()
                before = reached()
            if backoff.tries >= PATIENCE - 1:
                raise
            await asyncio.sleep(backoff.next_s(error.retry_after or 0.0))
