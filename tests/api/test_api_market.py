"""Symbols, bars, spreads and the session, over the fakes; answers that need not be sent twice."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from app_client import AppClient
from fakes_hot import MemoryAlerts, MemoryMetrics
from samples_hot import NOON, a_bar, a_snapshot, a_spread, an_alert

from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.settings import load_profile


class Api:
    def __init__(self, state: Path, overrides: dict[str, Any] | None = None) -> None:
        self.alerts, self.metrics = MemoryAlerts(), MemoryMetrics()
        settings = load_profile("sim", overrides)
        self.http = AppClient(create_app(self.alerts, self.metrics, SessionHealth(state, self.metrics), settings, build=state / "dist"))

    def get(self, path: str, **params: Any) -> Any:
        answer = self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def api(tmp_path: Path) -> Api:
    return Api(tmp_path)


def test_symbols_have_native_names_and_latest_values(api: Api) -> None:
    api.metrics.put([a_snapshot()], [], [])
    answer = api.get("/symbols")
    assert (answer["count"], [each["symbol"] for each in answer["symbols"]]) == (4, ["BTC-USDT", "ETH-USDT", "SOL-USDT", "USDT-USD"])
    first, *_, peg = answer["symbols"]
    assert first["native_symbols"] == {"binance": "BTCUSDT", "coinbase": "BTC-USD"}
    assert first["metrics"] == api.get("/metrics/BTC-USDT")
    assert (peg["peg"], peg["native_symbols"], peg["metrics"]["updated_at"]) == (True, {"coinbase": "USDT-USD"}, None)


@pytest.mark.parametrize(("path", "name", "step"), [("/bars", "bars", 60), ("/spreads", "spreads", 30)])
def test_windows_are_those_of_the_two_hours_before_the_streams_clock(api: Api, path: str, name: str, step: int) -> None:
    api.metrics.put([a_snapshot()], [a_bar(n) for n in range(-150, 0)], [a_spread(n) for n in range(-300, 0)])
    answer = api.get(f"{path}/btc-usdt")
    assert (answer["symbol"], answer["window_s"]) == ("BTC-USDT", step)
    assert (answer["since"], answer["until"]) == ("2026-01-15T10:30:00Z", "2026-01-15T12:30:00Z")
    assert len(answer[name]) == 7200 // step
    answer = api.get(f"{path}/BTC-USDT", since="2026-01-15T12:10:00Z", until="2026-01-15T12:12:00Z")
    assert [row["window_start"] for row in answer[name]][:: 120 // step - 1] == [
        "2026-01-15T12:10:00Z",
        "2026-01-15T12:11:00Z" if step == 60 else "2026-01-15T12:11:30Z",
    ]


def test_windows_of_more_than_a_day_are_cut_and_say_so(api: Api) -> None:
    api.metrics.put([a_snapshot()], [], [])
    assert api.get("/bars/BTC-USDT", since="2020-01-01T00:00:00Z")["since"] == "2026-01-14T12:30:00Z"
    assert api.get("/bars/BTC-USDT", until="1970-01-01T00:30:00Z")["since"] == "1970-01-01T00:00:00Z"


def test_windows_before_the_first_tick_are_none(api: Api) -> None:
    assert api.get("/bars/BTC-USDT") == {"symbol": "BTC-USDT", "since": None, "until": None, "window_s": 60, "bars": []}
    assert api.http.get("/spreads/DOGE-USDT").status_code == 404


def test_session_says_whether_it_is_real_and_over(api: Api, tmp_path: Path) -> None:
    api.metrics.put([a_snapshot(), a_snapshot(symbol="ETH-USDT", final=True)], [], [])
    answer = api.get("/session")
    assert (answer["market"], answer["ended"], answer["clock"]) == ("simulated", False, "2026-01-15T12:30:00Z")
    assert answer["thresholds"] == {"volume_z": 2.5, "volume_robust": 6, "whale": 100000, "spread_pct": 0.5}
    api.metrics.put([a_snapshot(final=True)], [], [])
    assert api.get("/session")["ended"] is True
    assert Api(tmp_path, {"session.market": "live"}).get("/session")["market"] == "live"


@pytest.mark.parametrize(
    "path",
    ["/alerts", "/whales", "/symbols", "/metrics/BTC-USDT", "/bars/BTC-USDT", "/spreads/BTC-USDT", "/session", "/", "/problems/internal"],
)
def test_same_answer_is_not_sent_twice(api: Api, path: str) -> None:
    api.metrics.put([a_snapshot()], [a_bar(-1)], [a_spread(-1)])
    first = api.http.get(path)
    tag = first.headers["etag"]
    for header in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = api.http.get(path, headers={"If-None-Match": header})
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
        assert again.headers["cache-control"] == first.headers["cache-control"]
    api.metrics.put([a_snapshot(99, clock=NOON + timedelta(minutes=1))], [], [])
    api.alerts.put([an_alert(1, rule="whale.single")])
    same = path in ("/", "/problems/internal")
    assert api.http.get(path, headers={"If-None-Match": tag}).status_code == (304 if same else 200)


def test_index_is_a_page_for_browsers_and_json_for_programs(api: Api, tmp_path: Path) -> None:
    browser = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    absent = api.http.get("/", headers=browser)
    assert (absent.status_code, absent.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "make setup" in absent.text
    (tmp_path / "dist" / "assets").mkdir(parents=True)
    (tmp_path / "dist" / "index.html").write_text("<title>built</title>")
    (tmp_path / "dist" / "assets" / "a-1.js").write_text("x" * 5000)
    page = api.http.get("/", headers=browser)
    assert (page.status_code, page.text, page.headers["cache-control"]) == (200, "<title>built</title>", "no-cache")
    assert "Accept" in page.headers["vary"]
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    script = api.http.get("/assets/a-1.js")
    assert (script.text, script.headers["content-encoding"]) == ("x" * 5000, "gzip")
    assert "immutable" in script.headers["cache-control"]
    assert api.http.get("/").headers["content-type"] == "application/json"
    for path in ("/assets/nothing.js", "/assets/../index.html", "/assets/%2e%2e/%2e%2e/settings.json"):
        assert api.http.get(path).status_code == 404


def test_client_that_asks_too_much_waits(tmp_path: Path) -> None:
    api = Api(tmp_path, {"api.requests_per_s": 1, "api.burst": 3})
    answers = [api.http.get("/session") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert (answers[3].json()["type"], answers[3].headers["retry-after"]) == ("/problems/too-many-requests", "1")
    assert api.http.get("/assets/nothing.js").status_code == 404
