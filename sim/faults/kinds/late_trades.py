"""Trades that come three hours late."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ctc.exchanges import exchange
from ctc.model import Trade
from ctc.trade_rows import TRADE_FIELDS
from sim.faults.facts import UNCOMPARED, Facts, Table
from sim.faults.fault import Fault, Script
from sim.faults.ground import Ground
from sim.faults.market import iso
from sim.market import Market
from sim.plan import Plan, load_plan

LATE = timedelta(hours=3)
EACH = 20
WHALE = Decimal(50_000)  # above the harness' threshold
STORES = ("anomalies", "DynamoDB alerts")


class LateTrades(Fault):
    """They are kept and flagged late, change no bar and no spread, and a whale among them is still a whale.

    Their ids are those just before the session's first ones, so that no hole comes with them. A snapshot counts them and is not compared.
    """

    name = "late_trades"
    part = "exchange sockets"
    what = f"{EACH} trades of each market, one of them a whale, that took place three hours before they are told"
    group = "sockets"
    soaks = False
    compared = ("raw_trades", "anomalies", "volume_aggregates", "spreads", "DynamoDB alerts", "DynamoDB bars", "DynamoDB spreads")

    def __init__(self) -> None:
        self._trades: list[Trade] = []

    def strike(self, ground: Ground, rng: random.Random) -> Script:
        settings = ground.direct
        at_us = ground.gate.passed_us
        markets = _markets(load_plan(ground.state))
        for market in markets:
            venue, own = market.venue, settings.exchanges[market.venue]
            reader = exchange(venue, own.names, own.market)
            frames = [_frame(market, number, at_us, rng) for number in range(1, EACH + 1)]
            self._trades += [trade for frame in frames for trade in reader.read(frame).trades]
            ground.counts[self.name] += ground.inject(venue, frames)
        assert len(self._trades) == EACH * len(markets)
        yield ground.market_passes(5)

    def expected(self, undisturbed: Facts, found: Facts) -> Facts:
        """Their rows; and of the alerts that were found, those of our whales."""
        tables = dict(undisturbed.tables)
        tables["raw_trades"] = Table("raw_trades", tables["raw_trades"].rows + [_row(trade) for trade in self._trades])
        for store in STORES:
            own = [row for row in found.tables[store].rows if self._is_own(row)]
            tables[store] = Table(store, tables[store].rows + own)
        return Facts(tables, undisturbed.letters)

    def verify(self, ground: Ground, facts: Facts) -> list[str]:
        whales = {(trade.native_symbol, trade.trade_id) for trade in self._trades if trade.quote_volume > WHALE / 2}
        wrong = []
        for store in STORES:
            rows = [row for row in facts.tables[store].rows if self._is_own(row)]
            said = [(row["native_symbol"], row["first_trade_id"]) for row in rows if str(row["rule"]).endswith("single")]
            if sorted(said) != sorted(whales):
                wrong.append(f"{store} holds {len(said)} whales among the late trades, not {len(whales)}")
        return wrong

    def _is_own(self, alert: dict[str, Any]) -> bool:
        return (alert["native_symbol"], alert["first_trade_id"]) in {(trade.native_symbol, trade.trade_id) for trade in self._trades}


def _row(trade: Trade) -> dict[str, Any]:
    """As `raw_trades` holds it. Where time is read off the frames the ingestion is stamped with the trade's own: not late by that."""
    row = {name: getattr(trade, name) for name in TRADE_FIELDS if name not in UNCOMPARED}
    return {**row, "is_late": True, "is_inconsistent": False}


class _Market(msgspec.Struct):
    """A market as its first minute has it: the first id, a price."""

    venue: str
    native: str
    first_id: int
    price: Decimal


def _markets(plan: Plan) -> list[_Market]:
    market = Market(plan)
    minute, _ = market.step(market.first_state())
    found = []
    for name, item in sorted(market.listings.items()):
        columns = (minute.aggregates if plan.kinds[item.exchange] == "aggTrade" else minute.prints)[name]
        price = Decimal(int(columns.price[0])).scaleb(-item.price_digits)
        found.append(_Market(item.exchange, item.native, columns.first_id, price))
    return found


def _frame(market: _Market, number: int, at_us: int, rng: random.Random) -> bytes:
    price = market.price.quantize(Decimal("0.01"))
    amount = WHALE if number == EACH // 2 else Decimal(100)
    quantity = (amount / price).quantize(Decimal("0.00001")) + rng.randrange(1, 100) * Decimal("0.00001")
    traded_us = at_us - LATE // timedelta(microseconds=1) - number * 1_000_000
    if market.venue == "binance":
        native, told = market.native, at_us // 1000
        data = {"e": "aggTrade", "E": told, "s": native, "a": market.first_id - number, "p": f"{price:.8f}", "q": f"{quantity:.8f}",
                "f": number, "l": number, "T": traded_us // 1000, "m": False, "M": True}  # fmt: skip
        return json.dumps({"stream": f"{native.lower()}@aggTrade", "data": data}, separators=(",", ":")).encode()
    body = {"type": "match", "trade_id": market.first_id - number, "side": "sell", "size": f"{quantity:.8f}", "price": f"{price:.2f}",
            "product_id": market.native, "sequence": number, "time": iso(traded_us)}  # fmt: skip
    return json.dumps(body, separators=(",", ":")).encode()
