"""From an alert back to the trades it was made from."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any


def trades_behind(alert: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A condition on `raw_trades`, and its parameters: the prints of a whale, or the window's trades.

    `alert` has an alert's fields; the event time may be called `timestamp`, as in the table `anomalies`.
    """
    conditions = ["symbol = $symbol", "timestamp >= $first", "timestamp < $end"]
    values: dict[str, Any] = {"symbol": alert["symbol"]}
    if alert["type"] == "whale":
        moment = alert["event_time"] if "event_time" in alert else alert["timestamp"]
        conditions += ["exchange = $exchange", "native_symbol = $native", "side = $side", "trade_id between $low and $high"]
        values |= {"exchange": alert["exchange"], "native": alert["native_symbol"], "side": alert["side"]}
        values |= {"low": alert["first_trade_id"], "high": alert["last_trade_id"]}
        values |= {"first": moment, "end": moment + timedelta(milliseconds=1)}
    else:
        values |= {"first": alert["window_start"], "end": alert["window_end"]}
        if alert["type"] == "volume_spike":
            conditions.append("exchange = $exchange")
            values["exchange"] = alert["exchange"]
    return " and ".join(conditions), values
