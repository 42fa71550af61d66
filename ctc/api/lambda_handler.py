"""AWS Lambda's entry point, `ctc.api.lambda_handler.handler`: the same API behind API Gateway.

`CTC_PROFILE` names the profile (default `cloud`); single values come from the environment, as everywhere
(`CTC_TABLES__ALERTS=...`). The zip holds `ctc/` and `profiles/` side by side.
"""

from __future__ import annotations

from functools import cache
from typing import Any

from mangum import Mangum

from ctc.api.__main__ import build
from ctc.settings import load_profile, machine, session_state


@cache
def _adapter() -> Mangum:
    # Made by the first event and kept while the sandbox is warm: importing opens nothing.
    return Mangum(build(load_profile(machine("CTC_PROFILE", "cloud")), session_state()), lifespan="off")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """The answer to one API Gateway or function URL event."""
    return _adapter()(event, context)
