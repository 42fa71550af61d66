"""The session at a glance: its processes, what the lake holds, and when alerts came."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.inspector import charts, data
from dashboard.inspector.data import Source

STALE_S = 30


def show(origin: Source) -> None:
    """Draw the page."""
    held = data.counts(origin)
    now = data.clock(origin)
    columns = st.columns(5)
    columns[0].metric("Session clock (UTC)", f"{now:%H:%M:%S}" if now else "not started", help="Event time of the newest heartbeat")
    columns[1].metric("Raw trades", f"{held['raw_trades']:,}")
    columns[2].metric("Alerts", f"{held['anomalies']:,}")
    columns[3].metric("Volume bars", f"{held['volume_aggregates']:,}")
    columns[4].metric("Spreads", f"{held['spreads']:,}")
    st.subheader("Alerts over time")
    alerts = data.alerts(origin, None)
    if alerts.empty:
        st.info("No alert yet. Baselines need 20 closed minutes per exchange; whales and spreads come as they happen.")
    else:
        st.altair_chart(charts.alerts_over_time(alerts), width="stretch")
        by_kind = alerts.pivot_table(index=["type", "rule"], columns="severity", values="alert_id", aggfunc="count", fill_value=0)
        st.dataframe(by_kind.reindex(columns=[s for s in charts.SEVERITIES if s in by_kind]), width="content")
    st.subheader("Processes")
    _services(data.services(origin))


def _services(found: dict[str, dict[str, Any]]) -> None:
    if not found:
        st.info("No process of this session has said anything: it is not running, or has just begun.")
        return
    now = datetime.now(UTC)
    rows = [_service(name, values, now) for name, values in found.items()]
    st.dataframe(pd.DataFrame(rows), hide_index=True, width="stretch")
    for name, values in found.items():
        if values.get("trouble"):
            st.warning(f"{name}: {values['trouble']}")


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
