"""Binance spot as its clients see it: stream names, frames, requests on the socket, REST bodies.

Facts: Binance's spot API documentation (websocket streams, market data endpoints) and the recordings' frames.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec
import numpy as np

from sim.exchange.feed import Feed, columns_text, marks, texts
from sim.exchange.history import History, Row
from sim.market import Columns, Listed, Minute
from sim.venues import Listing

TRADE_STREAMS = {"trade": "trade", "aggTrade": "aggTrade"}
MAX_STREAMS = 1024
_STREAM = re.compile(r"^[a-z0-9_]+@[A-Za-z0-9_@]+$|^![A-Za-z]+@arr$")
_METHODS = ("SUBSCRIBE", "UNSUBSCRIBE", "LIST_SUBSCRIPTIONS", "SET_PROPERTY", "GET_PROPERTY")


class Refused(Exception):
    """A request that is answered with an error frame."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.body = {"code": code, "msg": message}


def split_stream(stream: str) -> tuple[str, str]:
    """Native symbol and channel of a stream's name: `btcusdt@aggTrade` -> ("BTCUSDT", "aggTrade")."""
    symbol, _, channel = stream.partition("@")
    return symbol.upper(), channel


def stream_feed(minute: Minute, item: Listing, channel: str) -> Feed:
    """A minute of `trade`, `aggTrade` or `miniTicker` as plain frames; of any other stream nothing is ever sent."""
    if channel == "trade":
        return _trades(minute.prints[item.name], item)
    if channel == "aggTrade":
        return _aggregates(minute.aggregates[item.name], item)
    if channel == "miniTicker":
        return _tickers(minute, item)
    return Feed(np.empty(0, dtype=np.int64), [])


def wrap(stream: str, feed: Feed) -> Feed:
    """The same frames as a combined stream sends them."""
    head = f'{{"stream":"{stream}","data":'.encode()
    return Feed(feed.keys, [head + frame + b"}" for frame in feed.frames])


