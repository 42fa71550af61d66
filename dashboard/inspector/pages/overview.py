"""The session at a glance: its processes, what the lake holds, and when alerts came."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import streamlit as st

from ctc.model import Alert
from ctc.settings import Settings
from dashboard.inspector import charts, data, frame, words
from dashboard.inspector.data import Source

STALE_S = 30
LAST = timedelta(hours=3)
COUNTED = {"raw_trades": "Raw trades", "anomalies": "Alerts, complete", "volume_aggregates": "Volume bars", "spreads": "Spreads"}


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    held = data.commits(origin)
    now = data.clock(origin)
    columns = st.columns(5)
    columns[0].metric("Session clock (UTC)", f"{now:%H:%M:%S}" if now else "not started", help="Event time of the newest heartbeat")
    for column, (table, label) in zip(columns[1:], COUNTED.items(), strict=True):
        column.metric(label, f"{held[table][0].rows:,}" if held.get(table) else "0", help=f"Rows of {table} as of its newest commit")
    st.markdown("#### Alerts of the last three hours")
    alerts = data.alerts(origin, LAST, most=4 * data.MOST_ALERTS)
    if not alerts:
        st.info("No alert yet. Baselines need 20 closed minutes per exchange; whales and spreads come as they happen.")
    else:
        _alerts(words.frame(alerts, Alert.__struct_fields__))
    st.markdown("#### Processes")
    _services(data.services(origin))
    st.markdown("#### The lake")
    _tables(held)


def _alerts(found: pd.DataFrame) -> None:
    chart, table = st.columns([3, 2], vertical_alignment="center")
    chart.altair_chart(charts.alerts_over_time(found), width="stretch")
    by_kind = found.pivot_table(index="rule", columns="severity", values="alert_id", aggfunc="count", fill_value=0)
    table.dataframe(by_kind.reindex(columns=[s for s in charts.SEVERITIES if s in by_kind]), height="content")
    table.page_link("pages/alert.py", label="Every alert, and why it fired", icon=":material/arrow_forward:")


def _tables(held: dict[str, list[Any]]) -> None:
    rows = [
        {
            "table": name,
            "rows": commits[0].rows if commits else 0,
            "files": commits[0].files if commits else 0,
            "MB": round(commits[0].bytes / 1e6, 1) if commits else 0,
            "commits": len(commits),
            "newest": words.moment(commits[0].at) if commits else "none",
            "by": f"{commits[0].query or '?'}, batch {commits[0].batch}" if commits else "",
        }
        for name, commits in held.items()
    ]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")


def _services(found: dict[str, dict[str, Any]]) -> None:
    if not found:
        st.info("No process of this session has said anything: it is not running, or has just begun.")
        return
    now = datetime.now(UTC)
    rows = [_service(name, values, now) for name, values in found.items()]
    st.dataframe(pd.DataFrame(rows), hide_index=True, height="content")
    for name, values in found.items():
        if values.get("trouble"):
            st.warning(f"{name}: {words.escaped(str(values['trouble']))}")


def _service(name: str, values: dict[str, Any], now: datetime) -> dict[str, Any]:
    age = (now - datetime.fromisoformat(values["written_at"])).total_seconds()
    state = str(values.get("phase") or values.get("state") or "running")
    totals = values.get("totals") or {}
    return {
        "process": name,
        "state": state if age < STALE_S or state == "stopped" else f"{state}, silent for {age:,.0f} s",
        "heard": f"{age:,.1f} s ago",
        "batch": str(values.get("batch", "")),
        "counts": ", ".join(f"{key} {value:,}" for key, value in totals.items()) or _trades(values),
    }


def _trades(values: dict[str, Any]) -> str:
    return f"trades {values['trades']:,}" if isinstance(values.get("trades"), int) else ""


frame.page("Overview", "The session at a glance", show, live=True)
