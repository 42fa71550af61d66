"""How every endpoint answers: encoded once, numbers exact."""

from __future__ import annotations

import msgspec
from fastapi import Response

from ctc.api.models import ENCODER


def answer(value: msgspec.Struct, cache: str) -> Response:
    """200 with the value as JSON; `cache` is its Cache-Control."""
    headers = {"Cache-Control": cache, "X-Content-Type-Options": "nosniff"}
    return Response(ENCODER.encode(value), headers=headers, media_type="application/json")