def _trades(columns: Columns, item: Listing) -> Feed:
    prices, quantities = columns_text(columns, item)
    numbers = range(columns.first_id, columns.first_id + len(columns))
    rows = zip(numbers, prices, quantities, columns.buy.tolist(), (columns.at // 1000).tolist(), strict=True)
    frames = [
        f'{{"e":"trade","E":{ms},"s":"{item.native}","t":{number},"p":"{price}","q":"{quantity}","T":{ms},'
        f'"m":{"false" if buy else "true"},"M":true}}'.encode()
        for number, price, quantity, buy, ms in rows
    ]
    return Feed(columns.at * 2, frames)


def _aggregates(columns: Columns, item: Listing) -> Feed:
    prices, quantities = columns_text(columns, item)
    numbers = range(columns.first_id, columns.first_id + len(columns))
    inside = zip(columns.first.tolist(), columns.last.tolist(), strict=True)
    rows = zip(numbers, prices, quantities, inside, columns.buy.tolist(), (columns.at // 1000).tolist(), strict=True)
    frames = [
        f'{{"e":"aggTrade","E":{ms},"s":"{item.native}","a":{number},"p":"{price}","q":"{quantity}","f":{first},"l":{last},"T":{ms},'
        f'"m":{"false" if buy else "true"},"M":true}}'.encode()
        for number, price, quantity, (first, last), buy, ms in rows
    ]
    return Feed(columns.at * 2, frames)


def _tickers(minute: Minute, item: Listing) -> Feed:
    """One miniTicker a second, even when nothing was traded; its day is the session so far."""
    before, columns, moments = minute.before.listed[item.name], minute.prints[item.name], marks(minute)
    upto = np.searchsorted(columns.at, moments)
    closes, highs, lows, lots, quotes = _running(before, columns)
    price = (texts(values[upto], item.price_digits, 8) for values in (closes, highs, lows))
    volume = texts(lots[upto], item.lot_digits, 8)
    turnover = [_decimal(before.day.quote + done, item) for done in quotes[upto].tolist()]
    opened = texts(np.array([before.day.open]), item.price_digits, 8)[0]
    frames = [
        f'{{"e":"24hrMiniTicker","E":{ms},"s":"{item.native}","c":"{c}","o":"{opened}","h":"{h}","l":"{low}","v":"{v}","q":"{q}"}}'.encode()
        for ms, c, h, low, v, q in zip((moments // 1000).tolist(), *price, volume, turnover, strict=True)
    ]
    return Feed(moments * 2 - 1, frames)


def _running(before: Listed, columns: Columns) -> tuple[Any, ...]:
    """Close, high, low, lots and quote (of this minute) after each number of trades, beginning with none."""
    day = before.day
    closes = np.concatenate([[day.last], columns.price])
    highs = np.maximum.accumulate(np.concatenate([[day.high], columns.price]))
    lows = np.minimum.accumulate(np.concatenate([[day.low], columns.price]))
    lots = np.cumsum(np.concatenate([[day.lots], columns.quantity]))
    quotes = np.cumsum(np.concatenate([[0], columns.price * columns.quantity]))
    return closes, highs, lows, lots, quotes


def _decimal(value: int, item: Listing) -> str:
    digits = item.price_digits + item.lot_digits
    whole, part = divmod(value, 10**digits)
    return f"{whole}.{part:0{digits}d}"[: len(str(whole)) + 9].ljust(len(str(whole)) + 9, "0")


class Request(msgspec.Struct):
    """A client's request on a stream socket."""

    method: str
    params: list[Any]
    id: Any


def read_request(text: str | bytes) -> Request:
    """The request in a frame. Raises Refused with the exchange's error when it is none."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise Refused(3, f"Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused(2, "Invalid request: request must be an object")
    for key in body:
        if key not in ("method", "params", "id"):
            raise Refused(0, f"Unknown property: {key}")
    method = body.get("method")
    if not isinstance(method, str):
        raise Refused(2, "Invalid request: missing field `method`" if method is None else "Invalid request: method must be a string")
    if method not in _METHODS:
        raise Refused(2, f"Invalid request: unknown variant `{method}`, expected one of {', '.join(f'`{name}`' for name in _METHODS)}")
    params = body.get("params", [])
    if not isinstance(params, list):
        raise Refused(2, "Invalid request: params must be an array")
    if method in ("SUBSCRIBE", "UNSUBSCRIBE"):
        _check_streams(params)
    return Request(method, params, body.get("id"))


def _check_streams(params: list[Any]) -> None:
    if not params:
        raise Refused(2, "Invalid request: missing field `params`")
    for stream in params:
        if not isinstance(stream, str):
            raise Refused(2, "Invalid request: property name must be a string")
        if not _STREAM.match(stream):
            raise Refused(2, "Invalid request: invalid stream")


_QUERIES = {
    "/api/v3/aggTrades": ("symbol", "limit", "fromId", "startTime", "endTime"),
    "/api/v3/trades": ("symbol", "limit"),
    "/api/v3/historicalTrades": ("symbol", "limit", "fromId"),
}
_WEIGHTS = {"/api/v3/aggTrades": 4, "/api/v3/trades": 25, "/api/v3/historicalTrades": 25, "/api/v3/time": 1, "/api/v3/ping": 1}


def weight(path: str) -> int:
    """What a REST call counts against the minute's limit."""
    return _WEIGHTS.get(path, 1)


def rest(path: str, query: dict[str, str], listings: dict[str, Listing], history: History) -> tuple[int, Any]:
    """Status and body of a public REST call; `listings` by native symbol."""
    if path == "/api/v3/ping":
        return 200, {}
    if path == "/api/v3/time":
        return 200, {"serverTime": history.position // 1000}
    if path not in _QUERIES:
        return 404, {"code": -1000, "msg": f"Path {path}, Method GET is invalid"}
    try:
        return 200, _page(path, query, listings, history)
    except Refused as refused:
        return 400, refused.body


def _page(path: str, query: dict[str, str], listings: dict[str, Listing], history: History) -> list[dict[str, Any]]:
    if not query.get("symbol"):
        raise Refused(-1102, "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.")
    item = listings.get(query["symbol"])
    if item is None:
        raise Refused(-1121, "Invalid symbol.")
    known = _QUERIES[path]
    if any(key not in known for key in query):
        raise Refused(-1104, f"Not all sent parameters were read; read '{len(known)}' parameter(s) but was sent '{len(query)}'.")
    limit = min(_number(query, "limit") or 500, 1000)
    if path != "/api/v3/aggTrades":
        first = _number(query, "fromId")
        found = history.before(item.name, False, limit) if first is None else history.from_id(item.name, False, first, limit)
        return [_trade(row, item) for row in found]
    return [_aggregate(row, item) for row in _aggregate_rows(query, item, history, limit)]


def _aggregate_rows(query: dict[str, str], item: Listing, history: History, limit: int) -> list[Row]:
    first, start, end = (_number(query, key) for key in ("fromId", "startTime", "endTime"))
    until = None if end is None else end * 1000 + 999
    if first is not None:
        if start is not None or end is not None:
            raise Refused(-1128, "Combination of optional parameters invalid.")
        return history.from_id(item.name, True, first, limit)
    if start is not None:
        return history.from_time(item.name, True, start * 1000, limit, until)
    return history.before(item.name, True, limit, until_us=until)


def _number(query: dict[str, str], key: str) -> int | None:
    value = query.get(key)
    if value is None:
        return None
    if not value.isdecimal():
        raise Refused(-1100, f"Illegal characters found in parameter '{key}'; legal range is '^[0-9]{{1,20}}$'.")
    return int(value)


def _text(row: Row, item: Listing) -> tuple[str, str]:
    price = texts(np.array([row.price]), item.price_digits, 8)[0]
    return price, texts(np.array([row.quantity]), item.lot_digits, 8)[0]


def _aggregate(row: Row, item: Listing) -> dict[str, Any]:
    price, quantity = _text(row, item)
    return {"a": row.id, "p": price, "q": quantity, "f": row.first, "l": row.last, "T": row.at // 1000, "m": not row.buy, "M": True}


def _trade(row: Row, item: Listing) -> dict[str, Any]:
    price, quantity = _text(row, item)
    quote = _decimal(row.price * row.quantity, item)
    return {
        "id": row.id, "price": price, "qty": quantity, "quoteQty": quote,
        "time": row.at // 1000, "isBuyerMaker": not row.buy, "isBestMatch": True,
    }  # fmt: skip
