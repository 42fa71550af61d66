"""A minute of one listing as frames with their moments, and several of them merged in order of frame time.

A frame's `key` orders it: a trade at t microseconds has 2t, a mark (ticker, heartbeat) of the moment t has 2t - 1. So
everything before market time T is what has a key below 2T: trades before T and the marks up to T itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from sim.market import Columns, Minute
from sim.orders import Ints
from sim.venues import Listing

SECOND = 1_000_000


class Feed(NamedTuple):
    """Frames in order of their keys."""

    keys: Ints
    frames: list[bytes]


EMPTY = Feed(np.empty(0, dtype=np.int64), [])


def merge(feeds: Iterable[Feed]) -> Feed:
    """All frames in order of keys; frames of one key keep the order of the feeds."""
    several = [feed for feed in feeds if feed.frames]
    if len(several) < 2:
        return several[0] if several else EMPTY
    keys = np.concatenate([feed.keys for feed in several])
    frames = [frame for feed in several for frame in feed.frames]
    order = np.argsort(keys, kind="stable")
    return Feed(keys[order], [frames[place] for place in order.tolist()])


def marks(minute: Minute) -> Ints:
    """The moments (us) of a minute's marks: each full second's end, and a session's very first moment."""
    first = 0 if minute.index == 0 else 1
    return np.asarray(minute.start_us + np.arange(first, 61) * SECOND)


def texts(values: Ints, digits: int, shown: int) -> list[str]:
    """Whole numbers of 10^-digits as decimal text with `shown` decimals."""
    scale = 10**digits
    zeros = "0" * (shown - digits)
    wholes, parts = np.divmod(values, scale)
    return [f"{whole}.{part:0{digits}d}{zeros}" for whole, part in zip(wholes.tolist(), parts.tolist(), strict=True)]


def columns_text(columns: Columns, item: Listing) -> tuple[list[str], list[str]]:
    """Prices and quantities as the exchange writes them."""
    if item.exchange == "binance":
        return texts(columns.price, item.price_digits, 8), texts(columns.quantity, item.lot_digits, 8)
    if item.exchange == "hyperliquid":
        return shortest(columns.price, item.price_digits), shortest(columns.quantity, item.lot_digits)
    return texts(columns.price, item.price_digits, item.price_digits), texts(columns.quantity, item.lot_digits, 8)


def shortest(values: Ints, digits: int) -> list[str]:
    """Whole numbers of 10^-digits as Hyperliquid writes them: no zeros at the end but the one behind the point."""
    wholes, parts = np.divmod(values, 10**digits)
    pairs = zip(wholes.tolist(), parts.tolist(), strict=True)
    return [f"{whole}.{f'{part:0{digits}d}'.rstrip('0') or '0'}" for whole, part in pairs]


def tape(columns: Columns, item: Listing, kind: str) -> Feed:
    """The tape's lines of one listing and minute."""
    head = f'{{"exchange":"{item.exchange}","native_symbol":"{item.native}","kind":"{kind}","trade_id":'
    prices, quantities = columns_text(columns, item)
    numbers = [item.shown_id(number) for number in range(columns.first_id, columns.first_id + len(columns))]
    rows = zip(numbers, prices, quantities, columns.buy.tolist(), columns.at.tolist(), strict=True)
    lines = [
        f'{head}{number},"price":"{price}","quantity":"{quantity}","side":"{"buy" if buy else "sell"}","time_us":{at}}}'.encode()
        for number, price, quantity, buy, at in rows
    ]
    return Feed(columns.at * 2, lines)
