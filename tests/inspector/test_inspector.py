"""The inspector over a small lake: every page draws, an alert leads to its raw trades, and trouble is told in words."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import fixtures_inspector
import pandas as pd
import pytest
from fixtures_inspector import ALERTS, APART, SPIKE, WHALE, choose, figures, frames, page, words
from samples_lake import alert, bar, minute, spread

from ctc.api.models import DISCLAIMER
from ctc.aws.alerts import DynamoAlerts
from ctc.model import Alert, Bar, Spread
from ctc.processes import free_port
from ctc.settings import Settings, load_profile, save_state
from dashboard.inspector import charts
from dashboard.inspector import words as worded

pytestmark = pytest.mark.emulator
fresh_caches = fixtures_inspector.fresh_caches
filled = fixtures_inspector.filled
session = fixtures_inspector.session
PAGES = ("overview", "alert", "market", "quality", "gaps", "scorecard", "wallets", "sql", "session")


@pytest.mark.parametrize("name", PAGES)
def test_page_of_an_empty_session_says_so(session: Settings, name: str) -> None:
    app = page(name)
    assert not app.exception
    assert not app.error
    assert DISCLAIMER in words(app)
    assert "Simulated market" in words(app)
    if name != "sql":
        assert len(app.info) >= 1


def test_overview_counts_without_reading_tables_and_names_processes(filled: Settings) -> None:
    app = page()
    assert not app.exception
    shown = figures(app)
    assert shown["Session clock (UTC)"] == "12:31:00"
    assert (shown["Raw trades"], shown["Alerts, complete"], shown["Volume bars"], shown["Spreads"]) == ("3", "3", "31", "40")
    _, services, tables = frames(app)
    assert services["process"].tolist() == ["lake"]
    assert tables.set_index("table").loc["volume_aggregates", ["rows", "commits", "by"]].tolist() == [31, 1, "test, batch 0"]


def test_alerts_are_listed_newest_first(filled: Settings) -> None:
    app = page("alert")
    assert not app.exception
    (listed,) = frames(app)
    assert listed["rule"].tolist() == ["volume.z", "spread.raw", "whale.single"]


def test_alerts_filter_by_the_url(filled: Settings) -> None:
    (listed,) = frames(page("alert", type="whale"))
    assert listed["type"].tolist() == ["whale"]
    (listed,) = frames(page("alert", severity="high"))
    assert listed["rule"].tolist() == ["volume.z"]


def test_alerts_that_no_filter_matches_say_so(filled: Settings) -> None:
    app = choose(page("alert"), "Symbol", "SOL-USDT")
    assert "No alert matches" in words(app)


def test_alerts_hold_early_ones_of_the_hot_store(filled: Settings) -> None:
    early: Alert = alert(alert_id="early", rule="whale.split", final=False, detected_at=minute(30) + timedelta(seconds=40))
    DynamoAlerts(filled).put([early, *ALERTS])
    (listed,) = frames(page("alert"))
    assert listed[["rule", "stage"]].to_numpy().tolist()[:2] == [["whale.split", "early"], ["volume.z", "complete"]]


def test_volume_alert_is_explained_bar_by_bar(filled: Settings) -> None:
    app = page("alert", alert_id="v1")
    assert not app.exception
    assert figures(app)["z-score"] == f"{SPIKE.z_score:.2f}"
    assert figures(app)["Robust score"] == f"{SPIKE.robust_score:.2f}"
    assert figures(app)["Mean before"] == "$64,000"
    assert len(app.get("vega_lite_chart")) == 3, "the bars, z, the robust score"
    assert "Computed once more from the 29 bars before it: the same z" in app.success[0].value
    minutes = next(frame for frame in frames(app) if "z_score" in frame)
    assert minutes.loc[minutes["verdict"] != "", "window_start"].tolist() == [pd.Timestamp(minute(29))]


def test_volume_alert_that_its_bars_do_not_bear_out_says_so(filled: Settings) -> None:
    DynamoAlerts(filled).put(
        [alert(**{name: getattr(SPIKE, name) for name in SPIKE.__struct_fields__} | {"z_score": Decimal(9), "revision": 2})]
    )
    app = page("alert", alert_id="v1")
    assert not app.success
    assert "z-score" in app.warning[0].value


def test_alert_leads_to_trades_frame_log_and_producer(filled: Settings) -> None:
    app = page("alert", alert_id="v1")
    trades = next(frame for frame in frames(app) if "trade_id" in frame)
    assert trades[["trade_id", "shard", "position"]].to_numpy().tolist() == [[1029, "shardId-000000000000", 3]]
    assert '"a": 1029' in app.code[0].value
    assert "1 trades, lines 3-3; 1 heartbeats, lines 9-9" in words(app)
    assert "is producer-7's" in words(app)
    venues = next(frame for frame in frames(app) if "connection" in frame)
    assert venues[["connection", "last id"]].to_numpy().tolist() == [["up", "1029"]]


def test_whale_is_its_own_print(filled: Settings) -> None:
    app = page("alert", alert_id=WHALE.alert_id)
    assert not app.exception
    assert figures(app)["Value"] == "$260,401"
    trades = next(frame for frame in frames(app) if "trade_id" in frame)
    assert trades[["trade_id", "quote_volume"]].to_numpy().tolist() == [[1007, "260400.84"]]
    assert "no heartbeat of these seconds" in words(app)


def test_spread_shows_both_forms_side_by_side(filled: Settings) -> None:
    app = page("alert", alert_id=APART.alert_id)
    assert not app.exception
    assert figures(app)["Spread"] == "0.6200 %"
    assert figures(app)["Peg-adjusted"] == "no peg known"
    assert len(app.get("vega_lite_chart")) == 2
    assert "the venues disagree" in words(app)


def test_unknown_alert_is_said_literally(filled: Settings) -> None:
    app = page("alert", alert_id="[x](http://evil)")
    assert not app.exception
    assert r"\[x\]\(http\:" in app.warning[0].value


def test_market_draws_each_exchange_spreads_and_whales(filled: Settings) -> None:
    app = page("market")
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 3, "one exchange, spreads, whales"


def test_market_shows_the_moment_of_the_url(filled: Settings) -> None:
    app = page("market", at=(minute(5)).isoformat(), window="30 minutes")
    assert not app.exception
    assert "0 alerts" not in words(app)
    assert "1 alerts." in words(app), "the whale at 12:07, not the spread at 12:20"
    assert not page("market", at="no moment").exception


def test_market_charts_share_one_time_axis() -> None:
    bars = worded.frame([bar(20), bar(21, exchange="coinbase")], Bar.__struct_fields__)
    spreads = worded.frame([spread(42)], Spread.__struct_fields__)
    alerts = worded.frame(ALERTS, Alert.__struct_fields__)
    found = [chart.to_dict() for chart in charts.market(bars, spreads, alerts, Decimal("2.5"), Decimal("0.5"))]
    assert len(found) == 4
    domains = {
        str(part["encoding"]["x"]["scale"]["domain"]) for chart in found for part in chart.get("layer", [chart]) if "x" in part["encoding"]
    }
    assert domains == {str([minute(7).isoformat(), minute(30).isoformat()])}


def test_inspector_without_a_session_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_STATE", str(tmp_path / "none"))
    app = page()
    assert not app.exception
    assert "start one with `ctc sim`" in app.error[0].value
    assert DISCLAIMER in words(app)


@pytest.mark.parametrize("name", PAGES)
def test_page_with_a_silent_emulator_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    save_state(load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{free_port()}"}), tmp_path)
    monkeypatch.setenv("CTC_STATE", str(tmp_path))
    app = page(name)
    assert not app.exception
    if name == "session":  # it asks no store
        assert "No session runs on this folder" in words(app)
    elif name == "scorecard":  # nor does it before something was planted
        assert "no anomaly was planted yet" in words(app)
    else:
        assert "does not answer" in app.error[0].value
