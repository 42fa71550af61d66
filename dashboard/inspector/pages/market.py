"""One symbol's market on one time axis, with everything that fired in it (/market?symbol=...&at=... shows a moment of the past)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import streamlit as st

from ctc.model import Alert, Bar, Spread
from ctc.settings import Settings
from dashboard.inspector import charts, data, frame, words
from dashboard.inspector.data import Source

SPANS = {
    "30 minutes": timedelta(minutes=30),
    "80 minutes": timedelta(minutes=80),
    "6 hours": timedelta(hours=6),
    "24 hours": timedelta(hours=24),
}
AFTER = timedelta(minutes=10)


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    columns = st.columns([1, 1, 2], vertical_alignment="bottom")
    symbol = columns[0].selectbox("Symbol", settings.session.symbols, key="symbol", bind="query-params")
    span = SPANS[columns[1].selectbox("Last", list(SPANS), index=1, key="window", bind="query-params")]
    now, at = data.clock(origin), _moment(st.query_params.get("at"))
    if at is not None and columns[2].button(f"Until {words.moment(at + AFTER)}: back to now", icon=":material/arrow_back:"):
        del st.query_params["at"]
        st.rerun()
    until = at + AFTER if at is not None else now
    bars = data.bars(origin, symbol, until - span, until) if until else []
    if until is None or not bars:
        st.info(f"No closed minute of {symbol} here. The first bar comes 65 seconds of market time after the session's start.")
        return
    spreads = data.spreads(origin, symbol, until - span, until)
    alerts = data.alerts_between(origin, symbol, until - span, until)
    z, percent = settings.volume.z_threshold, settings.spread.threshold_pct
    frames = (
        words.frame(bars, Bar.__struct_fields__),
        words.frame(spreads, Spread.__struct_fields__),
        words.frame(alerts, Alert.__struct_fields__),
    )
    for chart in charts.market(*frames, z, percent):
        st.altair_chart(chart, width="stretch")
    st.caption(
        f"Orange: the baseline's mean and mean ± {z} standard deviations of the 60 bars before, as each bar was tested. "
        f"Pale bars are incomplete minutes. Dashed: ± {percent} %. {len(alerts)} alerts."
    )


def _moment(text: str | None) -> datetime | None:
    """A moment of the URL; None where it names none."""
    try:
        found = datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
    return found if found is None or found.tzinfo else found.replace(tzinfo=UTC)


frame.page("Market", "Bars, spreads and whales on one time axis", show, live=True)
