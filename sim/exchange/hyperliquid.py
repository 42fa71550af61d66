"""Hyperliquid as its clients see it: `trades` and `l2Book` frames, requests and their answers.

Facts: Hyperliquid's websocket documentation, error texts quoted in public issues, and the recording's frames. The book is one level
deep: of the real one, twenty deep and twice a second, the platform reads the time alone, and here it comes once a second.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from hashlib import sha256
from itertools import pairwise
from typing import Any

import msgspec
import numpy as np

from sim.exchange.feed import Feed, columns_text, marks, shortest
from sim.market import Minute
from sim.venues import Listing

CHANNELS = ("trades", "l2Book")
NEWEST = 30  # trades that come again on subscribing
PONG = b'{"channel":"pong"}'


class Refused(Exception):
    """A request that is answered with an error frame; the message is its `data`."""


def feed(minute: Minute, item: Listing, channel: str) -> Feed:
    """A minute of `trades` or `l2Book` as frames: a frame for the trades of one millisecond, which stands for a block."""
    return _trades(minute, item) if channel == "trades" else _books(minute, item)


def _trades(minute: Minute, item: Listing) -> Feed:
    columns, rows = minute.prints[item.name], _rows(minute, item)
    starts = np.flatnonzero(np.diff(columns.at, prepend=-1))
    frames = [_frame(rows[start:end]) for start, end in pairwise([*starts.tolist(), len(columns)])]
    return Feed(columns.at[starts] * 2, frames)


def _rows(minute: Minute, item: Listing) -> list[bytes]:
    """The trades of a minute, each as it stands in a frame."""
    columns, sides = minute.prints[item.name], minute.wallets[item.name]
    names, (prices, sizes) = sides.addresses, columns_text(columns, item)
    numbers = range(columns.first_id, columns.first_id + len(columns))
    hashes = {order: sha256(f"{item.name} {order}".encode()).hexdigest() for order in dict.fromkeys(columns.order.tolist())}
    rows = zip(
        numbers, prices, sizes, columns.buy.tolist(), columns.order.tolist(), (columns.at // 1000).tolist(),
        sides.taker.tolist(), sides.maker.tolist(), strict=True,
    )  # fmt: skip
    return [
        (
            f'{{"coin":"{item.native}","side":"{"B" if buy else "A"}","px":"{price}","sz":"{size}","time":{ms},"hash":"0x{hashes[order]}",'
            f'"tid":{item.shown_id(number)},"users":["{names[taker if buy else maker]}","{names[maker if buy else taker]}"]}}'
        ).encode()
        for number, price, size, buy, order, ms, taker, maker in rows
    ]


def _frame(rows: Iterable[bytes]) -> bytes:
    return b'{"channel":"trades","data":[' + b",".join(rows) + b"]}"


def _books(minute: Minute, item: Listing) -> Feed:
    """A book a second, even when nothing was traded."""
    columns, moments = minute.prints[item.name], marks(minute)
    last = np.concatenate([[minute.before.listed[item.name].last[1]], columns.price])[np.searchsorted(columns.at, moments)]
    bids, asks = shortest(np.maximum(last - 1, 1), item.price_digits), shortest(last + 1, item.price_digits)
    frames = [
        f'{{"channel":"l2Book","data":{{"coin":"{item.native}","time":{ms},"levels":[[{{"px":"{bid}","sz":"1.0","n":1}}],'
        f'[{{"px":"{ask}","sz":"1.0","n":1}}]]}}}}'.encode()
        for ms, bid, ask in zip((moments // 1000).tolist(), bids, asks, strict=True)
    ]
    return Feed(moments * 2 - 1, frames)


def newest(minutes: Iterable[Minute], item: Listing, position: int) -> list[bytes]:
    """The newest trades with keys below `position` (handed out), oldest first, as one frame; no frame where there are none."""
    found: list[bytes] = []
    for minute in minutes:
        shown = int(np.searchsorted(minute.prints[item.name].at * 2, position))
        found += _rows(minute, item)[:shown]
    return [_frame(found[-NEWEST:])] if found else []


class Request(msgspec.Struct):
    """`subscribe` or `unsubscribe` with its channel (`trades BTC`), or `ping` without one; `subscription` is as the client wrote it."""

    method: str
    channel: str | None
    coin: str
    subscription: Any


def read_request(text: str | bytes, coins: Mapping[str, Listing], subscribed: Collection[str]) -> Request:
    """The request in a frame. Raises Refused with the exchange's words."""
    shown = text if isinstance(text, str) else text.decode(errors="replace")
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        body = None
    method = body.get("method") if isinstance(body, dict) else None
    if method == "ping":
        return Request("ping", None, "", None)
    wanted = body.get("subscription") if isinstance(body, dict) else None
    if method not in ("subscribe", "unsubscribe") or not isinstance(wanted, dict):
        raise Refused(f"Error parsing JSON into valid websocket request: {shown}")
    coin, said = str(wanted.get("coin")), msgspec.json.encode(wanted).decode()
    if wanted.get("type") not in CHANNELS or coin not in coins:
        raise Refused(f"Invalid subscription {said}")
    channel = f"{wanted['type']} {coin}"
    if (channel in subscribed) is (method == "subscribe"):
        raise Refused(f"Already {method}d: {said}")
    return Request(method, channel, coin, wanted)


def error(reason: str) -> bytes:
    """The frame that a refused request is answered with."""
    return msgspec.json.encode({"channel": "error", "data": reason})


def subscribed(request: Request) -> bytes:
    """The frame that an accepted request is answered with."""
    return msgspec.json.encode(
        {"channel": "subscriptionResponse", "data": {"method": request.method, "subscription": request.subscription}}
    )
