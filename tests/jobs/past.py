"""An exchange with the whole history of Binance's market of the small lake, in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from fakes_exchange import BASE_MS, FakeExchange

from ctc.aws.query import LakeReader
from ctc.settings import Settings


def binance_ids(settings: Settings, symbol: str = "BTC-USDT") -> dict[int, int]:
    """What the lake has of Binance's market: ids and their times in milliseconds since the epoch."""
    reader = LakeReader(settings)
    try:
        rows = reader.query(
            "select trade_id, epoch_ms(timestamp) ms from raw_trades where exchange = 'binance' and market = 'spot' and symbol = $symbol",
            {"symbol": symbol},
        ).to_pylist()
    finally:
        reader.close()
    return {row["trade_id"]: row["ms"] for row in rows}


def whole(ids: dict[int, int]) -> dict[int, int]:
    """Every id from the first to the last; those that are missing have the time of the one before."""
    found, at = {}, ids[min(ids)]
    for number in range(min(ids), max(ids) + 1):
        at = max(at, ids.get(number, at))  # an exchange's ids are in order of time
        found[number] = at
    return found


@contextmanager
def serving(settings: Settings, history: dict[str, dict[int, int]]) -> Iterator[Settings]:
    """The settings with both exchanges' REST at a server that has this history (ids and ms since the epoch) by native symbol."""
    loop, fake = asyncio.new_event_loop(), FakeExchange()
    fake.history = {native: {number: ms - BASE_MS for number, ms in rows.items()} for native, rows in history.items()}
    thread = threading.Thread(target=loop.run_forever, name="exchange")
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(fake.__aenter__(), loop).result(30)
        exchanges = {name: msgspec.structs.replace(own, rest=fake.rest, rest_per_s=1_000) for name, own in settings.exchanges.items()}
        yield msgspec.structs.replace(settings, exchanges=exchanges)
        asyncio.run_coroutine_threadsafe(fake.__aexit__(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()
