"""What the inspector shows, read from the session's stores and kept for some seconds. Nothing here writes."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pandas as pd
import streamlit as st

from ctc import status
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.query import LakeReader
from ctc.lineage import trades_behind
from ctc.model import Alert
from ctc.schema import SPREADS, TABLES, VOLUME_AGGREGATES
from ctc.settings import Settings, load_state, session_state

HOT_SPAN = timedelta(hours=6)  # beyond it DynamoDB reads cost more than the lake's
HOT_ALERTS = 200
MOST_ALERTS = 2_000
MOST_TRADES = 200
QUICK, SLOW = 5, 20  # seconds that an answer is kept


class Source(NamedTuple):
    """Names one session's data; a new session in the same folder has another stamp, so nothing old is shown for it."""

    state: str
    stamp: int


class Stores(NamedTuple):
    """A session's settings and open stores."""

    settings: Settings
    lake: LakeReader
    alerts: DynamoAlerts
    metrics: DynamoMetrics


def source() -> Source:
    """The session of this process. Raises ConfigError when there is none."""
    state = session_state()
    load_state(state)
    return Source(str(state), (state / "settings.json").stat().st_mtime_ns)


@st.cache_resource(max_entries=1, show_spinner=False)
def stores(origin: Source) -> Stores:
    """Connections that every visitor shares."""
    settings = load_state(Path(origin.state))
    return Stores(settings, LakeReader(settings), DynamoAlerts(settings), DynamoMetrics(settings))


def services(origin: Source) -> dict[str, dict[str, Any]]:
    """What each process of the session said last."""
    return status.read_all(Path(origin.state))


@st.cache_data(ttl=QUICK, show_spinner=False)
def clock(origin: Source) -> datetime | None:
    """The session's "now", which may lie in the past: the newest heartbeat's, else the newest bar's end, else None."""
    if found := stores(origin).metrics.stream_clock():
        return found
    # The hot store forgets after a day; the lake does not.
    (row,) = stores(origin).lake.query("select max(window_end) as newest from volume_aggregates").to_pylist()
    newest: datetime | None = row["newest"]
    return newest


@st.cache_data(ttl=SLOW, show_spinner=False)
def counts(origin: Source) -> dict[str, int]:
    """Rows of each table of the lake."""
    sql = " union all ".join(f"select '{name}' as name, count(*) as n from {name}" for name in TABLES)  # noqa: S608
    return {row["name"]: row["n"] for row in stores(origin).lake.query(sql).to_pylist()}


@st.cache_data(ttl=QUICK, show_spinner="Reading alerts")
def alerts(origin: Source, span: timedelta | None) -> pd.DataFrame:
    """Alerts newest first, columns of `anomalies` and `stage`: completed ones from the lake, early ones from the hot store."""
    now = clock(origin)
    since = now - span if now and span else None
    where = "where detected_at >= $since" if since else ""
    sql = f"select * from anomalies {where} order by detected_at desc, alert_id limit {MOST_ALERTS}"  # noqa: S608
    found = stores(origin).lake.query(sql, {"since": since} if since else None).to_pylist()
    known = {row["alert_id"]: row | {"stage": "complete"} for row in found}
    for alert in _hot_alerts(origin, now, since):
        if alert.alert_id not in known:
            known[alert.alert_id] = _row(alert)
    rows = sorted(known.values(), key=lambda row: (row["detected_at"], row["alert_id"]), reverse=True)
    return pd.DataFrame(rows, columns=[*TABLES["anomalies"].names, "stage"])


@st.cache_data(ttl=QUICK, show_spinner="Reading bars")
def bars(origin: Source, symbol: str, span: timedelta | None) -> pd.DataFrame:
    """Closed bars of a symbol, oldest first, columns of `volume_aggregates`."""
    since = _since(origin, span)
    if since and span and span <= HOT_SPAN and (hot := stores(origin).metrics.bars(symbol, since)):
        return pd.DataFrame([msgspec.structs.asdict(bar) for bar in hot])
    return _windows(origin, VOLUME_AGGREGATES.name, symbol, since)


@st.cache_data(ttl=QUICK, show_spinner="Reading spreads")
def spreads(origin: Source, symbol: str, span: timedelta | None) -> pd.DataFrame:
    """Closed spreads of a symbol, oldest first, columns of `spreads`."""
    since = _since(origin, span)
    if since and span and span <= HOT_SPAN and (hot := stores(origin).metrics.spreads(symbol, since)):
        return pd.DataFrame([msgspec.structs.asdict(spread) for spread in hot])
    return _windows(origin, SPREADS.name, symbol, since)


@st.cache_data(ttl=SLOW, show_spinner="Reading raw trades")
def trades_of(origin: Source, alert: dict[str, Any]) -> pd.DataFrame:
    """The raw trades that an alert was made from, largest first, at most `MOST_TRADES`."""
    condition, values = trades_behind(alert)
    sql = f"select * from raw_trades where {condition} order by quote_volume desc, trade_id limit {MOST_TRADES}"  # noqa: S608
    return pd.DataFrame(stores(origin).lake.query(sql, values).to_pylist(), columns=TABLES["raw_trades"].names)


def _since(origin: Source, span: timedelta | None) -> datetime | None:
    now = clock(origin)
    return now - span if now and span else None


def _windows(origin: Source, table: str, symbol: str, since: datetime | None) -> pd.DataFrame:
    later = "and window_start >= $since" if since else ""
    sql = f"select * from {table} where symbol = $symbol {later} order by window_start"  # noqa: S608
    values = {"symbol": symbol, **({"since": since} if since else {})}
    return pd.DataFrame(stores(origin).lake.query(sql, values).to_pylist(), columns=TABLES[table].names)


def _hot_alerts(origin: Source, now: datetime | None, since: datetime | None) -> list[Alert]:
    if now is None:
        return []
    return stores(origin).alerts.page(now=now, type=None, symbol=None, since=since, limit=HOT_ALERTS).alerts


def _row(alert: Alert) -> dict[str, Any]:
    values = msgspec.structs.asdict(alert)
    stage = "complete" if alert.final else "early"
    return values | {"timestamp": alert.event_time, "rule": alert.rule.rpartition(".")[2], "stage": stage}
