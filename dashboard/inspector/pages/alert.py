"""Alerts as a table; the chosen one with what was measured, and the raw trades behind it."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pandas as pd
import streamlit as st

from dashboard.inspector import data
from dashboard.inspector.charts import SEVERITIES
from dashboard.inspector.data import Source

SPANS = {"hour": timedelta(hours=1), "6 hours": timedelta(hours=6), "24 hours": timedelta(hours=24), "all": None}
TYPES = ("volume_spike", "whale", "spread")
LISTED = ["detected_at", "severity", "type", "rule", "exchange", "symbol", "message", "stage"]
LINEAGE = ["shard", "sequence_number", "position"]
TRADES = ["timestamp", "exchange", "native_symbol", "trade_id", "side", "price", "quantity", "quote_volume", *LINEAGE]


def show(origin: Source, symbols: tuple[str, ...]) -> None:
    """Draw the page."""
    found = _filtered(origin, symbols)
    if found.empty:
        st.info("No alert matches. Choose a longer time or fewer filters; a session's first alerts take a minute or two.")
        return
    st.caption(f"{len(found):,} alerts, newest first. Choose a row to see why it fired. Times are UTC.")
    event = st.dataframe(
        found[LISTED],
        hide_index=True,
        width="stretch",
        height=330,
        on_select="rerun",
        selection_mode="single-row",
        key=f"alerts-{found['alert_id'].iloc[0]}-{len(found)}",  # rows move when one comes: a selection by number must not stay
        column_config={
            "detected_at": st.column_config.DatetimeColumn("detected", format="YYYY-MM-DD HH:mm:ss.SSS", timezone="UTC"),
            "message": st.column_config.TextColumn(width="large"),
        },
    )
    rows = event["selection"]["rows"]
    chosen = found.iloc[rows[0] if rows else 0].to_dict()
    st.subheader("Why it fired" if rows else "Why the newest one fired")
    _why(chosen)
    st.subheader("The raw trades behind it")
    _trades(origin, chosen)


def _filtered(origin: Source, symbols: tuple[str, ...]) -> pd.DataFrame:
    columns = st.columns([1, 1, 1, 1])
    span = columns[0].selectbox("Last", list(SPANS), index=2)
    symbol = columns[1].selectbox("Symbol", ["any", *symbols])
    type_ = columns[2].selectbox("Type", ["any", *TYPES])
    severity = columns[3].selectbox("At least", SEVERITIES)
    found = data.alerts(origin, SPANS[span])
    found = found[found["severity"].isin(SEVERITIES[SEVERITIES.index(severity) :])]
    for column, value in (("symbol", symbol), ("type", type_)):
        if value != "any":
            found = found[found[column] == value]
    return found


def _why(alert: dict[Hashable, Any]) -> None:
    st.write(f"**{alert['severity'].upper()}** · `{alert['type']}.{alert['rule']}` · {alert['symbol']} on {alert['exchange']}")
    st.write(alert["message"].replace("$", "\\$"))
    figures = _figures(alert)
    for column, (name, value) in zip(st.columns(len(figures)), figures, strict=True):
        column.metric(name, value)
    details = {str(name): _plain(value) for name, value in alert.items() if _is_there(value)}
    with st.expander("Every field"):
        st.dataframe(pd.DataFrame(details.items(), columns=["field", "value"]), hide_index=True, width="stretch")


def _figures(alert: dict[Hashable, Any]) -> list[tuple[str, str]]:
    """Measured, baseline and threshold, in that order."""
    crossed = _number(alert["threshold"])
    if alert["type"] == "whale":
        return [
            ("Value", f"${_number(alert['quote_volume'], 0)}"),
            ("Threshold", f"${_number(alert['threshold'], 0)}"),
            ("Prints", _plain(alert["trade_count"])),
            ("Price", _number(alert["price"])),
            ("Quantity", _number(alert["quantity"])),
        ]
    if alert["type"] == "spread":
        return [
            ("Spread", f"{_number(alert['spread_pct'], 4)} %"),
            (
                "Peg-adjusted",
                f"{_number(alert['adjusted_spread_pct'], 4)} %" if _is_there(alert["adjusted_spread_pct"]) else "no peg known",
            ),
            ("Threshold", f"± {crossed} %"),
            ("Binance VWAP", _number(alert["binance_vwap"])),
            ("Coinbase VWAP", _number(alert["coinbase_vwap"])),
            ("Cause", _plain(alert["cause"])),
        ]
    score = alert["z_score"] if alert["rule"] == "z" else alert["robust_score"]
    return [
        ("z" if alert["rule"] == "z" else "Robust score", _number(score)),
        ("Threshold", f"± {crossed}"),
        ("Volume of the minute", f"${_number(alert['window_volume'], 0)}"),
        ("Baseline mean", f"${_number(alert['rolling_mean'], 0)}"),
        ("Baseline std", f"${_number(alert['rolling_std'], 0)}"),
        ("Bars in the baseline", _plain(alert["baseline_bars"])),
    ]


def _trades(origin: Source, alert: dict[Hashable, Any]) -> None:
    found = data.trades_of(origin, {str(name): value for name, value in alert.items() if _is_there(value)})
    if found.empty:
        st.info("Not in the lake: its query writes every 15 s or so; look again soon. A drought of a silent minute has no trades at all.")
        return
    note = f"The {len(found)} largest" if len(found) == data.MOST_TRADES else f"{len(found)} in all, largest first"
    st.caption(f"{note}. Choose one to see the exchange's frame, as it came.")
    shown = found[TRADES].assign(**{name: found[name].map(_plain) for name in ("price", "quantity", "quote_volume", "trade_id")})
    event = st.dataframe(
        shown,
        hide_index=True,
        width="stretch",
        on_select="rerun",
        selection_mode="single-row",
        key=f"trades-{alert['alert_id']}",
        column_config={"timestamp": st.column_config.DatetimeColumn(format="HH:mm:ss.SSSSSS", timezone="UTC")},
    )
    rows = event["selection"]["rows"]
    trade = found.iloc[rows[0] if rows else 0]
    st.caption(
        f"`raw_event_payload` of trade {trade['trade_id']}, from {trade['shard']} at {trade['sequence_number']}, line {trade['position']}"
    )
    st.code(trade["raw_event_payload"] or "(not kept)", language="json", wrap_lines=True)


def _is_there(value: Any) -> bool:
    return value is not None and not pd.isna(value)


def _number(value: Any, places: int = 2) -> str:
    return f"{value:,.{places}f}" if _is_there(value) else "-"


def _plain(value: Any) -> str:
    """Exact, without an exponent or empty places."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
    if isinstance(value, float) and value.is_integer():  # pandas turns whole numbers with gaps into floats
        return str(int(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
