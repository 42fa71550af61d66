"""`python -m ctc.api` as a process, and the Lambda handler over the same stores."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from samples_hot import an_alert

from ctc import status
from ctc.api import lambda_handler
from ctc.api.__main__ import build, listen
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.errors import SetupError
from ctc.processes import free_port
from ctc.settings import Settings, child_environment, save_state

DEADLINE_S = 60


def _until(condition: Callable[[], object], process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, "the API does not do it"
        with suppress(subprocess.TimeoutExpired):
            raise AssertionError(f"the API ended with exit code {process.wait(0.05)}")


def _await_url(state: Path, process: subprocess.Popen[bytes]) -> str:
    _until(lambda: status.read(state, "api"), process)
    return str((status.read(state, "api") or {})["url"])


def test_served_process_answers_from_the_sessions_tables(emulator: Settings, tmp_path: Path) -> None:
    create_tables(emulator)
    DynamoAlerts(emulator).put([an_alert(1)])
    save_state(msgspec.structs.replace(emulator, api=msgspec.structs.replace(emulator.api, port=free_port())), tmp_path)
    process = subprocess.Popen([sys.executable, "-m", "ctc.api"], env=child_environment(tmp_path))
    try:
        url = _await_url(tmp_path, process)
        assert url.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=url, timeout=30, trust_env=False) as client:
            assert client.get("/alerts").json()["count"] == 1
            assert client.get("/health").json()["status"] == "ok"
        first = status.read(tmp_path, "api")
        _until(lambda: (status.read(tmp_path, "api") or {})["written_at"] > (first or {})["written_at"], process)
    finally:
        process.terminate()
        code = process.wait(DEADLINE_S)
    assert code == 0
    stopped = status.read(tmp_path, "api")
    assert stopped is not None
    assert stopped["state"] == "stopped"


def test_port_in_use_is_one_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=r"port \d+ of 127.0.0.1 can't be used .* CTC_API__PORT"):
            listen(port)


def test_missing_session_is_one_sentence_and_a_usage_error(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-m", "ctc.api"], env=child_environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("no session in ")
    assert done.stderr.count("\n") == 1


def _event(path: str, query: dict[str, str]) -> dict[str, Any]:
    """An API Gateway HTTP API event, payload format 2.0."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": "&".join(f"{name}={value}" for name, value in query.items()),
        "headers": {"accept": "application/json", "host": "api.test"},
        "queryStringParameters": query,
        "requestContext": {
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1", "userAgent": "test"},
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


@pytest.fixture
def own_loop() -> Iterator[None]:
    """Mangum runs on the thread's event loop and leaves it open; this one is closed."""
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield
    asyncio.set_event_loop(None)
    loop.close()


@pytest.mark.usefixtures("own_loop")
def test_lambda_answers_as_the_server_does(emulator: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mangum import Mangum

    create_tables(emulator)
    DynamoAlerts(emulator).put([an_alert(1)])
    adapter = Mangum(build(emulator, tmp_path), lifespan="off")
    monkeypatch.setattr(lambda_handler, "_adapter", lambda: adapter)
    answer = lambda_handler.handler(_event("/alerts", {"type": "whale"}), None)
    assert (answer["statusCode"], json.loads(answer["body"])["count"]) == (200, 1)
    answer = lambda_handler.handler(_event("/alerts", {"limit": "0"}), None)
    assert answer["statusCode"] == 422
    assert answer["headers"]["content-type"] == "application/problem+json"
