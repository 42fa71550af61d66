"""Alerts as a list; the chosen one (/alert?alert_id=...) with why it fired: bar by bar, its trades, and where they came from."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd
import streamlit as st

from ctc.model import Alert
from ctc.settings import Settings
from dashboard.inspector import data, frame, words
from dashboard.inspector.charts import SEVERITIES
from dashboard.inspector.data import Source
from dashboard.inspector.why import bars, lineage, spreads, whale

SPANS = {"hour": timedelta(hours=1), "6 hours": timedelta(hours=6), "24 hours": timedelta(hours=24), "all": None}
TYPES = ("volume_spike", "whale", "spread")
LISTED = ["detected_at", "severity", "type", "rule", "exchange", "symbol", "message"]
WHY = {"volume_spike": bars.show, "whale": whale.show, "spread": spreads.show}
ICONS = {"low": "gray", "medium": "blue", "high": "orange", "critical": "red"}


def show(origin: Source, settings: Settings) -> None:
    """The alert that the URL names, else the list."""
    wanted = st.query_params.get("alert_id")
    if wanted is None:
        _list(origin, settings.session.symbols)
        return
    if st.button("All alerts", icon=":material/arrow_back:"):
        del st.query_params["alert_id"]
        st.rerun()
    found = data.alert(origin, wanted)
    if found is None:
        st.warning(f"No alert has the id {words.escaped(wanted)}. The hot store keeps a day, the lake only what is complete.")
        return
    _one(origin, settings, found)


def _list(origin: Source, symbols: tuple[str, ...]) -> None:
    columns = st.columns(4)
    span = columns[0].selectbox("Last", list(SPANS), index=0, key="span", bind="query-params")
    symbol = columns[1].selectbox("Symbol", ["any", *symbols], key="symbol", bind="query-params")
    type_ = columns[2].selectbox("Type", ["any", *TYPES], key="type", bind="query-params")
    severity = columns[3].selectbox("At least", SEVERITIES, key="severity", bind="query-params")
    found = data.alerts(origin, SPANS[span], None if type_ == "any" else type_, None if symbol == "any" else symbol)
    shown = [alert for alert in found if SEVERITIES.index(alert.severity) >= SEVERITIES.index(severity)]
    if not shown:
        st.info("No alert matches. Choose a longer time or fewer filters; a session's first alerts take a minute or two.")
        return
    most = f"The newest {len(found):,}" if len(found) == data.MOST_ALERTS else f"{len(shown):,}"
    st.caption(f"{most} alerts, newest first. **Choose a row to see why it fired.**")
    rows = words.frame(shown, LISTED).assign(stage=["complete" if alert.final else "early" for alert in shown])

    def choose() -> None:
        if picked := st.session_state["alerts"]["selection"]["rows"]:
            st.query_params["alert_id"] = shown[picked[0]].alert_id

    st.dataframe(
        rows,
        hide_index=True,
        height=560,
        on_select=choose,
        selection_mode="single-row",
        key="alerts",
        column_config={
            "detected_at": st.column_config.DatetimeColumn("detected", format="YYYY-MM-DD HH:mm:ss.SSS", timezone="UTC"),
            "message": st.column_config.TextColumn(width="large"),
        },
    )


def _one(origin: Source, settings: Settings, alert: Alert) -> None:
    badge, about = st.columns([1, 7], vertical_alignment="center")
    badge.badge(alert.severity, color=ICONS.get(alert.severity, "gray"))  # type: ignore[arg-type]
    about.markdown(f"**{alert.rule}** · {alert.symbol} on {alert.exchange} · {words.escaped(alert.message)}")
    stage = "complete" if alert.final else "early: its window is still open, a revision will follow"
    st.caption(
        f"Happened {words.moment(alert.event_time)}, detected {words.moment(alert.detected_at)} by the symbol's clock · "
        f"revision {alert.revision}, {stage} · id {alert.alert_id}"
    )
    if alert.type in WHY:
        WHY[alert.type](origin, settings, alert)
    st.markdown("#### The trades behind it")
    lineage.show(origin, alert)
    st.page_link(
        "pages/market.py",
        label="The market around it",
        icon=":material/candlestick_chart:",
        query_params={"symbol": alert.symbol, "at": alert.event_time.isoformat()},
    )
    with st.expander("Every field, exact"):
        fields = {name: words.plain(getattr(alert, name)) for name in alert.__struct_fields__ if getattr(alert, name) is not None}
        st.dataframe(pd.DataFrame(fields.items(), columns=["field", "value"]), hide_index=True, height="content")


frame.page("Alerts", "What was found, and why", show)
