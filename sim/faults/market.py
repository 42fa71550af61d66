"""Frames of our own for the simulated exchanges: what a fault puts between the real ones."""

from __future__ import annotations

import json
import random
import re

from ctc.model import from_us

VENUES = ("binance", "coinbase")
_PRICE = re.compile(rb'"(p|price)":"([^"]+)"')


def iso(us: int) -> str:
    """A moment as Coinbase writes it."""
    return from_us(us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def tradeless(venue: str, at_us: int, number: int) -> bytes:
    """A frame that is well-formed and tells of no trade, of a kind that nobody subscribed to."""
    if venue == "binance":
        data = {"e": "depthUpdate", "E": at_us // 1000, "s": "BTCUSDT", "U": number, "u": number + 1, "b": [], "a": []}
        return json.dumps({"stream": "btcusdt@depth@100ms", "data": data}, separators=(",", ":")).encode()
    body = {"type": "ticker", "sequence": number, "product_id": "BTC-USD", "price": "1.00", "time": iso(at_us)}
    return json.dumps(body, separators=(",", ":")).encode()


def garbage(venue: str, rng: random.Random, number: int) -> bytes:
    """Bytes that are no frame of the exchange, each different."""
    own = {
        "binance": b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":1,"s":"BTCUSDT","a":"%d","p":null}}',
        "coinbase": b'{"type":"match","trade_id":-%d,"price":"NaN","size":"","side":"up"}',
    }
    kinds = (
        b"not json %d" % number,
        b'{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","E":%d' % number,
        b"\xff\xfe\x00 %d" % number,
        b"[" * 2000 + b"%d" % number,
        own[venue] % number,
    )
    return rng.choice(kinds)


def broken(rng: random.Random, payload: bytes) -> bytes:
    """A trade's frame as it must not be: cut off, a price that is none, or a field that lacks."""
    way = rng.randrange(3)
    if way == 0:
        return payload[: rng.randrange(len(payload) // 3, len(payload) - 1)]
    found = _PRICE.search(payload)
    assert found is not None, payload
    if way == 1:
        return payload[: found.start(2)] + b"12x" + payload[found.end(2) :]
    return payload[: found.start()] + b'"zz":1' + payload[found.end() :]
