"""Every bad request gets an RFC 9457 body that helps, and never repeats what was sent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctc import status
from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.metrics import DynamoMetrics
from ctc.errors import ConfigError, SetupError, StoreError, Throttled
from ctc.model import Snapshot
from ctc.settings import load_profile

SIM = load_profile("sim")
Make = Callable[..., AppClient]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def client(alerts: Any = None, metrics: Any = None) -> AppClient:
        stores = (alerts or MemoryAlerts(), metrics or MemoryMetrics())
        return AppClient(create_app(*stores, SessionHealth(tmp_path, stores[1]), SIM))

    return client


@pytest.fixture
def http(make: Make) -> AppClient:
    return make()


def problem(answer: Any, status_code: int, kind: str) -> dict[str, Any]:
    assert answer.status_code == status_code, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["cache-control"] == "no-store"
    body: dict[str, Any] = answer.json()
    assert list(body) == ["type", "title", "status", "detail", "instance", "errors"]
    assert (body["status"], body["type"]) == (status_code, f"/problems/{kind}")
    assert all((body["title"], body["detail"]))
    return body


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("limit=1.5", "limit"),
        ("limit=", "limit"),
        ("limit=" + "9" * 5000, "limit"),
        ("type=whales", "type"),
        ("type=", "type"),
        ("since=yesterday", "since"),
        ("since=1705320000", "since"),
        ("since=2026-13-01T00:00:00Z", "since"),
        ("since=0001-01-01T00:00:00%2B05:00", "since"),
        ("since=9999-12-31T23:59:59-05:00", "since"),
        ("since=", "since"),
        ("symbol=DOGE-USDT", "symbol"),
        ("symbol=", "symbol"),
    ],
)
def test_bad_parameter_is_named(http: AppClient, query: str, parameter: str) -> None:
    body = problem(http.get(f"/alerts?{query}"), 422, "invalid-parameter")
    assert [error["parameter"] for error in body["errors"]] == [parameter]
    assert parameter in body["detail"]
    assert body["instance"] == "/alerts"


def test_all_bad_parameters_are_named_at_once(http: AppClient) -> None:
    body = problem(http.get("/alerts?limit=0&type=x&since=y"), 422, "invalid-parameter")
    assert {error["parameter"] for error in body["errors"]} == {"limit", "type", "since"}


def test_unknown_symbol_lists_the_known_ones(http: AppClient) -> None:
    body = problem(http.get("/metrics/DOGE-USDT"), 404, "unknown-symbol")
    assert "BTC-USDT" in body["detail"]
    assert body["instance"] == "/metrics/DOGE-USDT"


def test_unknown_route_and_wrong_method(http: AppClient) -> None:
    problem(http.get("/nothing"), 404, "not-found")
    answer = http.post("/alerts")
    problem(answer, 405, "method-not-allowed")
    assert "GET" in answer.headers["allow"]


@pytest.mark.parametrize(
    "path", ["/metrics/{}", "/nothing/{}", "/alerts?symbol={}", "/alerts?type={}", "/alerts?since={}", "/alerts?limit={}"]
)
def test_input_is_never_echoed(http: AppClient, path: str) -> None:
    answer = http.get(path.format("%3Cscript%3Ealert(1)%3C%2Fscript%3E"))
    assert answer.status_code in (404, 422)
    assert "<" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=30), name=st.sampled_from(["limit", "since", "type", "symbol"]))
def test_any_parameter_is_answered_or_refused(http: AppClient, text: str, name: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    assert http.get("/alerts", params={name: text}).status_code in (200, 422)


class Failing(MemoryMetrics):
    """Raises what it is given."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def stream_clock(self) -> datetime | None:
        raise self._error

    def snapshot(self, symbol: str) -> Snapshot | None:
        raise self._error

    def snapshots(self) -> list[Snapshot]:
        raise self._error


@pytest.mark.parametrize(
    ("error", "wait"), [(StoreError("table x"), "5"), (SetupError("emulator at http://host"), "5"), (Throttled("slow", 1.2), "2")]
)
def test_store_that_is_down_is_a_503_with_retry_after(make: Make, error: Exception, wait: str) -> None:
    http = make(metrics=Failing(error))
    for path in ("/alerts", "/metrics/BTC-USDT"):
        answer = http.get(path)
        body = problem(answer, 503, "store-unavailable")
        assert answer.headers["retry-after"] == wait
        assert str(error) not in body["detail"]


@pytest.mark.parametrize("error", [ConfigError("a secret"), ZeroDivisionError("a secret")])
def test_what_breaks_inside_is_a_500_without_the_reason(make: Make, error: Exception) -> None:
    http = make(metrics=Failing(error))
    answer = http.get("/alerts")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text


def test_health_is_degraded_when_the_store_is_down(make: Make) -> None:
    http = make(metrics=Failing(StoreError("x")))
    answer = http.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] == "degraded"
    assert answer.json()["reasons"] == ["the store of alerts and metrics does not answer"]


def test_dead_emulator_is_a_503(make: Make) -> None:
    nobody = load_profile("sim", {"aws.endpoint": "http://127.0.0.1:9"})
    http = make(alerts=DynamoAlerts(nobody), metrics=DynamoMetrics(nobody))
    problem(http.get("/alerts"), 503, "store-unavailable")


def test_health_tells_of_services_and_queries(http: AppClient, tmp_path: Path) -> None:
    progress = {"batchId": 7, "timestamp": "2026-01-15T12:30:41.000Z", "numInputRows": 14, "durationMs": {"triggerExecution": 650}}
    status.publish(tmp_path, "detect", {"state": "running", "failures": 1, "trouble": None, "progress": progress})
    status.publish(tmp_path, "producer", {"state": "running", "records": 12})
    body = http.get("/health").json()
    assert (body["status"], body["reasons"]) == ("ok", [])
    assert body["services"]["producer"]["details"]["records"] == 12
    assert body["services"]["producer"]["age_s"] < 30
    query = body["queries"]["detect"]
    assert (query["batch"], query["rows"], query["duration_ms"], query["failures"]) == (7, 14, 650, 1)
    status.publish(tmp_path, "detect", {"state": "failed", "failures": 2, "trouble": "boom", "progress": None})
    body = http.get("/health").json()
    assert (body["status"], body["reasons"]) == ("degraded", ["detect has failed and is being restarted"])
    assert body["queries"]["detect"]["trouble"] == "boom"


def test_service_that_falls_silent_degrades(tmp_path: Path) -> None:
    folder = tmp_path / "status"
    folder.mkdir()
    (folder / "producer.json").write_text('{"service":"producer","pid":1,"written_at":"2026-01-15T12:30:00Z","state":"running"}')
    (folder / "old.json").write_text('{"service":"old","pid":1,"written_at":"2026-01-15T12:00:00Z","state":"finished"}')
    found = SessionHealth(tmp_path, MemoryMetrics(), lambda: datetime.fromisoformat("2026-01-15T12:30:41Z"))()
    assert (found.status, found.reasons) == ("degraded", ["producer has said nothing for 41 s"])
