"""A lost answer given again to Terraform; used by `sim.ministack_server`, so the standard library only.

Terraform's provider for AWS (seen with 5.100.0, on a busy machine: for one or two calls of an apply) closes a connection as the answer
arrives on it, and sends the call anew, as attempt 2 of the same `amz-sdk-invocation-id`. A create is then refused as "already exists",
and the apply has failed (terraform-provider-aws issue 18468). So what succeeded is answered again from memory, and not done again.

Only for Terraform: for the platform's own clients the emulator does what AWS does, and a record that is put twice is there twice.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

KEPT = 1000  # calls; one that is sent anew comes within seconds


def answering_again(app: App) -> App:
    """An ASGI application in front of `app`: a call of Terraform's that succeeded, or still runs, is not done a second time."""
    calls: OrderedDict[bytes, asyncio.Future[list[Message]]] = OrderedDict()

    async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        call = _call(scope)
        if call is None:
            await app(scope, receive, send)
        elif call in calls and (said := await calls[call]):
            while (await receive()).get("more_body"):
                pass
            for message in said:
                await send(message)
        else:
            await _first(call, scope, receive, send)

    async def _first(call: bytes, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        calls[call] = asyncio.get_running_loop().create_future()
        if len(calls) > KEPT:
            calls.popitem(last=False)
        said: list[Message] = []

        async def kept(message: Message) -> None:
            said.append(message)
            await send(message)

        mine, good = calls[call], False
        try:
            await app(scope, receive, kept)
            good = bool(said) and said[0].get("status", 500) < 400
        finally:
            mine.set_result(said if good else [])  # what was refused, or failed, is tried again

    return answer


def _call(scope: dict[str, Any]) -> bytes | None:
    """Which call of Terraform's this is; None for all others."""
    if scope["type"] != "http":
        return None
    headers = {bytes(name).lower(): bytes(value) for name, value in scope["headers"]}
    return headers.get(b"amz-sdk-invocation-id") if b"Terraform/" in headers.get(b"user-agent", b"") else None
