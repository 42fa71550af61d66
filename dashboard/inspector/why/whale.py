"""Why a whale alert fired: its value against the threshold, and how large it is beside the minutes around it."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from ctc.model import Alert
from ctc.settings import Settings
from dashboard.inspector import charts, data, words
from dashboard.inspector.data import Source

BEFORE, AFTER = timedelta(minutes=30), timedelta(minutes=5)


def show(origin: Source, settings: Settings, alert: Alert) -> None:
    """Draw it."""
    split = alert.rule == "whale.split"
    what = (
        f"{alert.trade_count} prints of one side in the same millisecond, together above the threshold"
        if split
        else "One print above the threshold"
    )
    over = alert.quote_volume / alert.threshold if alert.quote_volume is not None else None
    st.caption(f"{what}: {words.number(over)} times {words.dollars(alert.threshold)}. Compared exactly, as decimals.".replace("$", "\\$"))
    columns = st.columns(6)
    columns[0].metric("Value", words.dollars(alert.quote_volume))
    columns[1].metric("Threshold", words.dollars(alert.threshold))
    columns[2].metric("Taker", alert.side or "-", help="The side that took liquidity")
    columns[3].metric("Prints", words.plain(alert.trade_count))
    columns[4].metric("Price", words.number(alert.price))
    columns[5].metric("Quantity", words.number(alert.quantity, 4))
    found = data.bars(origin, alert.symbol, alert.event_time - BEFORE, alert.event_time + AFTER)
    bars = [bar for bar in found if bar.exchange == alert.exchange]
    if bars:
        st.markdown("#### Bar by bar")
        st.altair_chart(charts.bars_around(bars, alert, settings.volume.z_threshold), width="stretch")
        st.caption(f"{alert.exchange}'s minutes around it; the red line is the whale's own moment. Orange: what was usual.")
