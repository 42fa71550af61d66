"""How an answer leaves: encoded once, with an ETag where it may be asked for again, and kept for a moment for others."""

from __future__ import annotations

import re
from collections.abc import Callable
from concurrent.futures import Executor
from hashlib import blake2b

import msgspec
from fastapi import Request, Response

from ctc.api.models import ENCODER
from ctc.aws.kept import Kept

FRESH = "public, max-age=1"
NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
KEPT = 256
_TAG = re.compile(r'"[^"]*"|\*')


def answer(value: msgspec.Struct, cache: str) -> Response:
    """200 with the value as JSON, made anew; `cache` is its Cache-Control."""
    return Response(ENCODER.encode(value), headers={**NO_SNIFF, "Cache-Control": cache}, media_type="application/json")


class Answers:
    """Gives the same bytes to all who ask the same within `keep_s` seconds (0: never)."""

    def __init__(self, keep_s: float, helpers: Executor | None = None) -> None:
        self._keep_s = keep_s
        self._kept: Kept[tuple[bytes, str]] = Kept(KEPT, helpers=helpers)

    def untagged(self, request: Request, make: Callable[[], msgspec.Struct]) -> Response:
        """What `make` gives, for this moment only: clients may not keep it."""
        body, _ = self._kept.get(request.url.path, self._keep_s, lambda: _encoded(make()))
        return Response(body, headers={**NO_SNIFF, "Cache-Control": "no-store"}, media_type="application/json")

    def tagged(self, request: Request, make: Callable[[], msgspec.Struct], cache: str = FRESH) -> Response:
        """What `make` gives, which clients may keep as `cache` says; 304 without a body when the client's copy is the same."""
        body, tag = self._kept.get(f"{request.url.path}?{request.url.query}", self._keep_s, lambda: _encoded(make()))
        headers = {**NO_SNIFF, "Cache-Control": cache, "ETag": tag}
        if {tag, "*"} & set(_TAG.findall(request.headers.get("if-none-match", ""))):
            return Response(status_code=304, headers=headers)
        return Response(body, headers=headers, media_type="application/json")


def _encoded(value: msgspec.Struct) -> tuple[bytes, str]:
    body = ENCODER.encode(value)
    return body, f'"{blake2b(body, digest_size=12).hexdigest()}"'
