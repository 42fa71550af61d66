"""`python -m ctc.api`: the API of the session in `CTC_STATE`, on 127.0.0.1."""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from pathlib import Path

from fastapi import FastAPI

from ctc import status
from ctc.api.app import create_app
from ctc.api.evidence import LakeTrace, Trace, no_lake
from ctc.api.health import Lags, SessionHealth
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.aws.wallets import DynamoWallets
from ctc.errors import CtcError, SetupError
from ctc.ports import LakeReader
from ctc.settings import Settings, load_state, session_state

HOST = "127.0.0.1"
HELPERS = 4
PUBLISH_EVERY_S = 2
SWITCH_S = 0.0005  # how long a thread that renews what is kept may hold up the one that answers (Python's own: 5 ms, each time)


def build(
    settings: Settings,
    state: Path,
    trace: Trace = no_lake,
    lags: Lags | None = None,
    helpers: Callable[[], Executor | None] = lambda: None,
) -> FastAPI:
    """The API over the session's own tables and status files; what needs more than DynamoDB is handed in.

    `helpers` makes those who renew kept answers; Lambda stops threads between events, so there whoever asks waits.
    """
    keep_s = settings.api.keep_ms / 2000  # half by the stores, half by the answers made from them
    stores, answers = helpers(), helpers()  # apart: answers wait for stores, and must not take the threads that they wait for
    metrics = DynamoMetrics(settings, keep_s=keep_s, helpers=stores)
    triggers_s = {"detect": settings.spark.detect_trigger_s, "lake": settings.spark.lake_trigger_s}
    health = SessionHealth(state, metrics, triggers_s=triggers_s, lags=lags, wall_stream=settings.producer.clock == "wall")
    alerts = DynamoAlerts(settings, keep_s=keep_s, helpers=stores)
    quality, wallets = DynamoQuality(settings), DynamoWallets(settings)
    return create_app(alerts, metrics, health, settings, trace=trace, keep_s=keep_s, helpers=answers, quality=quality, wallets=wallets)


def build_local(settings: Settings, state: Path) -> FastAPI:
    """`build` with what a session's machine has besides: the lake and the stream."""

    def open_lake() -> LakeReader:
        from ctc.aws.query import LakeReader as DuckLake  # DuckDB, which Lambda does without

        return DuckLake(settings)

    from ctc.wiring import stream_lags

    return build(settings, state, LakeTrace(open_lake), stream_lags(settings), lambda: ThreadPoolExecutor(HELPERS))


def listen(port: int) -> socket.socket:
    """A bound socket; port 0 takes any free one. Raises SetupError when the port is in use."""
    # asyncio turns Nagle off only where the protocol is named; without this every answer took 40 ms more.
    found = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        found.bind((HOST, port))
        found.listen(128)
    except OSError as error:
        found.close()
        raise SetupError(
            f"port {port} of {HOST} can't be used ({error.strerror}): stop what uses it, or choose another with CTC_API__PORT=PORT"
        ) from error
    return found


def serve(settings: Settings, state: Path) -> None:
    """Answer until SIGTERM or SIGINT; `STATE/status/api.json` tells the URL, and is written anew while the loop goes round."""
    import uvicorn  # here, since Lambda imports this module and has no server

    sys.setswitchinterval(SWITCH_S)
    with listen(settings.api.port) as opened:
        running = {"state": "running", "url": f"http://{HOST}:{opened.getsockname()[1]}"}

        async def publish() -> None:
            status.publish(state, "api", running)

        app = build_local(settings, state)
        server = uvicorn.Server(
            uvicorn.Config(app, log_level="warning", access_log=False, callback_notify=publish, timeout_notify=PUBLISH_EVERY_S)
        )
        status.publish(state, "api", running)
        # uvicorn raises the signal that stopped it once more; taken here, so that the end is published and the exit code is 0.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        server.run(sockets=[opened])
    status.publish(state, "api", {"state": "stopped", "url": None})


def main() -> int:
    """The exit code; one sentence on stderr when it can't start."""
    try:
        state = session_state()
        serve(load_state(state), state)
    except CtcError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
