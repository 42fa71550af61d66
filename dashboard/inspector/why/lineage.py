"""From an alert to its trades, from a trade to the exchange's frame, its place in the log, and who put it there."""

from __future__ import annotations

from typing import Any

import msgspec
import pandas as pd
import streamlit as st

from ctc.api.models import EvidenceTrade
from ctc.model import Alert, VenueMark
from dashboard.inspector import data, words
from dashboard.inspector.data import Source

TRADES = [
    "timestamp",
    "exchange",
    "native_symbol",
    "trade_id",
    "side",
    "price",
    "quantity",
    "quote_volume",
    "shard",
    "sequence_number",
    "position",
]
_VENUES = msgspec.json.Decoder(list[VenueMark])


def show(origin: Source, alert: Alert) -> None:
    """Draw it."""
    found = data.trades_behind(origin, alert.alert_id, alert.revision, alert)
    if not found.trades:
        st.info(f"No trades to show: {found.absent}. A drought of a silent minute has none at all.")
        return
    note = (
        f"The {len(found.trades)} largest of {found.total:,}" if found.total > len(found.trades) else f"{found.total} in all, largest first"
    )
    st.caption(f"{note}. Choose one for its way here.")
    event = st.dataframe(
        words.exact(words.frame(found.trades, TRADES)),
        hide_index=True,
        on_select="rerun",
        selection_mode="single-row",
        key=f"trades-{alert.alert_id}",
        column_config={"timestamp": st.column_config.DatetimeColumn(format="HH:mm:ss.SSSSSS", timezone="UTC")},
    )
    rows = event["selection"]["rows"]
    trade = found.trades[rows[0] if rows else 0]
    st.markdown(f"#### The way of trade {trade.trade_id}" + ("" if rows else ", the largest"))
    _way(origin, alert.symbol, trade)


def _way(origin: Source, symbol: str, trade: EvidenceTrade) -> None:
    frame, log = st.columns(2)
    with frame:
        delay_ms = (trade.ingestion_timestamp - trade.timestamp).total_seconds() * 1000
        st.markdown(f"**1. The frame** as {trade.exchange} sent it (`raw_event_payload`)")
        st.code(_laid_out(trade.raw_event_payload), language="json", wrap_lines=True)
        st.caption(
            f"Traded {words.moment(trade.timestamp)}, read {words.moment(trade.ingestion_timestamp)} ({delay_ms:,.1f} ms later)"
            f"{', flagged late' if trade.is_late else ''} · event id {trade.event_id}"
        )
    with log:
        st.markdown("**2. Its place in the log**")
        place = {"shard": trade.shard, "sequence number": trade.sequence_number, "line of the record": trade.position}
        st.dataframe(pd.DataFrame([(name, str(value)) for name, value in place.items()], columns=["", "value"]), hide_index=True)
        if trade.shard and trade.sequence_number:
            kept = data.record(origin, symbol, trade.shard, trade.sequence_number, trade.timestamp)
            st.caption(
                "The same record gave: "
                + "; ".join(f"{row.kept} {row.lines}, lines {row.first_line}-{row.last_line}" for row in kept.itertuples())
            )
        st.markdown("**3. Who put it there**")
        _producer(origin, symbol, trade)


def _producer(origin: Source, symbol: str, trade: EvidenceTrade) -> None:
    """The heartbeat that comes next in the trade's shard: a record names no producer, its heartbeats do."""
    beats = [beat for beat in data.heartbeats(origin, symbol, trade.ingestion_timestamp) if beat["shard"] == trade.shard]
    found = next(
        (beat for beat in beats if _place(beat) > (len(trade.sequence_number or ""), trade.sequence_number or "", trade.position or 0)),
        None,
    )
    if found is None:
        st.caption("Absent: a trade's own record names no producer, and no heartbeat of these seconds is in the lake.")
        return
    st.caption(
        f"A trade's record names no producer. The next heartbeat in the shard, {words.moment(found['timestamp'])}, "
        f"is {found['producer']}'s, "
        "which had by then sent all ids up to these:"
    )
    marks = _VENUES.decode(found["venues"])
    rows = [(mark.exchange, mark.native_symbol, mark.kind, "up" if mark.connected else "down", str(mark.last_id)) for mark in marks]
    st.dataframe(pd.DataFrame(rows, columns=["exchange", "market", "kind", "connection", "last id"]), hide_index=True)


def _place(beat: dict[str, Any]) -> tuple[int, str, int]:
    return len(beat["sequence_number"]), beat["sequence_number"], beat["position"]


def _laid_out(payload: str | None) -> str:
    """JSON over several lines where it is JSON; otherwise as it came."""
    try:
        return msgspec.json.format(payload or "", indent=2) if payload else "(not kept)"
    except msgspec.DecodeError:
        return payload or ""
