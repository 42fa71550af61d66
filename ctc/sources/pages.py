"""Recorded REST bodies of Binance: one JSON array of `{"path": ..., "query": ..., "data": [...]}`, trades among them."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qs

import msgspec

from ctc.errors import FrameError
from ctc.exchanges.base import JSON_TROUBLE, Exchange, moment
from ctc.model import Trade, TradeId


class _Page(msgspec.Struct, gc=False):
    path: str
    query: str
    data: msgspec.Raw


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


_PAGES = msgspec.json.Decoder(list[_Page])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_KINDS = {"aggTrades": "aggTrade", "trades": "trade", "historicalTrades": "trade"}
_ROWS: dict[str, msgspec.json.Decoder[Any]] = {"aggTrade": msgspec.json.Decoder(_AggRow), "trade": msgspec.json.Decoder(_Row)}
_MARKETS = {"api": "spot", "fapi": "usdm"}


def looks_like(line: bytes) -> bool:
    """Whether a file's first line is such an array."""
    return line.startswith((b'[{"path"', b'[{ "path"')) and b'"query"' in line[:2000]


def read(line: bytes, binance: Exchange) -> Iterator[tuple[bytes, Trade | FrameError | str]]:
    """Each row with its trade or why it can't be read; a page that holds no trades with the name of what it is."""
    try:
        found = _PAGES.decode(line)
    except JSON_TROUBLE as error:
        yield line, FrameError("binance", f"not an array of REST bodies: {error}", line)
        return
    for page in found:
        family, _, name = page.path.strip("/").partition("/")
        kind, market = _KINDS.get(name.rpartition("/")[2]), _MARKETS.get(family)
        native = parse_qs(page.query).get("symbol", [""])[0]
        data = bytes(page.data)
        if kind is None or market is None or not native or data[:1] != b"[":
            yield data, f"http {page.path}"
            continue
        for item in _ITEMS.decode(data):
            raw = bytes(item)
            yield raw, _row(raw, kind, market, native, binance)


def _row(raw: bytes, kind: str, market: str, native: str, binance: Exchange) -> Trade | FrameError:
    try:
        row = _ROWS[kind].decode(raw)
        at = moment(row.time)
        if at is None:
            return FrameError("binance", "the time is neither milliseconds nor microseconds", raw)
        return binance.trade(
            native=native,
            kind=kind,
            market=market,
            trade_id=row.id,
            price=row.price,
            quantity=row.quantity,
            side="sell" if row.maker else "buy",
            timestamp=at,
            received=None,
            payload=raw.decode(),
        )
    except FrameError as error:
        return error
    except JSON_TROUBLE as error:
        return FrameError("binance", f"a trade that lacks or breaks a field: {error}", raw)
