"""One symbol's market on one time axis, with everything that fired in it."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from ctc.settings import Settings
from dashboard.inspector import charts, data
from dashboard.inspector.data import Source

SPANS = {
    "30 minutes": timedelta(minutes=30),
    "80 minutes": timedelta(minutes=80),
    "6 hours": timedelta(hours=6),
    "24 hours": timedelta(hours=24),
}


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    columns = st.columns([1, 1, 2])
    symbol = columns[0].selectbox("Symbol", settings.session.symbols)
    span = SPANS[columns[1].selectbox("Last", list(SPANS), index=1)]
    bars, spreads, alerts = data.bars(origin, symbol, span), data.spreads(origin, symbol, span), data.alerts(origin, span)
    alerts = alerts[alerts["symbol"] == symbol]
    if bars.empty:
        st.info(f"No closed minute of {symbol} yet. The first bar comes 65 seconds of market time after the session's start.")
        return
    z, percent = settings.volume.z_threshold, settings.spread.threshold_pct
    for chart in charts.market(bars, spreads, alerts, z, percent):
        st.altair_chart(chart, width="stretch")
    st.caption(
        f"Orange: the baseline's mean and mean ± {z} standard deviations of the 60 bars before, as each bar was tested. "
        f"Pale bars are incomplete minutes. Dashed: ± {percent} %. Times are UTC."
    )
