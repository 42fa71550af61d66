"""The gap ledger: what became of every trade id (/gaps?symbol=...)."""

from __future__ import annotations

import pandas as pd
import streamlit as st

from ctc.quality.ledger import MAX_NOTED, STATES
from ctc.settings import Settings
from dashboard.inspector import data, frame, words
from dashboard.inspector.data import Source

WORDS = {
    "received": "by a socket or a recording",
    "backfilled": "from the exchange's history, after the sockets had missed them",
    "natural": "the exchange itself has no such ids",
    "open": "not here yet: their fill is under way, or is tried again",
    "lost": "named by a heartbeat and not there in time; they may still come",
    "halted": "nothing is missing, but nothing traded for a long time",
}
SPANS = ["state", "first_id", "last_id", "trades", "started_at", "ended_at"]


def show(origin: Source, settings: Settings) -> None:
    """Draw the page."""
    symbol = st.selectbox("Symbol", settings.session.symbols, key="symbol", bind="query-params", width=260)
    found = data.ledger(origin, symbol)
    if not found.spaces:
        st.info(f"No trade of {symbol} was seen yet, so there is nothing to miss.")
        return
    for space in found.spaces:
        st.markdown(f"#### {space.exchange} {space.native_symbol} ({space.kind})")
        columns = st.columns(len(STATES) + 1)
        columns[0].metric("Ids", f"{space.last_id - space.first_id + 1:,}", help=f"{space.first_id} to {space.last_id}")
        for column, state in zip(columns[1:], STATES, strict=True):
            column.metric(state.capitalize(), f"{space.ids.get(state, 0):,}", help=WORDS[state])
        if not space.spans and not space.ids.get("open"):
            st.success("Received without a gap.", icon=":material/check:")
            continue
        rows = words.frame(space.spans, SPANS).iloc[::-1]
        times = st.column_config.DatetimeColumn(format="YYYY-MM-DD HH:mm:ss", timezone="UTC")
        st.dataframe(
            rows, hide_index=True, height="content" if len(rows) < 10 else 380, column_config={"started_at": times, "ended_at": times}
        )
    st.caption(
        f"The newest {MAX_NOTED} ranges of each market that are not simply received. All of them, from the lake: "
        f"`ctc gaps --symbol {symbol}`, or the table `gaps` on the SQL page."
    )
    with st.expander("What the states mean"):
        st.dataframe(pd.DataFrame(WORDS.items(), columns=["state", "the ids"]), hide_index=True, height="content")


frame.page("Gaps", "What became of every trade id", show)
