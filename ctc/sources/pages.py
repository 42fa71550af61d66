"""Recorded REST bodies of Binance: one JSON array of `{"path": ..., "query": ..., "data": [...]}`, trades among them."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import parse_qs

import msgspec

from ctc.codec import JSON_TROUBLE, json_trouble
from ctc.errors import FrameError
from ctc.exchanges.base import Exchange
from ctc.exchanges.binance_history import BinanceHistory
from ctc.model import Trade


class _Page(msgspec.Struct, gc=False):
    path: str
    query: str
    data: msgspec.Raw


_PAGES = msgspec.json.Decoder(list[_Page])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])
_KINDS = {"aggTrades": "aggTrade", "trades": "trade", "historicalTrades": "trade"}
_MARKETS = {"api": "spot", "fapi": "usdm"}


def looks_like(line: bytes) -> bool:
    """Whether a file's first line is such an array."""
    return line.startswith((b'[{"path"', b'[{ "path"')) and b'"query"' in line[:2000]


def read(line: bytes, binance: Exchange) -> Iterator[tuple[bytes, Trade | FrameError | str]]:
    """Each row with its trade or why it can't be read; a page that holds no trades with the name of what it is."""
    try:
        found = _PAGES.decode(line)
    except JSON_TROUBLE as error:
        yield line, FrameError("binance", f"not an array of REST bodies: {json_trouble(error)}", line)
        return
    history = BinanceHistory(binance)
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
            yield raw, _row(raw, kind, market, native, history)


def _row(raw: bytes, kind: str, market: str, native: str, history: BinanceHistory) -> Trade | FrameError:
    try:
        return msgspec.structs.replace(history.trade(raw, native, kind, market=market), is_backfilled=False)
    except FrameError as error:
        return error
