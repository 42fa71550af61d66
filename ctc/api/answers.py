"""How an answer leaves: encoded once, with an ETag where it may be asked for again."""

from __future__ import annotations

import re
from hashlib import blake2b

import msgspec
from fastapi import Request, Response

from ctc.api.models import ENCODER

FRESH = "public, max-age=1"
NO_SNIFF = {"X-Content-Type-Options": "nosniff"}
_TAG = re.compile(r'"[^"]*"|\*')


def answer(value: msgspec.Struct, cache: str = "no-store") -> Response:
    """One that is sent in full each time; by default never kept, since it speaks of this moment."""
    return Response(ENCODER.encode(value), headers={**NO_SNIFF, "Cache-Control": cache}, media_type="application/json")


def tagged(request: Request, value: msgspec.Struct, cache: str = FRESH) -> Response:
    """One that may be kept as `cache` says; 304 without a body when the client's copy is the same."""
    body = ENCODER.encode(value)
    tag = f'"{blake2b(body, digest_size=12).hexdigest()}"'
    headers = {**NO_SNIFF, "Cache-Control": cache, "ETag": tag}
    if {tag, "*"} & set(_TAG.findall(request.headers.get("if-none-match", ""))):
        return Response(status_code=304, headers=headers)
    return Response(body, headers=headers, media_type="application/json")
