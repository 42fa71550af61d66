"""Coinbase Exchange's REST history: a product's trades, newest first, paged downward by id.

Source: https://docs.cdp.coinbase.com/exchange/rest-api/pagination
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal
from urllib.parse import quote, urlencode

import msgspec

from ctc.codec import JSON_TROUBLE, json_trouble
from ctc.errors import FrameError
from ctc.exchanges.history import PAGE, TradeHistory
from ctc.model import Moment, Trade, TradeId


class _Row(msgspec.Struct, gc=False):
    """A trade; `side` is the maker's, as in a match."""

    trade_id: TradeId
    price: Decimal
    size: Decimal
    side: Literal["buy", "sell"]
    time: Moment


class _Clock(msgspec.Struct, gc=False):
    iso: Moment


_ROW = msgspec.json.Decoder(_Row)
_CLOCK = msgspec.json.Decoder(_Clock)


class CoinbaseHistory(TradeHistory):
    """Pages go down from below an id; the first is the newest."""

    upward = False
    clock_path = "/time"

    def path(
        self, native: str, kind: str, *, first: int | None = None, below: int | None = None, since: datetime | None = None
    ) -> str | None:
        asked = {"limit": PAGE} | ({} if below is None else {"after": below})
        return f"/products/{quote(native, safe='')}/trades?{urlencode(asked)}"

    def trade(self, row: bytes, native: str, kind: str, received: datetime | None = None, market: str | None = None) -> Trade:
        try:
            found = _ROW.decode(row)
            at = found.time.astimezone(UTC)
        except (*JSON_TROUBLE, OverflowError, ValueError) as error:
            raise FrameError("coinbase", f"a trade that lacks or breaks a field: {json_trouble(error)}", row) from None
        return self.exchange.trade(
            native=native,
            kind=kind,
            market=market or self.exchange.market,
            trade_id=found.trade_id,
            price=found.price,
            quantity=found.size,
            side="sell" if found.side == "buy" else "buy",
            timestamp=at,
            received=received,
            payload=self.exchange.text(row),
            is_backfilled=True,
        )

    def frame(self, trade: Trade) -> bytes:
        row = msgspec.json.decode(trade.raw_event_payload)
        return msgspec.json.encode({"type": "match", "product_id": trade.native_symbol} | row)

    def clock(self, body: bytes) -> datetime:
        try:
            return _CLOCK.decode(body).iso.astimezone(UTC)
        except (*JSON_TROUBLE, OverflowError, ValueError) as error:
            raise FrameError("coinbase", f"not a time: {json_trouble(error)}", body) from None
