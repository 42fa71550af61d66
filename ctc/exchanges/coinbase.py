"""Coinbase Exchange: `matches` and `heartbeat` frames.

Source: https://docs.cdp.coinbase.com/exchange/websocket-feed/channels and the recordings in tests/fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal

import msgspec

from ctc.codec import JSON_TROUBLE, json_trouble
from ctc.errors import FrameError
from ctc.exchanges.base import Exchange, Reading
from ctc.model import TradeId

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
_Time = Annotated[datetime, msgspec.Meta(tz=True)]


class _Match(msgspec.Struct, tag_field="type", tag="match", gc=False):
    """A trade; `side` is the maker's."""

    product_id: _Name
    trade_id: TradeId
    price: Decimal
    size: Decimal
    side: Literal["buy", "sell"]
    time: _Time


class _LastMatch(msgspec.Struct, tag_field="type", tag="last_match", gc=False):
    """The market's newest trade before the subscription: history, never a trade of the stream."""

    product_id: _Name
    trade_id: TradeId
    time: _Time


class _Heartbeat(msgspec.Struct, tag_field="type", tag="heartbeat", gc=False):
    product_id: _Name
    last_trade_id: TradeId
    time: _Time


class _Head(msgspec.Struct, gc=False):
    type: Any = None
    product_id: Any = None
    message: Any = None
    reason: Any = None
    time: Any = None


_KNOWN: msgspec.json.Decoder[_Match | _LastMatch | _Heartbeat] = msgspec.json.Decoder(_Match | _LastMatch | _Heartbeat)
_HEAD = msgspec.json.Decoder(_Head)


class Coinbase(Exchange):
    """Coinbase's feed; a match's side is the maker's, so the taker did the opposite."""

    name = "coinbase"
    subscribes_by_url = False

    def read(self, frame: str | bytes, received: datetime | None = None) -> Reading:
        """See Exchange.read. Kinds are the frame's `type`."""
        text = self.text(frame)
        try:
            found = _KNOWN.decode(frame)
        except JSON_TROUBLE as error:
            return self._read_other(text, json_trouble(error))
        at = self._utc(found.time, text)
        if type(found) is _Match:
            return self._match(found, at, text, received)
        kind, last = ("heartbeat", found.last_trade_id) if type(found) is _Heartbeat else ("last_match", found.trade_id)  # type: ignore[union-attr]
        return Reading(kind=kind, event_time=at, native_symbol=found.product_id, last_id=last)

    def identify(self, frame: str | bytes) -> tuple[str, str, str] | None:
        """See Exchange.identify."""
        try:
            found = _KNOWN.decode(frame)
        except JSON_TROUBLE:
            return None
        return (self.market, found.product_id, "match") if type(found) is _Match else None

    def _match(self, found: _Match, at: datetime, text: str, received: datetime | None) -> Reading:
        trade = self.trade(
            native=found.product_id,
            kind="match",
            market=self.market,
            trade_id=found.trade_id,
            price=found.price,
            quantity=found.size,
            side="sell" if found.side == "buy" else "buy",
            timestamp=at,
            received=received,
            payload=text,
        )
        return Reading(kind="match", trades=(trade,), event_time=at, native_symbol=found.product_id)

    def _utc(self, time: datetime, text: str) -> datetime:
        if time.tzinfo is UTC:
            return time
        try:
            return time.astimezone(UTC)
        except (OverflowError, ValueError):
            raise FrameError(self.name, f"time {time} is beyond the calendar", text.encode()) from None

    def _read_other(self, text: str, trouble: str) -> Reading:
        try:
            head = _HEAD.decode(text)
        except JSON_TROUBLE as error:
            raise FrameError(self.name, f"not a JSON object: {json_trouble(error)}", text.encode()) from None
        if not isinstance(head.type, str):
            raise FrameError(self.name, "the frame has no type", text.encode())
        if head.type in ("match", "last_match", "heartbeat"):
            raise FrameError(self.name, f"a {head.type} frame that lacks or breaks a field: {trouble}", text.encode())
        native = head.product_id if isinstance(head.product_id, str) else None
        refusal = _explain(head) if head.type == "error" else None
        return Reading(kind=head.type[:40], native_symbol=native, error=refusal, event_time=_time(head.time))

    def url(self, base: str, natives: Sequence[str], kind: str) -> str:
        """The one endpoint; what is wanted is said by `subscriptions`."""
        return base

    def subscriptions(self, natives: Sequence[str], kind: str) -> list[str]:
        """One subscribe frame, due within 5 s of connecting; it is answered by `subscriptions` and a `last_match` a product."""
        body = {"type": "subscribe", "product_ids": list(natives), "channels": ["matches", "heartbeat"]}
        return [json.dumps(body, separators=(",", ":"))]


def _time(value: Any) -> datetime | None:
    try:
        return msgspec.convert(value, _Time).astimezone(UTC)
    except (msgspec.ValidationError, OverflowError, ValueError):
        return None


def _explain(head: _Head) -> str:
    said = f"Coinbase refused: {head.message}" + (f": {str(head.reason).strip()}" if head.reason else "")
    reason = str(head.reason)
    if "not a valid product" in reason or "delisted" in reason:
        return f"{said} (correct the exchange's symbols in the profile)"
    if "authentication" in reason:
        return f"{said} (subscribe to matches and heartbeat, which need no key)"
    return said
