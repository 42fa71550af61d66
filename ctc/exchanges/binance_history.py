"""Binance's REST history: `aggTrades` by id or time, `historicalTrades` by id.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/market-data-endpoints (weights too: aggTrades 4,
historicalTrades 25, time 1) and recorded bodies. REQUEST_WEIGHT of `exchangeInfo`: 6,000 a minute and address.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import msgspec

from ctc.codec import JSON_TROUBLE, json_trouble
from ctc.errors import FrameError
from ctc.exchanges.base import moment
from ctc.exchanges.history import PAGE, TradeHistory
from ctc.exchanges.limits import Limits
from ctc.model import Trade, TradeId, to_us


class _AggRow(msgspec.Struct, gc=False):
    id: TradeId = msgspec.field(name="a")
    price: Decimal = msgspec.field(name="p")
    quantity: Decimal = msgspec.field(name="q")
    time: int = msgspec.field(name="T")
    maker: bool = msgspec.field(name="m")


class _Row(msgspec.Struct, gc=False):
    id: TradeId
    price: Decimal
    quantity: Decimal = msgspec.field(name="qty")
    time: int
    maker: bool = msgspec.field(name="isBuyerMaker")


class _Clock(msgspec.Struct, gc=False):
    time: int = msgspec.field(name="serverTime")


_ROWS: dict[str, msgspec.json.Decoder[Any]] = {"aggTrade": msgspec.json.Decoder(_AggRow), "trade": msgspec.json.Decoder(_Row)}
_PATHS = {"aggTrade": "/api/v3/aggTrades", "trade": "/api/v3/historicalTrades"}
_CLOCK_PATH = "/api/v3/time"
_WEIGHTS = {_PATHS["aggTrade"]: 4, _PATHS["trade"]: 25, _CLOCK_PATH: 1}
_CLOCK = msgspec.json.Decoder(_Clock)


class BinanceHistory(TradeHistory):
    """Pages go up from an id; `m` means that the buyer was the maker, as in frames."""

    upward = True
    clock_path = _CLOCK_PATH
    limits = Limits(usual=_WEIGHTS[_PATHS["aggTrade"]], weights=_WEIGHTS, a_minute=6_000, used="X-MBX-USED-WEIGHT-1M")

    def path(
        self, native: str, kind: str, *, first: int | None = None, below: int | None = None, since: datetime | None = None
    ) -> str | None:
        asked: dict[str, str | int] = {"symbol": native, "limit": PAGE}
        if first is not None:
            asked["fromId"] = first
        elif since is not None and kind == "aggTrade":
            asked["startTime"] = to_us(since) // 1000
        else:
            return None
        return f"{_PATHS[kind]}?{urlencode(asked)}"

    def trade(self, row: bytes, native: str, kind: str, received: datetime | None = None, market: str | None = None) -> Trade:
        try:
            found = _ROWS[kind].decode(row)
        except JSON_TROUBLE as error:
            raise FrameError("binance", f"a trade that lacks or breaks a field: {json_trouble(error)}", row) from None
        at = moment(found.time)
        if at is None:
            raise FrameError("binance", "the time is neither milliseconds nor microseconds", row)
        return self.exchange.trade(
            native=native,
            kind=kind,
            market=market or self.exchange.market,
            trade_id=found.id,
            price=found.price,
            quantity=found.quantity,
            side="sell" if found.maker else "buy",
            timestamp=at,
            received=received,
            payload=self.exchange.text(row),
            is_backfilled=True,
        )

    def frame(self, trade: Trade) -> bytes:
        row = msgspec.json.decode(trade.raw_event_payload)
        at = row["T" if trade.kind == "aggTrade" else "time"]
        told: dict[str, Any] = {"e": trade.kind, "E": at, "s": trade.native_symbol}
        if trade.kind != "aggTrade":
            row = {"t": row["id"], "p": row["price"], "q": row["qty"], "T": at, "m": row["isBuyerMaker"], "M": row.get("isBestMatch", True)}
        return msgspec.json.encode(told | row)

    def clock(self, body: bytes) -> datetime:
        try:
            at = moment(_CLOCK.decode(body).time)
        except JSON_TROUBLE as error:
            raise FrameError("binance", f"not a time: {json_trouble(error)}", body) from None
        if at is None:
            raise FrameError("binance", "the time is neither milliseconds nor microseconds", body)
        return at
