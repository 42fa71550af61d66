"""Binance: spot `trade`, `aggTrade` and `miniTicker` frames (bare or in a combined stream), and USD-M futures trades.

Source: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and the recordings in tests/fixtures.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from ctc.codec import JSON_TROUBLE, json_trouble
from ctc.errors import FrameError
from ctc.exchanges.base import Exchange, Reading, moment
from ctc.model import TradeId

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


class _Event(msgspec.Struct, tag_field="e", gc=False):
    """The fields that every trade-like event has; all other fields may come and go."""

    s: _Name
    p: Decimal
    q: Decimal
    T: int
    m: bool
    E: int | None = None
    X: str | None = None
    nq: Any = None
    st: Any = None


class _Trade(_Event, tag="trade", kw_only=True, gc=False):
    t: TradeId


class _AggTrade(_Event, tag="aggTrade", kw_only=True, gc=False):
    a: TradeId


class _Combined(msgspec.Struct, gc=False):
    data: _Trade | _AggTrade


class _Head(msgspec.Struct, gc=False):
    """The fields that tell what a frame is; `msgspec.UNSET` where it has none."""

    stream: Any = msgspec.UNSET
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    e: Any = msgspec.UNSET
    E: Any = None
    s: Any = None
    p: Any = msgspec.UNSET
    q: Any = msgspec.UNSET
    T: Any = msgspec.UNSET
    result: Any = msgspec.UNSET
    error: Any = msgspec.UNSET
    code: Any = msgspec.UNSET
    msg: Any = msgspec.UNSET
    last_update: Any = msgspec.field(name="lastUpdateId", default=msgspec.UNSET)
    u: Any = msgspec.UNSET


class _Other(msgspec.Struct, gc=False):
    """The most common frame without trades: an event in a combined stream."""

    e: str
    s: str
    E: int


class _CombinedOther(msgspec.Struct, gc=False):
    data: _Other


class _BookTicker(msgspec.Struct, gc=False):
    """Futures' and spot's best prices; the spot form has neither event name nor time."""

    u: int
    s: str
    b: str


class _CombinedBookTicker(msgspec.Struct, gc=False):
    data: _BookTicker


_TRADES = frozenset({"trade", "aggTrade"})
# Futures prints that no market order made: they are in the tape, not in the market.
_OFF_BOOK = {"INSURANCE_FUND", "ADL", "NA"}
_COMBINED = msgspec.json.Decoder(_Combined)
_BARE: msgspec.json.Decoder[_Trade | _AggTrade] = msgspec.json.Decoder(_Trade | _AggTrade)
_OTHER = msgspec.json.Decoder(_CombinedOther)
_BOOK_TICKER = msgspec.json.Decoder(_CombinedBookTicker)
_HEAD = msgspec.json.Decoder(_Head)
_REMEDY = {
    -1003: "too many requests: wait until the time it names, and use the websocket instead of REST",
    -1121: "Binance has no such symbol: correct the exchange's symbols in the profile",
    0: "the request was not understood",
    1: "a subscription field has no valid value",
    2: "a subscription request is malformed: check stream names (lower case symbol, @, kind)",
    3: "a subscription request is not valid JSON",
}


class Binance(Exchange):
    """Binance's streams; `m: true` means that the buyer was the maker, so the taker sold."""

    name = "binance"
    subscribes_by_url = True

    def read(self, frame: str | bytes, received: datetime | None = None) -> Reading:
        """See Exchange.read. Kinds: the event's name (`24hrMiniTicker` is `miniTicker`), `bookTicker`, `depth`, `ack`, `error`."""
        text = self.text(frame)
        combined = text.startswith('{"stream"')
        try:
            if combined and 'rade"' not in text[:60]:
                return self._quick(frame, '@bookTicker"' in text[:60])
            event = _COMBINED.decode(frame).data if combined else _BARE.decode(frame)
        except JSON_TROUBLE:
            return self._read_other(text, received)
        return self._trade(event, text, received)

    def _quick(self, frame: str | bytes, book_ticker: bool) -> Reading:
        """A frame of a stream that is not of trades, for a third of the price; raises one of JSON_TROUBLE to be read slowly."""
        if book_ticker:
            return Reading(kind="bookTicker", native_symbol=_BOOK_TICKER.decode(frame).data.s)
        event = _OTHER.decode(frame).data
        if event.e in _TRADES:
            raise msgspec.ValidationError("a trade in another stream")
        return Reading(kind=_event_name(event.e), event_time=moment(event.E), native_symbol=event.s)

    def identify(self, frame: str | bytes) -> tuple[str, str, str] | None:
        """See Exchange.identify."""
        try:
            event = _COMBINED.decode(frame).data if frame[:9] in ('{"stream"', b'{"stream"') else _BARE.decode(frame)
        except JSON_TROUBLE:
            return self._identify_other(frame)
        if event.X in _OFF_BOOK:
            return None
        return self._market(event), event.s, "aggTrade" if type(event) is _AggTrade else "trade"

    def _identify_other(self, frame: str | bytes) -> tuple[str, str, str] | None:
        try:
            trades = self.read(frame).trades
        except FrameError:
            return None
        return (trades[0].market, trades[0].native_symbol, trades[0].kind) if trades else None

    def _market(self, event: _Trade | _AggTrade) -> str:
        futures = event.X is not None or event.nq is not None or event.st is not None
        return "usdm" if futures else self.market

    def _trade(self, event: _Trade | _AggTrade, text: str, received: datetime | None) -> Reading:
        kind, trade_id = ("aggTrade", event.a) if type(event) is _AggTrade else ("trade", event.t)  # type: ignore[union-attr]
        at = moment(event.T)
        if at is None:
            raise FrameError(self.name, f"T {event.T} is neither milliseconds nor microseconds", text.encode())
        told = at if event.E is None or event.E == event.T else moment(event.E)
        if event.X in _OFF_BOOK:
            return Reading(kind=f"{event.X}", event_time=told, native_symbol=event.s)
        trade = self.trade(
            native=event.s,
            kind=kind,
            market=self._market(event),
            trade_id=trade_id,
            price=event.p,
            quantity=event.q,
            side="sell" if event.m else "buy",
            timestamp=at,
            received=received,
            payload=text,
        )
        return Reading(kind=kind, trades=(trade,), event_time=told, native_symbol=event.s)

    def _read_other(self, text: str, received: datetime | None) -> Reading:
        """Anything that the fast decoders refused: another kind, another order of fields, or a broken frame."""
        if text.lstrip()[:1] == "[":
            return self._read_array(text)
        head = self._head(text, text)
        stream = head.stream if isinstance(head.stream, str) else ""
        if head.data is not msgspec.UNSET:
            body = bytes(head.data)
            inner = self._head(body.decode(), text) if body[:1] == b"{" else _Head()
        else:
            body, inner = text.encode(), head
        if inner.e in ("trade", "aggTrade") or _kind_of(stream) in _TRADES or _looks_traded(inner):
            return self._trade(self._strict(body, text), text, received)
        return self._plain(head, inner, stream)

    def _head(self, text: str, frame: str) -> _Head:
        """The head of a frame, or of the event inside it; a FrameError has the whole frame's bytes."""
        try:
            return _HEAD.decode(text)
        except JSON_TROUBLE as error:
            raise FrameError(self.name, f"not a JSON object: {json_trouble(error)}", frame.encode()) from None

    def _read_array(self, text: str) -> Reading:
        try:
            msgspec.json.decode(text)
        except JSON_TROUBLE as error:
            raise FrameError(self.name, f"not JSON: {json_trouble(error)}", text.encode()) from None
        return Reading(kind="array")

    def _strict(self, body: bytes, text: str) -> _Trade | _AggTrade:
        try:
            return _BARE.decode(body)
        except JSON_TROUBLE as error:
            raise FrameError(self.name, f"a trade frame that lacks or breaks a field: {json_trouble(error)}", text.encode()) from None

    def _plain(self, head: _Head, inner: _Head, stream: str) -> Reading:
        trouble = _error_of(head)
        if trouble is not None:
            return Reading(kind="error", error=trouble)
        at = moment(inner.E) if type(inner.E) is int else None
        native = inner.s if isinstance(inner.s, str) else None
        return Reading(kind=_name(head, inner, stream), event_time=at, native_symbol=native)

    def streams(self, natives: Sequence[str], kind: str) -> list[str]:
        """The stream names of these markets; `miniTicker` beside the trades shows that a quiet market is alive."""
        return [f"{native.lower()}@{channel}" for native in natives for channel in (kind, "miniTicker")]

    def url(self, base: str, natives: Sequence[str], kind: str) -> str:
        """The combined stream; its frames are `{"stream": ..., "data": ...}`."""
        return f"{base.rstrip('/')}/stream?streams={'/'.join(self.streams(natives, kind))}"

    def single_url(self, base: str, native: str, kind: str) -> str:
        """One stream by itself; its frames are bare, and more can be added by `subscriptions`."""
        return f"{base.rstrip('/')}/ws/{native.lower()}@{kind}"

    def subscriptions(self, natives: Sequence[str], kind: str, request: int = 1) -> list[str]:
        """One SUBSCRIBE request; it is answered by `{"result": null, "id": request}` (kind `ack`)."""
        body = {"method": "SUBSCRIBE", "params": self.streams(natives, kind), "id": request}
        return [json.dumps(body, separators=(",", ":"))]


def _kind_of(stream: str) -> str:
    return stream.partition("@")[2].partition("@")[0]


def _looks_traded(head: _Head) -> bool:
    return head.e is msgspec.UNSET and msgspec.UNSET not in (head.p, head.q, head.T)


def _error_of(head: _Head) -> str | None:
    body = head.error if isinstance(head.error, dict) else {"code": head.code, "msg": head.msg}
    if head.error is msgspec.UNSET and (head.code is msgspec.UNSET or head.msg is msgspec.UNSET):
        return None
    code, said = body.get("code"), body.get("msg")
    remedy = _REMEDY.get(code) if isinstance(code, int) else None
    return f"Binance refused with {code}: {said}" + (f" ({remedy})" if remedy else "")


def _event_name(event: str) -> str:
    return "miniTicker" if event == "24hrMiniTicker" else event[:40]


def _name(head: _Head, inner: _Head, stream: str) -> str:
    if isinstance(inner.e, str):
        return _event_name(inner.e)
    if head.result is not msgspec.UNSET:
        return "ack"
    if inner.last_update is not msgspec.UNSET:
        return "depth"
    return _kind_of(stream)[:40] or ("bookTicker" if inner.u is not msgspec.UNSET else "unknown")
