"""The simulated exchange's tape, made again from its plan: what `raw_trades` must hold."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from ctc.model import from_us
from sim.compare import TapeTrade
from sim.market import Columns, Market
from sim.plan import Plan
from sim.venues import Listing


def tape_of(plan: Plan, minutes: int | None = None) -> Iterator[TapeTrade]:
    """Every trade that the exchange of this plan sends, of the kinds that the session subscribes to, minute by minute.

    `minutes` is needed for a plan without an end.
    """
    market = Market(plan)
    state = market.first_state()
    if plan.end is not None and minutes is None:
        minutes = int((plan.end - plan.start).total_seconds()) // 60
    for _ in range(minutes or 0):
        minute, state = market.step(state)
        for name, item in market.listings.items():
            kind = plan.kinds[item.exchange]
            columns = (minute.aggregates if kind == "aggTrade" else minute.prints)[name]
            yield from trades_of(item, kind, columns)


def trades_of(item: Listing, kind: str, columns: Columns) -> Iterator[TapeTrade]:
    """One listing's trades of a minute."""
    rows = zip(columns.at.tolist(), columns.price.tolist(), columns.quantity.tolist(), columns.buy.tolist(), strict=True)
    for trade_id, (us, ticks, lots, buy) in enumerate(rows, columns.first_id):
        price, quantity = Decimal(ticks).scaleb(-item.price_digits), Decimal(lots).scaleb(-item.lot_digits)
        shown = item.shown_id(trade_id)
        yield TapeTrade(item.exchange, item.native, kind, shown, price, quantity, "buy" if buy else "sell", from_us(us))
