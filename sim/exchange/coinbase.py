"""Coinbase Exchange as its clients see it: `matches` and `heartbeat` frames, requests, errors, REST pages.

Facts: Coinbase Exchange's websocket channel documentation and the recordings' frames. A match's side is the MAKER's.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np

from ctc.model import from_us
from sim.exchange.feed import Feed, columns_text, marks, texts
from sim.exchange.history import History, Row
from sim.market import Listed, Minute
from sim.venues import Listing

CHANNELS = ("matches", "heartbeat")
_CLOSED = ("level2", "level3", "full", "user")
_STEP = 37  # sequence numbers from one match to the next: the orders between them count too
_MIX = 0x9E3779B97F4A7C15F39CC0605CEDC835
_MASK = (1 << 128) - 1


class Refused(Exception):
    """A request that is answered with an error frame; the message is its `reason`."""


def moment(at_us: int) -> str:
    """A time as Coinbase writes it, with microseconds."""
    return from_us(at_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _moments(at: list[int]) -> list[str]:
    """The same for many, ascending: the second's text is made once."""
    found, second, text = [], -1, ""
    for value in at:
        whole, part = divmod(value, 1_000_000)
        if whole != second:
            second, text = whole, datetime.fromtimestamp(whole, UTC).strftime("%Y-%m-%dT%H:%M:%S.")
        found.append(f"{text}{part:06d}Z")
    return found


def order_id(number: int) -> str:
    """An order's id: the same number has the same one, different numbers different ones."""
    mixed = f"{(number + 1) * _MIX & _MASK:032x}"
    return f"{mixed[:8]}-{mixed[8:12]}-4{mixed[13:16]}-9{mixed[17:20]}-{mixed[20:]}"


def sequence(trade_id: int) -> int:
    """The product's sequence number at a trade."""
    return trade_id * _STEP


def feed(minute: Minute, item: Listing, channel: str) -> Feed:
    """A minute of `matches` or `heartbeat` as frames."""
    return _matches(minute, item) if channel == "matches" else _heartbeats(minute, item)


def _matches(minute: Minute, item: Listing) -> Feed:
    columns = minute.prints[item.name]
    prices, sizes = columns_text(columns, item)
    numbers = range(columns.first_id, columns.first_id + len(columns))
    rows = zip(numbers, prices, sizes, columns.buy.tolist(), columns.order.tolist(), _moments(columns.at.tolist()), strict=True)
    frames = [_match("match", item.native, *row) for row in rows]
    return Feed(columns.at * 2, frames)


def _match(kind: str, product: str, number: int, price: str, size: str, buy: bool, order: int, time: str) -> bytes:
    return (
        f'{{"type":"{kind}","trade_id":{number},"maker_order_id":"{order_id(number)}","taker_order_id":"{order_id(-order - 2)}",'
        f'"side":"{"sell" if buy else "buy"}","size":"{size}","price":"{price}","product_id":"{product}",'
        f'"sequence":{sequence(number)},"time":"{time}"}}'
    ).encode()


def _heartbeats(minute: Minute, item: Listing) -> Feed:
    columns, moments = minute.prints[item.name], marks(minute)
    newest = (columns.first_id - 1 + np.searchsorted(columns.at, moments)).tolist()
    frames = [
        f'{{"type":"heartbeat","last_trade_id":{last},"product_id":"{item.native}",'
        f'"sequence":{sequence(last) + 5},"time":"{time}"}}'.encode()
        for last, time in zip(newest, _moments(moments.tolist()), strict=True)
    ]
    return Feed(moments * 2 - 1, frames)


def last_match(item: Listing, history: History, before: Listed) -> bytes:
    """The newest trade so far, as it is sent on subscribing; `before` knows the one before the session's first."""
    rows = history.before(item.name, False, 1)
    at, price, lots, buy = (rows[0].at, rows[0].price, rows[0].quantity, rows[0].buy) if rows else before.last
    number = rows[0].id if rows else before.next_id - 1
    texts_ = (texts(np.array([price]), item.price_digits, item.price_digits)[0], texts(np.array([lots]), item.lot_digits, 8)[0])
    return _match("last_match", item.native, number, *texts_, buy, number, moment(at))


