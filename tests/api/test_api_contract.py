"""PRD's endpoints over the fakes and over the emulator alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics
from samples_hot import NOON, a_snapshot, an_alert

from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.model import Alert
from ctc.ports import AlertStore, MetricStore
from ctc.settings import Settings, load_profile

PRD_ALERT = ["alert_id", "type", "symbol", "exchange", "severity", "z_score", "window_volume", "rolling_mean", "detected_at", "message"]
PRD_METRICS = ["symbol", "current_price", "spread_pct", "volume_1h", "anomaly_count_24h", "last_whale", "updated_at"]
PRD_WHALE = ["price", "quantity", "side", "timestamp"]


class Api:
    """The API with its stores."""

    def __init__(self, alerts: AlertStore, metrics: MetricStore, settings: Settings, state: Path) -> None:
        self.alerts = alerts
        self.metrics = metrics
        self.http = AppClient(create_app(alerts, metrics, SessionHealth(state, metrics), settings))

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "application/json"
        return answer.json()


@pytest.fixture(params=["memory", "dynamodb"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Api:
    if request.param == "memory":
        found = Api(MemoryAlerts(), MemoryMetrics(), load_profile("sim"), tmp_path)
    else:
        own: Settings = request.getfixturevalue("emulator")
        create_tables(own)
        found = Api(DynamoAlerts(own), DynamoMetrics(own), own, tmp_path)
    return found


def numbers(answer: Any) -> list[int]:
    return [int(alert["alert_id"].replace("-", ""), 16) for alert in answer["alerts"]]


def test_alerts_has_prds_fields_and_ours(api: Api) -> None:
    api.alerts.put([an_alert(1, z_score=Decimal("3.20000000"), detected_at=NOON.replace(microsecond=5))])
    answer = api.get("/alerts", since="2026-01-15T00:00:00Z")
    assert list(answer) == ["alerts", "count", "has_more", "next"]
    assert (answer["count"], answer["has_more"], answer["next"]) == (1, False, None)
    alert = answer["alerts"][0]
    assert set(PRD_ALERT) | set(Alert.__struct_fields__) == set(alert)
    assert alert["z_score"] == 3.2
    assert alert["window_volume"] is None
    assert alert["detected_at"] == "2026-01-15T12:30:00.000005Z"
    assert alert["quote_volume"] == 540000


def test_numbers_leave_with_all_their_digits(api: Api) -> None:
    exact = Decimal("12345678901234567890.123456789012345678")
    api.alerts.put([an_alert(1, quote_volume=exact)])
    answer = api.http.get("/alerts", params={"since": "2026-01-15T00:00:00Z"})
    assert b'"quote_volume":12345678901234567890.123456789012345678,' in answer.content


def test_alerts_of_a_quiet_session_are_none(api: Api) -> None:
    assert api.get("/alerts") == {"alerts": [], "count": 0, "has_more": False, "next": None}


def test_alerts_default_to_the_day_before_the_streams_clock(api: Api) -> None:
    api.alerts.put([an_alert(n, detected_at=NOON - timedelta(hours=10 * n)) for n in range(4)])
    assert numbers(api.get("/alerts")) == [0, 1, 2, 3]  # no clock yet: every alert is recent
    api.metrics.put([a_snapshot(clock=NOON)], [], [])
    assert numbers(api.get("/alerts")) == [0, 1, 2]


def test_alerts_filter_and_limit(api: Api) -> None:
    types = ["whale", "spread", "volume_spike"]
    api.alerts.put(
        [an_alert(n, type=types[n % 3], symbol=("BTC-USDT", "ETH-USDT")[n % 2], detected_at=NOON - timedelta(minutes=n)) for n in range(60)]
    )
    everything = {"since": "2026-01-15T00:00:00Z"}
    answer = api.get("/alerts", **everything)
    assert (numbers(answer), answer["count"], answer["has_more"]) == (list(range(50)), 50, True)
    assert numbers(api.get("/alerts", type="spread", limit=3, **everything)) == [1, 4, 7]
    assert numbers(api.get("/alerts", symbol="ETH-USDT", limit=3, **everything)) == [1, 3, 5]
    assert numbers(api.get("/alerts", symbol="btc-usdt", type="whale", **everything)) == list(range(0, 60, 6))
    answer = api.get("/alerts", limit=200, **everything)
    assert (answer["count"], answer["has_more"]) == (60, False)


@pytest.mark.parametrize(
    "since",
    ["2026-01-15T12:00:00Z", "2026-01-15T12:00:00", "2026-01-15T13:00:00+01:00", "2026-01-15T13:00:00 01:00", "2026-01-15 12:00:00.000"],
)
def test_since_takes_any_iso_moment_and_naive_is_utc(api: Api, since: str) -> None:
    base = datetime(2026, 1, 15, 12, tzinfo=UTC)
    api.alerts.put([an_alert(1, detected_at=base), an_alert(2, detected_at=base + timedelta(microseconds=1))])
    assert numbers(api.get("/alerts", since=since)) == [2]


def test_metrics_has_prds_fields_and_ours(api: Api) -> None:
    api.metrics.put([a_snapshot()], [], [])
    answer = api.get("/metrics/BTC-USDT")
    assert list(answer)[: len(PRD_METRICS)] == PRD_METRICS
    assert answer["current_price"] == {"binance": 67432.5, "coinbase": 67445}
    assert answer["volume_1h"] == {"binance": 2500000, "coinbase": 1800000}
    assert answer["spread_pct"] == -0.01853362
    assert list(answer["last_whale"])[: len(PRD_WHALE)] == PRD_WHALE
    assert answer["updated_at"] == "2026-01-15T12:30:00Z"
    assert api.get("/metrics/btc-usdt") == answer


def test_metrics_before_the_first_trade_are_null(api: Api) -> None:
    answer = api.get("/metrics/SOL-USDT")
    assert answer["current_price"] == {}
    assert answer["anomaly_count_24h"] == 0
    assert [answer[name] for name in ("spread_pct", "last_whale", "updated_at", "clock")] == [None] * 4


def test_health_tells_the_streams_clock_and_newest_trades(api: Api) -> None:
    api.metrics.put([a_snapshot(), a_snapshot(symbol="ETH-USDT", newest_trade={"coinbase": NOON})], [], [])
    answer = api.get("/health")
    assert answer["status"] == "ok"
    assert answer["stream_clock"] == "2026-01-15T12:30:00Z"
    assert answer["newest_trade"] == {"binance": "2026-01-15T12:30:00Z", "coinbase": "2026-01-15T12:30:00Z"}


def test_answers_read_back_as_what_was_stored(api: Api) -> None:
    api.alerts.put([an_alert(1)])
    answer = api.http.get("/alerts", params={"since": "2026-01-15T00:00:00Z"})
    stored = msgspec.json.decode(msgspec.json.encode(answer.json()["alerts"]), type=list[Alert], strict=False)
    assert stored == [an_alert(1)]
