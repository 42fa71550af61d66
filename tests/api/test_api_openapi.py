"""The public contract: OpenAPI as a snapshot, and answers that keep to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics, MemoryQuality, MemoryWallets
from samples_hot import a_bar, a_ledger, a_snapshot, a_spread, an_alert
from samples_quality import a_batch, a_sample, a_tally
from samples_wallets import RUN, SCORES, address

from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.api.models import DISCLAIMER, Metrics
from ctc.api.problems import KINDS
from ctc.model import Snapshot
from ctc.settings import load_profile, machine

SNAPSHOT = Path(__file__).with_name("openapi.json")


@pytest.fixture
def http(tmp_path: Path) -> AppClient:
    alerts, metrics, quality, wallets = MemoryAlerts(), MemoryMetrics(), MemoryQuality(), MemoryWallets()
    alerts.put([an_alert(1)])
    metrics.put([a_snapshot()], [a_bar(-3)], [a_spread(-3)])
    metrics.put_ledger("BTC-USDT", a_ledger(100, 3))
    quality.put(a_batch(1, a_tally(0), samples=[a_sample(1)]))
    wallets.put(RUN, SCORES)
    health = SessionHealth(tmp_path, metrics)
    return AppClient(create_app(alerts, metrics, health, load_profile("sim"), quality=quality, wallets=wallets))


def test_openapi_is_the_snapshot(http: AppClient) -> None:
    found = json.dumps(http.get("/openapi.json").json(), indent=1, ensure_ascii=False) + "\n"
    if machine("CTC_UPDATE_SNAPSHOTS"):
        SNAPSHOT.write_text(found)
    assert found == SNAPSHOT.read_text(), "the API's contract changed: if that is meant, run with CTC_UPDATE_SNAPSHOTS=1 and commit"


def _operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for path in document["paths"].values() for operation in path.values()]


def test_every_operation_is_documented(http: AppClient) -> None:
    document = http.get("/openapi.json").json()
    for operation in _operations(document):
        assert all(operation[name] for name in ("summary", "tags", "operationId"))
        for code, answer in operation["responses"].items():
            if code == "304":
                assert "content" not in answer
                continue
            expected = "application/json" if code == "200" else "application/problem+json"
            assert list(answer["content"]) == [expected], (operation["operationId"], code)


def test_every_reference_resolves(http: AppClient) -> None:
    document = http.get("/openapi.json").json()
    names = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}
    text = json.dumps(document)
    used = {piece.split('"')[0] for piece in text.split('"$ref": "')[1:]}
    assert used <= names


def _check(schema: dict[str, Any], value: Any, schemas: dict[str, Any], where: str) -> None:
    """A small JSON Schema check, enough for our own documents."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"].rsplit("/", 1)[1]]
    if "anyOf" in schema:
        schema = {"type": "null"} if value is None else next(each for each in schema["anyOf"] if each.get("type") != "null")
        _check(schema, value, schemas, where)
        return
    kinds: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if "type" in schema:
        assert isinstance(value, kinds[schema["type"]]), (where, schema, value)
    if "enum" in schema:
        assert value in schema["enum"], where
    if "properties" in schema:
        assert set(value) == set(schema["properties"]), where
        for name, part in schema["properties"].items():
            _check(part, value[name], schemas, f"{where}.{name}")
    elif schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        for name, part in value.items():
            _check(schema["additionalProperties"], part, schemas, f"{where}.{name}")
    if schema.get("type") == "array":
        for each in value:
            _check(schema["items"], each, schemas, f"{where}[]")


def test_answers_and_examples_keep_to_their_schemas(http: AppClient) -> None:
    document = http.get("/openapi.json").json()
    schemas = document["components"]["schemas"]
    values = {"{symbol}": "BTC-USDT", "{kind}": "internal", "{alert_id}": an_alert(1).alert_id, "{address}": address(1)}
    for path, item in document["paths"].items():
        answers = item["get"]["responses"]
        schema = answers["200"]["content"]["application/json"]["schema"]
        asked = path
        for name, value in values.items():
            asked = asked.replace(name, value)
        _check(schema, http.get(asked).json(), schemas, path)
        for answer in answers.values():
            for content in answer.get("content", {}).values():
                if "example" in content:
                    _check(content["schema"], content["example"], schemas, f"{path} example")


def test_metrics_answers_with_every_field_of_a_snapshot() -> None:
    assert Metrics.__struct_fields__ == tuple(name for name in Snapshot.__struct_fields__)


def test_index_links_and_disclaims(http: AppClient) -> None:
    body = http.get("/").json()
    assert body["disclaimer"] == DISCLAIMER == "For educational and analytical purposes only. Not financial advice."
    for name in ("alerts", "whales", "symbols", "session", "quality", "wallets", "health", "openapi", "docs"):
        assert http.get(body["links"][name]).status_code == 200


def test_every_problem_type_leads_somewhere(http: AppClient) -> None:
    for kind in KINDS.values():
        body = http.get(kind.type).json()
        assert (body["title"], body["remedy"]) == (kind.title, kind.remedy)
    assert http.get("/problems/nothing").status_code == 404


def test_only_the_configured_origins_may_read(http: AppClient) -> None:
    ours = http.get("/alerts", headers={"Origin": "http://127.0.0.1:5173"})
    assert ours.headers["access-control-allow-origin"] == "http://127.0.0.1:5173"
    assert ours.headers["cache-control"] == "public, max-age=1"
    assert "access-control-allow-origin" not in http.get("/alerts", headers={"Origin": "http://evil.example"}).headers