class Request(msgspec.Struct):
    """`subscribe` or `unsubscribe`: product ids by channel."""

    type: str
    channels: dict[str, list[str]]


def read_request(text: str | bytes, products: dict[str, Listing]) -> Request:
    """The request in a frame. Raises Refused with the exchange's reason."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        raise Refused("Malformed JSON") from None
    if not isinstance(body, dict) or body.get("type") not in ("subscribe", "unsubscribe"):
        raise Refused(f"Type has to be either subscribe or unsubscribe: {body.get('type') if isinstance(body, dict) else body}")
    shared = body.get("product_ids") or []
    wanted: dict[str, list[str]] = {}
    for channel in body.get("channels") or []:
        name, own = (channel.get("name"), channel.get("product_ids")) if isinstance(channel, dict) else (channel, None)
        _check(str(name), own or shared, products)
        wanted[str(name)] = list(own or shared)
    if not wanted:
        raise Refused("No channels provided")
    return Request(body["type"], wanted)


def _check(channel: str, product_ids: Any, products: dict[str, Listing]) -> None:
    if channel in _CLOSED:
        raise Refused("level2, level3, and full channels now require authentication.")
    if channel not in CHANNELS:
        raise Refused(f"{channel} is not a valid channel")
    if not isinstance(product_ids, list) or not product_ids:
        raise Refused(" is not a valid product")
    for product in product_ids:
        if product not in products:
            raise Refused(f"{product} is not a valid product")


def error(reason: str) -> bytes:
    """The frame that a refused request is answered with."""
    return msgspec.json.encode({"type": "error", "message": "Failed to subscribe", "reason": reason})


def subscriptions(channels: dict[str, list[str]]) -> bytes:
    """The frame that an accepted request is answered with: all that is now subscribed."""
    listed = [{"name": name, "product_ids": ids, "account_ids": None} for name, ids in channels.items() if ids]
    return msgspec.json.encode({"type": "subscriptions", "channels": listed})


def rest(path: str, query: dict[str, str], products: dict[str, Listing], history: History) -> tuple[int, Any, dict[str, str]]:
    """Status, body and headers of `GET /products/{id}/trades` (newest first; `after` pages to older ones) and `GET /time`."""
    if path == "/time":
        return 200, {"iso": moment(history.position)[:-4] + "Z", "epoch": history.position / 1e6}, {}
    parts = path.strip("/").split("/")
    if len(parts) != 3 or parts[0] != "products" or parts[2] != "trades" or parts[1] not in products:
        return 404, {"message": "NotFound"}, {}
    numbers = {key: query[key] for key in ("limit", "before", "after") if key in query}
    if not all(value.isdecimal() for value in numbers.values()):
        return 400, {"message": "Invalid pagination value"}, {}
    item, limit = products[parts[1]], min(int(numbers.get("limit", 1000)), 1000)
    below = int(numbers["after"]) if "after" in numbers else None
    rows = history.before(item.name, False, limit, below_id=below)
    if "before" in numbers:
        rows = [row for row in rows if row.id > int(numbers["before"])]
    rows.reverse()
    paging = {"cb-before": str(rows[0].id), "cb-after": str(rows[-1].id)} if rows else {}
    return 200, [_row(row, item) for row in rows], paging


def _row(row: Row, item: Listing) -> dict[str, Any]:
    price = texts(np.array([row.price]), item.price_digits, item.price_digits)[0]
    size = texts(np.array([row.quantity]), item.lot_digits, 8)[0]
    return {"time": moment(row.at), "trade_id": row.id, "price": price, "size": size, "side": "sell" if row.buy else "buy"}
