"""`GET /quality` over the fake and the emulator alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics, MemoryQuality
from samples_quality import a_batch, a_sample, a_tally

from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.aws.hot import create_tables
from ctc.aws.quality import DynamoQuality
from ctc.errors import StoreError
from ctc.ports import QualityStore
from ctc.quality.rules import RULES
from ctc.settings import Settings, load_profile

DAY = 24 * 60


class Api:
    """The endpoint with its store."""

    def __init__(self, store: QualityStore, state: Path) -> None:
        self.store, metrics = store, MemoryMetrics()
        self.http = AppClient(create_app(MemoryAlerts(), metrics, SessionHealth(state, metrics), load_profile("sim"), quality=store))

    def get(self, **params: Any) -> Any:
        answer = self.http.get("/quality", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture(params=["memory", "dynamodb"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Api:
    if request.param == "memory":
        return Api(MemoryQuality(), tmp_path)
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return Api(DynamoQuality(own), tmp_path)


def point(found: Any, *names: str) -> list[Any]:
    return [found[name] for name in names]


def test_quality_before_the_first_record_has_nulls_and_all_rules(api: Api) -> None:
    answer = api.get()
    assert point(answer, "as_of", "current", "total", "series", "samples") == [None, None, None, [], []]
    assert (answer["target"], answer["alarm_below"]) == (99, 95)
    assert [rule["rule"] for rule in answer["rules"]] == list(RULES)
    assert {rule["records"] for rule in answer["rules"]} == {0}


def test_current_is_the_last_five_minutes_and_total_the_day(api: Api) -> None:
    api.store.put(a_batch(1, *(a_tally(minute, 10) for minute in range(DAY - 5))))
    api.store.put(a_batch(2, *(a_tally(minute, 9, failed=1, price_missing=1) for minute in range(DAY - 5, DAY))))
    answer = api.get()
    assert answer["as_of"] == "2026-01-16T11:59:00Z"
    assert point(answer["current"], "start", "processed", "passed", "score", "failure_rate") == ["2026-01-16T11:55:00Z", 50, 45, 90, 10]
    assert point(answer["total"], "processed", "failed", "score") == [10 * DAY, 5, 99.9653]
    assert len(answer["series"]) == DAY
    assert {rule["rule"]: rule["records"] for rule in answer["rules"] if rule["records"]} == {"price_missing": 5}


def test_series_adds_up_steps_and_leaves_silent_ones_out(api: Api) -> None:
    api.store.put(a_batch(1, *(a_tally(minute, 10, late=1) for minute in (0, 4, 5, 30, 59, 60))))
    answer = api.get(step=5)
    assert [(each["start"][11:16], each["processed"], each["late"]) for each in answer["series"]] == [
        ("12:00", 20, 2),
        ("12:05", 10, 1),
        ("12:30", 10, 1),
        ("12:55", 10, 1),
        ("13:00", 10, 1),
    ]
    assert [each["start"][11:16] for each in api.get(hours=1)["series"]] == ["12:04", "12:05", "12:30", "12:59", "13:00"]


def test_minute_of_duplicates_alone_has_no_score(api: Api) -> None:
    api.store.put(a_batch(1, a_tally(0, 0, duplicate=9)))
    answer = api.get()
    assert point(answer["current"], "processed", "duplicates", "score", "failure_rate") == [0, 9, None, None]


def test_samples_come_with_their_reasons(api: Api) -> None:
    api.store.put(a_batch(1, samples=[a_sample(1), a_sample(2)]))
    newest, _ = api.get()["samples"]
    assert newest == {
        "id": a_sample(2).id,
        "category": "invalid",
        "rules": ["price_not_positive"],
        "reasons": ["price is not above zero"],
        "symbol": "BTC-USDT",
        "exchange": None,
        "arrived_at": "2026-01-15T12:00:00.000002Z",
        "size": 2,
        "raw": "{}",
    }


@pytest.mark.parametrize("query", ["hours=0", "hours=25", "step=0", "step=61", "hours=day"])
def test_bad_parameter_is_named(api: Api, query: str) -> None:
    answer = api.http.get(f"/quality?{query}")
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")
    assert answer.json()["errors"][0]["parameter"] == query.partition("=")[0]


def test_store_that_is_away_is_503(tmp_path: Path) -> None:
    class Away(MemoryQuality):
        def view(self) -> Any:
            raise StoreError("secret host")

    answer = Api(Away(), tmp_path).http.get("/quality")
    assert (answer.status_code, "secret" in answer.text) == (503, False)
