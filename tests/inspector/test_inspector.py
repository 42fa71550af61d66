"""The inspector over a small lake: every page draws, an alert leads to its raw trades, and trouble is told in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st
from conftest import free_port
from samples_lake import alert, bar, minute, spread, trade_row
from streamlit.testing.v1 import AppTest

from ctc import status
from ctc.arrow import arrow_schema
from ctc.aws import hot
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.lakehouse import TableAppender, create_tables, rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.model import Alert
from ctc.schema import RAW_TRADES
from ctc.settings import ROOT, Settings, load_profile, save_state
from dashboard.inspector import charts

pytestmark = pytest.mark.emulator

SPIKE = alert(
    alert_id="v1",
    type="volume_spike",
    rule="volume.z",
    revision=1,
    severity="high",
    detected_at=minute(30),
    event_time=minute(30),
    threshold=Decimal("2.5"),
    message="4.2 standard deviations over the last hour",
    window_start=minute(29),
    window_end=minute(30),
    native_symbol=None,
    side=None,
    z_score=Decimal("4.2"),
    robust_score=Decimal("5.5"),
    window_volume=Decimal(72000),
    rolling_mean=Decimal("64000.5"),
    rolling_std=Decimal("1800.25"),
    baseline_bars=29,
)
APART = alert(
    alert_id="s1",
    type="spread",
    rule="spread.raw",
    exchange="binance-coinbase",
    severity="low",
    detected_at=minute(20),
    event_time=minute(20),
    threshold=Decimal("0.5"),
    message="0.62 % apart",
    window_start=minute(19),
    window_end=minute(20),
    spread_pct=Decimal("0.62"),
    binance_vwap=Decimal("62384.4"),
    coinbase_vwap=Decimal(62000),
    cause="venue",
)


@pytest.fixture(autouse=True)
def _fresh_caches() -> Iterator[None]:
    yield
    st.cache_data.clear()
    st.cache_resource.clear()


@pytest.fixture
def session(emulator: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A session folder whose tables exist and are empty."""
    create_tables(emulator)
    hot.create_tables(emulator)
    save_state(emulator, tmp_path)
    monkeypatch.setenv("CTC_STATE", str(tmp_path))
    return emulator


@pytest.fixture
def filled(session: Settings, tmp_path: Path) -> Settings:
    appender = TableAppender(session)
    tables = {
        "volume_aggregates": rows_of_bars(bar(n) for n in range(31)),
        "spreads": rows_of_spreads(spread(n) for n in range(40)),
        "anomalies": rows_of_alerts([alert(), SPIKE, APART]),
        "raw_trades": pa.Table.from_pylist([trade_row(7), trade_row(8), trade_row(29)], schema=arrow_schema(RAW_TRADES)),
    }
    for name, rows in tables.items():
        appender.append_once(name, rows, query="test", run="r1", batch_id=0)
    status.publish(tmp_path, "lake", {"state": "running", "batch": 7, "totals": {"trades": 3}})
    return session


def page(name: str) -> AppTest:
    app = AppTest.from_file(str(ROOT / "dashboard" / "inspector" / "app.py"), default_timeout=60)
    app.query_params["page"] = name
    return app.run()


def words(app: AppTest) -> str:
    return "\n".join(str(element.value) for kind in (app.markdown, app.caption, app.info, app.error) for element in kind)


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def frames(app: AppTest) -> list[pd.DataFrame]:
    return [frame.value for frame in app.dataframe]


@pytest.mark.parametrize("name", ["Overview", "Alerts", "Market"])
def test_page_of_an_empty_lake_says_so(session: Settings, name: str) -> None:
    app = page(name)
    assert not app.exception
    assert not app.error
    assert len(app.info) >= 1
    assert "Not financial advice." in words(app)


def test_overview_counts_and_names_processes(filled: Settings) -> None:
    app = page("Overview")
    assert not app.exception
    assert figures(app) == {"Session clock (UTC)": "12:31:00", "Raw trades": "3", "Alerts": "3", "Volume bars": "31", "Spreads": "40"}
    assert frames(app)[-1]["process"].tolist() == ["lake"]
    assert "Simulated market" in words(app)


def test_alerts_lead_from_the_newest_to_its_raw_trades(filled: Settings) -> None:
    app = page("Alerts")
    assert not app.exception
    listed, _, trades = frames(app)
    assert listed["rule"].tolist() == ["z", "raw", "single"]
    assert figures(app)["z"] == "4.20"
    assert figures(app)["Baseline mean"] == "$64,000"
    assert trades["trade_id"].tolist() == ["1029"]
    assert trades[["shard", "position"]].to_numpy().tolist() == [["shardId-000000000000", 3]]
    assert '"a":1029' in app.code[0].value


def test_alerts_filter_by_type_and_show_a_whales_own_print(filled: Settings) -> None:
    app = page("Alerts")
    next(box for box in app.selectbox if box.label == "Type").set_value("whale").run()
    assert not app.exception
    listed, _, trades = frames(app)
    assert listed["type"].tolist() == ["whale"]
    assert trades["trade_id"].tolist() == ["1007"]
    assert trades["quote_volume"].tolist() == ["260400.84"]


def test_alerts_that_no_filter_matches_say_so(filled: Settings) -> None:
    app = page("Alerts")
    next(box for box in app.selectbox if box.label == "Symbol").set_value("SOL-USDT").run()
    assert "No alert matches" in words(app)


def test_alerts_hold_early_ones_of_the_hot_store(filled: Settings) -> None:
    early: Alert = alert(alert_id="early", rule="whale.split", final=False, detected_at=minute(30) + timedelta(seconds=40))
    DynamoAlerts(filled).put([early, SPIKE])
    app = page("Alerts")
    assert not app.exception
    assert frames(app)[0][["rule", "stage"]].to_numpy().tolist()[:2] == [["split", "early"], ["z", "complete"]]


def test_market_draws_each_exchange_spreads_and_whales(filled: Settings) -> None:
    app = page("Market")
    assert not app.exception
    assert len(app.get("vega_lite_chart")) == 3, "one exchange, spreads, whales"


def test_market_charts_share_one_time_axis() -> None:
    bars = pd.DataFrame(rows_of_bars([bar(20), bar(21, exchange="coinbase")]).to_pylist())
    spreads = pd.DataFrame(rows_of_spreads([spread(42)]).to_pylist())
    alerts = pd.DataFrame(rows_of_alerts([alert(), SPIKE, APART]).to_pylist())
    found = [chart.to_dict() for chart in charts.market(bars, spreads, alerts, Decimal("2.5"), Decimal("0.5"))]
    assert len(found) == 4
    domains = {
        str(part["encoding"]["x"]["scale"]["domain"]) for chart in found for part in chart.get("layer", [chart]) if "x" in part["encoding"]
    }
    assert domains == {str([minute(7).isoformat(), minute(30).isoformat()])}


def test_inspector_without_a_session_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CTC_STATE", str(tmp_path / "none"))
    app = page("Overview")
    assert not app.exception
    assert "start one with `ctc sim`" in app.error[0].value


def test_inspector_with_a_silent_emulator_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_state(load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{free_port()}"}), tmp_path)
    monkeypatch.setenv("CTC_STATE", str(tmp_path))
    app = page("Overview")
    assert not app.exception
    assert "does not answer" in app.error[0].value
