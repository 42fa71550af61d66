"""A session folder for the inspector's tests, empty or with a small lake, and what a page shows."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
import streamlit as st
from samples_hot import a_ledger
from samples_lake import alert, bar, minute, spread, trade_row
from samples_quality import SYMBOL, a_batch, a_tally
from streamlit.testing.v1 import AppTest

from ctc import status
from ctc.arrow import arrow_schema
from ctc.aws import hot
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.lakehouse import TableAppender, create_tables, rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.detect.baseline import baseline
from ctc.model import Alert, to_us
from ctc.quality.letters import Refused
from ctc.schema import HEARTBEATS, RAW_TRADES
from ctc.settings import ROOT, Settings, save_state

APP = ROOT / "dashboard" / "inspector" / "app.py"
EVIL = b'{"event_id": "e", "symbol": "<script>alert(1)</script>", "a": "\x1b[31m[x](http://x)"}\xff'
VENUES = b'[{"exchange":"binance","market":"spot","native_symbol":"BTCUSDT","kind":"aggTrade","connected":true,"last_id":1029}]'
BEFORE = [bar(number).quote_volume for number in range(29)]
_BASE = baseline(29, BEFORE, 20)

SPIKE = alert(
    alert_id="v1",
    type="volume_spike",
    rule="volume.z",
    revision=1,
    severity="high",
    detected_at=minute(30),
    event_time=minute(30),
    threshold=Decimal("2.5"),
    message="loud for the last hour",
    window_start=minute(29),
    window_end=minute(30),
    native_symbol=None,
    side=None,
    trade_count=40,
    z_score=_BASE.z_score(Decimal(72000)),
    robust_score=_BASE.robust_score(Decimal(72000)),
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
WHALE = alert()
ALERTS: list[Alert] = [WHALE, SPIKE, APART]


@pytest.fixture(autouse=True)
def fresh_caches() -> Iterator[None]:
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
    """Half an hour of bars and spreads, three alerts, the trades behind them, a dead letter, a gap."""
    appender = TableAppender(session)
    beat = {"symbol": SYMBOL, "timestamp": minute(29), "producer": "producer-7", "venues": VENUES.decode(), "peg": None, "final": False}
    place = {"shard": "shardId-000000000000", "sequence_number": "49600000000000001029", "position": 9}
    tables = {
        "volume_aggregates": rows_of_bars(bar(n) for n in range(31)),
        "spreads": rows_of_spreads(spread(n) for n in range(40)),
        "anomalies": rows_of_alerts(ALERTS),
        "raw_trades": pa.Table.from_pylist([trade_row(7), trade_row(8), trade_row(29)], schema=arrow_schema(RAW_TRADES)),
        "heartbeats": pa.Table.from_pylist([beat | place], schema=arrow_schema(HEARTBEATS)),
    }
    for name, rows in tables.items():
        appender.append_once(name, rows, query="test", run="r1", batch_id=0)
    status.publish(tmp_path, "lake", {"state": "running", "batch": 7, "totals": {"trades": 3}})
    return session


@pytest.fixture
def judged(filled: Settings) -> Settings:
    """The same with counts of quality, a dead letter that means harm, and a gap in the ledger."""
    DynamoQuality(filled).put(a_batch(1, a_tally(0, kept=990, failed=10, price_missing=9, not_json=1)))
    refused = Refused("malformed", ("not JSON: <b>",), EVIL, SYMBOL, "s", "7", 3, to_us(minute(3)), ("not_json",))
    DeadLetters(filled).put("run", 1, SYMBOL, msgspec.msgpack.encode([refused]))
    DynamoMetrics(filled).put_ledger(SYMBOL, a_ledger(1000, 12))
    return filled


def page(name: str = "overview", **query: str) -> AppTest:
    """The page of this name, as its URL has it."""
    app = AppTest.from_file(APP, default_timeout=120)
    if name != "overview":
        app.switch_page(f"pages/{name}.py")
    app.query_params.update(query)
    return app.run()


def words(app: AppTest) -> str:
    """Everything that is said on the page."""
    kinds = (app.markdown, app.caption, app.info, app.error, app.success, app.warning)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def figures(app: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in app.metric}


def frames(app: AppTest) -> list[pd.DataFrame]:
    return [frame.value for frame in app.dataframe]


def choose(app: AppTest, label: str, value: str) -> AppTest:
    """The page after somebody has chosen a value of a select box."""
    next(box for box in app.selectbox if box.label == label).set_value(value)
    return app.run()
