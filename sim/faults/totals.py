"""Millions of rows against what they must add up to, by SQL over the lake: for sessions too long to be compared row by row.

The tape is made again from the plan, in whole ticks and lots, and added up market by market; bars and whales are counted again
from `raw_trades`.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import msgspec

from ctc.aws.query import LakeReader
from ctc.settings import Settings
from sim.market import Market
from sim.plan import Plan
from sim.report import all_alerts

_TRADES = """
select exchange || ':' || native_symbol market, count(*) n, count(distinct trade_id) ids, min(trade_id) low, max(trade_id) high,
       sum(quote_volume) amount
from raw_trades group by all order by 1"""
_BARS = """
with due as (select exchange, symbol, time_bucket(interval 1 minute, timestamp) window_start, sum(quote_volume) amount, count(*) n
             from raw_trades group by all)
select count(*) n from volume_aggregates b left join due d using (exchange, symbol, window_start)
where b.quote_volume != coalesce(d.amount, 0) or b.trade_count != coalesce(d.n, 0)"""
_WHALES = """
select (select count(*) from raw_trades where quote_volume > $limit) due,
       (select count(*) from anomalies where rule = 'single') found,
       (select count(distinct alert_id) from anomalies where rule = 'single') ids"""
_TWICE = "select count(*) - count(distinct {key}) n from {table}"
_KEYS = {"anomalies": "alert_id", "volume_aggregates": "(exchange, symbol, window_start)", "spreads": "(symbol, window_start)"}


class Total(msgspec.Struct, frozen=True):
    """One market's trades as the tape has them."""

    trades: int
    low: int
    amount: Decimal


def tape_totals(plan: Plan) -> dict[str, Total]:
    """By `exchange:native`."""
    market = Market(plan)
    state = market.first_state()
    assert plan.end is not None
    counts: dict[str, int] = {}
    first: dict[str, int] = {}
    amounts: dict[str, int] = {}
    for _ in range(int((plan.end - plan.start).total_seconds()) // 60):
        minute, state = market.step(state)
        for name, item in market.listings.items():
            columns = (minute.aggregates if plan.kinds[item.exchange] == "aggTrade" else minute.prints)[name]
            first.setdefault(name, columns.first_id)
            counts[name] = counts.get(name, 0) + len(columns)
            amounts[name] = amounts.get(name, 0) + sum(map(int.__mul__, columns.price.tolist(), columns.quantity.tolist()))
    return {
        name: Total(counts[name], first[name], Decimal(amounts[name]) / item.units)
        for name, item in market.listings.items()
    }  # fmt: skip


def check_totals(settings: Settings, plan: Plan) -> tuple[int, int, list[str]]:
    """Trades due and found, and what is wrong in sentences."""
    due = tape_totals(plan)
    lake = LakeReader(settings)
    try:
        rows = {row["market"]: row for row in lake.query(_TRADES).to_pylist()}
        wrong = [line for name, total in due.items() for line in _market(name, total, rows.get(name))]
        wrong += _rest(lake, settings)
    finally:
        lake.close()
    return sum(total.trades for total in due.values()), sum(row["n"] for row in rows.values()), wrong


def _market(name: str, due: Total, row: dict[str, int] | None) -> Iterator[str]:
    if row is None:
        yield f"{name}: none of {due.trades} trades"
        return
    if row["n"] != row["ids"]:
        yield f"{name}: {row['n'] - row['ids']} trades doubled"
    if (row["ids"], row["low"], row["high"]) != (due.trades, due.low, due.low + due.trades - 1):
        yield f"{name}: {row['ids']} ids from {row['low']} to {row['high']}, not {due.trades} from {due.low}"
    elif row["amount"] != due.amount:
        yield f"{name}: they add up to {row['amount']}, not {due.amount}"


def _rest(lake: LakeReader, settings: Settings) -> Iterator[str]:
    if bars := lake.query(_BARS).to_pylist()[0]["n"]:
        yield f"{bars} bars do not add up to their trades"
    whales = lake.query(_WHALES, {"limit": settings.whales.threshold}).to_pylist()[0]
    if not whales["due"] == whales["found"] == whales["ids"]:
        yield f"{whales['found']} single whales ({whales['ids']} ids) in anomalies, not {whales['due']}"
    for table, key in _KEYS.items():
        if twice := lake.query(_TWICE.format(key=key, table=table)).to_pylist()[0]["n"]:
            yield f"{twice} rows of {table} doubled"
    hot = {alert.alert_id for alert in all_alerts(settings)}
    cold = {row["alert_id"] for row in lake.query("select alert_id from anomalies").to_pylist()}
    if hot != cold:
        yield f"{len(hot - cold)} alerts in DynamoDB alone, {len(cold - hot)} in anomalies alone"
