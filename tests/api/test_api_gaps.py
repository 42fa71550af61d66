"""`GET /gaps/{symbol}` over the fake and the emulator alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics
from samples_hot import NOON, a_ledger

from ctc.api.app import create_app
from ctc.api.gaps import gaps_of
from ctc.api.health import SessionHealth
from ctc.aws.hot import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.model import IdSpan
from ctc.ports import MetricStore
from ctc.settings import Settings, load_profile


@pytest.fixture(params=["memory", "dynamodb"])
def metrics(request: pytest.FixtureRequest) -> MetricStore:
    if request.param == "memory":
        return MemoryMetrics()
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return DynamoMetrics(own)


def test_gaps_are_the_ledger_by_market(metrics: MetricStore, tmp_path: Path) -> None:
    http = AppClient(create_app(MemoryAlerts(), metrics, SessionHealth(tmp_path, metrics), load_profile("sim")))
    assert http.get("/gaps/btc-usdt").json() == {"symbol": "BTC-USDT", "spaces": []}
    metrics.put_ledger("BTC-USDT", a_ledger(100, 3))
    found = http.get("/gaps/BTC-USDT")
    assert found.status_code == 200
    assert found.headers["etag"]
    space = found.json()["spaces"][0]
    assert (space["exchange"], space["native_symbol"], space["kind"]) == ("binance", "BTCUSDT", "aggTrade")
    assert (space["first_id"], space["last_id"], space["ids"]) == (1, 103, {"received": 100, "lost": 3})
    assert [(span["state"], span["first_id"], span["last_id"]) for span in space["spans"]] == [("lost", 5, 7)]
    assert http.get("/gaps/DOGE-USDT").status_code == 404
    span = IdSpan(
        space="binance|spot|BTCUSDT|aggTrade", state="backfilled", first_id=5, last_id=7, trades=3, started_at=NOON, ended_at=NOON
    )
    metrics.tell_ledger("BTC-USDT", "history", [span])
    space = http.get("/gaps/BTC-USDT").json()["spaces"][0]
    assert space["ids"] == {"received": 100, "lost": 0, "backfilled": 3}
    assert [(span["state"], span["first_id"], span["last_id"], span["trades"]) for span in space["spans"]] == [("backfilled", 5, 7, 3)]


def test_ids_that_are_neither_here_nor_given_up_are_counted_as_open() -> None:
    view = a_ledger(100, 3)
    for space in view.spaces.values():
        space.last_id += 7
    assert [space.ids for space in gaps_of("BTC-USDT", view).spaces] == [{"received": 100, "lost": 3, "open": 7}]
