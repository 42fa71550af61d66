"""Filters, pages and evidence of alerts, over the fakes."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics
from samples_hot import NOON, a_bar, a_snapshot, a_spread, an_alert

from ctc.api.app import create_app
from ctc.api.evidence import LakeTrace, Trace, no_lake
from ctc.api.health import SessionHealth
from ctc.errors import LakeError
from ctc.settings import load_profile

EVERYTHING = {"since": "2026-01-01T00:00:00Z"}


class Api:
    def __init__(self, state: Path, trace: Trace = no_lake) -> None:
        self.alerts, self.metrics = MemoryAlerts(), MemoryMetrics()
        self.http = AppClient(create_app(self.alerts, self.metrics, SessionHealth(state, self.metrics), load_profile("sim"), trace=trace))

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def numbers(answer: Any, name: str = "alerts") -> list[int]:
    return [int(alert["alert_id"].replace("-", ""), 16) for alert in answer[name]]


def test_alerts_filter_by_severity_exchange_and_until(api: Api) -> None:
    api.alerts.put(
        [
            an_alert(
                n, severity=("low", "high")[n % 2], exchange=("binance", "coinbase")[n % 3 == 0], detected_at=NOON - timedelta(minutes=n)
            )
            for n in range(12)
        ]
    )
    assert numbers(api.get("/alerts", severity="high", **EVERYTHING)) == [1, 3, 5, 7, 9, 11]
    assert numbers(api.get("/alerts", exchange="Coinbase", **EVERYTHING)) == [0, 3, 6, 9]
    assert numbers(api.get("/alerts", severity="low", exchange="coinbase", until="2026-01-15T12:29:00Z", **EVERYTHING)) == [6]
    assert numbers(api.get("/alerts", until="2026-01-15T12:28:00Z", limit=2, **EVERYTHING)) == [2, 3]


@pytest.mark.parametrize(("path", "name"), [("/alerts", "alerts"), ("/whales", "whales")])
def test_pages_go_on_where_they_ended_while_alerts_arrive(api: Api, path: str, name: str) -> None:
    api.alerts.put([an_alert(n, detected_at=NOON - timedelta(minutes=n // 4)) for n in range(30)])
    asked: dict[str, Any] = {"limit": 7, **EVERYTHING}
    whole = numbers(api.get(path, **EVERYTHING, limit=200), name)
    found: list[int] = []
    for number in range(10):
        answer = api.get(path, **asked)
        found += numbers(answer, name)
        assert answer["has_more"] is (answer["next"] is not None)
        if answer["next"] is None:
            break
        asked["cursor"] = answer["next"]
        api.alerts.put([an_alert(1000 + number, detected_at=NOON + timedelta(minutes=number))])
    assert found == whole
    assert len(whole) == 30


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", "====", "MTIz", "a" * 201, "%00", "é"])
def test_cursor_that_is_none_is_refused(api: Api, cursor: str) -> None:
    answer = api.http.get("/alerts", params={"cursor": cursor})
    assert answer.status_code == 422
    assert [error["parameter"] for error in answer.json()["errors"]] == ["cursor"]


def test_whales_tell_single_from_split(api: Api) -> None:
    api.alerts.put(
        [an_alert(1, rule="whale.single"), an_alert(2, rule="whale.split", trade_count=4), an_alert(3, type="spread", rule="spread.raw")]
    )
    both = api.get("/whales", **EVERYTHING)["whales"]
    assert [(whale["kind"], whale["trade_count"], whale["side"]) for whale in both] == [("split", 4, "buy"), ("single", None, "buy")]
    assert numbers(api.get("/whales", kind="split", **EVERYTHING), "whales") == [2]


def test_unknown_alert_is_a_404_and_no_id_at_all_a_422(api: Api) -> None:
    missing = api.http.get(f"/alerts/{an_alert(5).alert_id}")
    assert (missing.status_code, missing.json()["type"]) == (404, "/problems/unknown-alert")
    assert api.http.get("/alerts/nonsense").status_code == 422


def test_evidence_of_a_volume_alert_is_its_baseline_on_its_exchange(api: Api) -> None:
    api.metrics.put([a_snapshot()], [a_bar(n, exchange=exchange) for n in range(-70, 1) for exchange in ("binance", "coinbase")], [])
    api.alerts.put(
        [an_alert(1, type="volume_spike", rule="volume.z", window_start=NOON, window_end=NOON + timedelta(minutes=1), baseline_bars=60)]
    )
    answer = api.get(f"/alerts/{an_alert(1).alert_id}")
    assert {bar["exchange"] for bar in answer["bars"]} == {"binance"}
    assert len(answer["bars"]) == 61
    assert (answer["spreads"], answer["trades"], answer["trades_total"]) == ([], [], 0)
    assert "Athena" in answer["trades_absent"]


def test_evidence_of_a_spread_alert_is_the_spreads_around_it(api: Api) -> None:
    api.metrics.put([a_snapshot()], [a_bar()], [a_spread(n) for n in range(-100, 40)])
    api.alerts.put([an_alert(1, type="spread", rule="spread.raw", window_start=NOON, window_end=NOON + timedelta(seconds=30))])
    answer = api.get(f"/alerts/{an_alert(1).alert_id}")
    assert answer["bars"] == []
    assert len(answer["spreads"]) == 70


class Lake:
    """Answers with what it is given, and remembers what it was asked."""

    def __init__(self, rows: list[dict[str, Any]] | Exception) -> None:
        self.rows, self.asked = rows, {}

    def query(self, sql: str, parameters: Any = None) -> Any:
        self.asked = dict(parameters)
        if isinstance(self.rows, Exception):
            raise self.rows
        return pa.Table.from_pylist(self.rows)


ROW = {
    "event_id": "e",
    "exchange": "binance",
    "native_symbol": "BTCUSDT",
    "kind": "aggTrade",
    "trade_id": 7,
    "price": Decimal("67500.000000000000000000"),
    "quantity": Decimal("8.000000000000000000"),
    "quote_volume": Decimal("540000.000000000000000000"),
    "side": "buy",
    "timestamp": NOON,
    "ingestion_timestamp": NOON,
    "is_late": False,
    "raw_event_payload": "{}",
    "shard": "shardId-000000000000",
    "sequence_number": "49",
    "position": 3,
    "total": 12,
}
WHALE = {"native_symbol": "BTCUSDT", "first_trade_id": 7, "last_trade_id": 9, "rule": "whale.split"}


def test_evidence_holds_trades_and_their_lineage(tmp_path: Path) -> None:
    lake = Lake([ROW])
    api = Api(tmp_path, LakeTrace(lambda: lake))
    api.alerts.put([an_alert(1, **WHALE)])
    answer = api.get(f"/alerts/{an_alert(1).alert_id}")
    assert (answer["trades_total"], answer["trades_absent"]) == (12, None)
    trade = answer["trades"][0]
    assert (trade["shard"], trade["sequence_number"], trade["position"], trade["raw_event_payload"]) == (
        "shardId-000000000000",
        "49",
        3,
        "{}",
    )
    assert (lake.asked["low"], lake.asked["high"], lake.asked["side"]) == (7, 9, "buy")


@pytest.mark.parametrize(("rows", "reason"), [([], "not in the lake"), (LakeError("secret path"), "does not answer")])
def test_evidence_without_trades_says_why(tmp_path: Path, rows: Any, reason: str) -> None:
    api = Api(tmp_path, LakeTrace(lambda: Lake(rows)))
    api.alerts.put([an_alert(1, **WHALE)])
    answer = api.get(f"/alerts/{an_alert(1).alert_id}")
    assert (answer["trades"], answer["trades_total"]) == ([], 0)
    assert reason in answer["trades_absent"]
    assert "secret" not in answer["trades_absent"]
