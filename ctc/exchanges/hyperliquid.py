"""Hyperliquid: `trades` frames, which name both wallets of each trade, and `l2Book` frames, whose time goes on between them.

Source: https://hyperliquid.gitbook.io/hyperliquid-docs/for-developers/api/websocket/subscriptions and the recording in tests/fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from ctc.codec import JSON_TROUBLE, json_trouble
from ctc.errors import FrameError
from ctc.exchanges.base import Exchange, Reading, moment
from ctc.model import Parties, Side, Trade, TradeId
from ctc.quality.dedup import MEMORY_US

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Address = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{40}\Z")]
_Hash = Annotated[str, msgspec.Meta(pattern=r"^0x[0-9a-fA-F]{64}\Z")]
# Subscribing brings the newest 30 trades again, on a quiet market hours old. Ids are remembered for an hour: what is older than
# half of that could no longer be told from what was counted before, and is history.
_HISTORY = timedelta(microseconds=MEMORY_US // 2)
_SIDES: dict[str, Side] = {"A": "sell", "B": "buy"}


class _Trade(msgspec.Struct, gc=False):
    """A trade; `side` is the taker's (A hit the bid, B lifted the ask), `users` are buyer and seller, `tid` is a hash of both orders."""

    coin: _Name
    side: Literal["A", "B"]
    px: Decimal
    sz: Decimal
    time: int
    tid: TradeId
    users: tuple[_Address, _Address]
    hash: _Hash


class _Coin(msgspec.Struct, gc=False):
    coin: str


class _Head(msgspec.Struct, gc=False):
    channel: Any = None
    data: msgspec.Raw = msgspec.Raw()


class _Marked(msgspec.Struct, gc=False):
    """What a frame of another channel may say of itself."""

    coin: Any = None
    time: Any = None


_HEAD = msgspec.json.Decoder(_Head)
_ROWS = msgspec.json.Decoder(list[msgspec.Raw])
_TRADE = msgspec.json.Decoder(_Trade)
_COINS = msgspec.json.Decoder(list[_Coin])
_MARKED = msgspec.json.Decoder(_Marked)


class Hyperliquid(Exchange):
    """Hyperliquid's feed; one frame holds the trades of one market in one block, on subscribing the newest 30."""

    name = "hyperliquid"
    subscribes_by_url = False

    def read(self, frame: str | bytes, received: datetime | None = None) -> Reading:
        """See Exchange.read. Kinds are the frame's `channel`; one trade that can't be read refuses the frame with all of them."""
        text = self.text(frame)
        try:
            head = _HEAD.decode(frame)
        except JSON_TROUBLE as error:
            raise FrameError(self.name, f"not a JSON object: {json_trouble(error)}", text.encode()) from None
        if not isinstance(head.channel, str):
            raise FrameError(self.name, "the frame has no channel", text.encode())
        return self._trades(head.data, text, received) if head.channel == "trades" else _other(head.channel, bytes(head.data))

    def identify(self, frame: str | bytes) -> tuple[str, str, str] | None:
        """See Exchange.identify."""
        try:
            head = _HEAD.decode(frame)
            coins = _COINS.decode(head.data) if head.channel == "trades" else []
        except JSON_TROUBLE:
            return None
        return (_market(coins[0].coin), coins[0].coin, "trade") if coins else None

    def _trades(self, data: msgspec.Raw, text: str, received: datetime | None) -> Reading:
        try:
            rows = [(_TRADE.decode(row), bytes(row).decode()) for row in _ROWS.decode(data)]
        except JSON_TROUBLE as error:
            raise FrameError(self.name, f"a trades frame that lacks or breaks a field: {json_trouble(error)}", text.encode()) from None
        if len({row.coin for row, _ in rows}) > 1:
            raise FrameError(self.name, "a trades frame of several coins", text.encode())
        trades = [self._trade(row, payload, text, received) for row, payload in rows]
        return Reading(
            kind="trades",
            trades=tuple(trade for trade in trades if received is None or received - trade.timestamp <= _HISTORY),
            event_time=max((trade.timestamp for trade in trades), default=None),
            native_symbol=rows[0][0].coin if rows else None,
        )

    def _trade(self, row: _Trade, payload: str, text: str, received: datetime | None) -> Trade:
        at = moment(row.time)
        if at is None:
            raise FrameError(self.name, f"time {row.time} is neither milliseconds nor microseconds", text.encode())
        try:
            return self.trade(
                native=row.coin,
                kind="trade",
                market=_market(row.coin),
                trade_id=row.tid,
                price=row.px,
                quantity=row.sz,
                side=_SIDES[row.side],
                timestamp=at,
                received=received,
                payload=payload,
                parties=Parties(buyer=row.users[0].lower(), seller=row.users[1].lower(), hash=row.hash.lower()),
            )
        except FrameError as error:
            raise FrameError(self.name, error.reason, text.encode()) from None  # a dead letter holds the frame, not a part of it

    def canonical(self, native: str) -> tuple[str, str]:
        """See Exchange.canonical: perpetual futures are quoted in USD, and are markets of their own beside spot."""
        if _market(native) == "spot":
            return native, native.partition("/")[2]
        return f"{native}-PERP", "USD"

    def url(self, base: str, natives: Sequence[str], kind: str) -> str:
        """The one endpoint; what is wanted is said by `subscriptions`."""
        return f"{base}/ws"

    def subscriptions(self, natives: Sequence[str], kind: str) -> list[str]:
        """Two frames a market, the book first, whose time says where the stream is; then a ping, answered when all are there."""
        wanted = [{"type": channel, "coin": native} for native in natives for channel in ("l2Book", "trades")]
        asked = [{"method": "subscribe", "subscription": each} for each in wanted]
        return [json.dumps(body, separators=(",", ":")) for body in (*asked, {"method": "ping"})]


def _market(native: str) -> str:
    """Spot markets are named `PURR/USDC` or `@107`, perpetual futures by their coin alone."""
    return "spot" if native.startswith("@") or "/" in native else "perp"


def _other(channel: str, data: bytes) -> Reading:
    if channel == "error":
        return Reading(kind=channel, error=f"Hyperliquid refused: {data.decode()[:500]} (correct the exchange's symbols in the profile)")
    try:
        marked = _MARKED.decode(data)
    except JSON_TROUBLE:
        marked = _Marked()
    at = moment(marked.time) if type(marked.time) is int else None
    return Reading(kind=channel[:40], event_time=at, native_symbol=marked.coin if isinstance(marked.coin, str) else None)
