"""Why a spread alert fired: both VWAPs, the spread as quoted and with USDT's own price taken out, side by side."""

from __future__ import annotations

from datetime import timedelta

import streamlit as st

from ctc.model import Alert
from ctc.settings import Settings
from dashboard.inspector import charts, data, words
from dashboard.inspector.data import Source

AROUND = timedelta(minutes=15)
COLUMNS = [
    "window_start",
    "binance_vwap",
    "coinbase_vwap",
    "spread_pct",
    "peg",
    "adjusted_spread_pct",
    "binance_quantity",
    "coinbase_quantity",
]
CAUSES = {
    "venue": "It stays when USDT's own price is taken out: the venues disagree.",
    "peg": "It goes away when USDT's own price is taken out: USDT left its peg, the venues agree.",
}


def show(origin: Source, settings: Settings, alert: Alert) -> None:
    """Draw it."""
    assert alert.window_start is not None, "a spread alert has a window"
    assert alert.window_end is not None, "a spread alert has a window"
    st.caption(CAUSES.get(alert.cause or "", "No price of USDT was known, so none could be taken out."))
    columns = st.columns(6)
    columns[0].metric("Spread", words.percent(alert.spread_pct))
    columns[1].metric("Peg-adjusted", words.percent(alert.adjusted_spread_pct) if alert.adjusted_spread_pct is not None else "no peg known")
    columns[2].metric("Threshold", f"± {words.plain(alert.threshold)} %")
    columns[3].metric("Binance VWAP", words.number(alert.binance_vwap))
    columns[4].metric("Coinbase VWAP", words.number(alert.coinbase_vwap))
    columns[5].metric("USDT in USD", words.plain(alert.peg) or "-")
    found = data.spreads(origin, alert.symbol, alert.window_start - AROUND, alert.window_end + AROUND)
    if not found:
        st.info("The windows around it are not stored any more, or not yet.")
        return
    st.markdown("#### Window by window")
    left, right = st.columns(2)
    left.altair_chart(charts.spread_around(found, alert, "spread_pct", "as quoted, %", settings.spread.threshold_pct), width="stretch")
    right.altair_chart(
        charts.spread_around(found, alert, "adjusted_spread_pct", "peg-adjusted, %", settings.spread.threshold_pct), width="stretch"
    )
    with st.expander(f"The {len(found)} windows in figures"):
        rows = words.exact(words.frame(found, COLUMNS))
        marks = ["◀ this alert" if each.window_start == alert.window_start else "" for each in found]
        st.dataframe(rows.assign(verdict=marks).iloc[::-1], hide_index=True, height=420)
