"""An exchange's websocket in this process: says to everyone what a test tells it to, or refuses as exchanges do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Coroutine
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from ctc.settings import Settings, load_profile

BASE_MS = 1_700_000_000_000


def agg_trade(trade_id: int, ms: int, native: str = "BTCUSDT", price: str = "100.5") -> str:
    """A combined-stream aggTrade frame of event time `BASE_MS + ms`."""
    at = BASE_MS + ms
    data = {
        "e": "aggTrade",
        "E": at,
        "s": native,
        "a": trade_id,
        "p": price,
        "q": "0.25",
        "f": trade_id,
        "l": trade_id,
        "T": at,
        "m": True,
        "M": True,
    }
    return json.dumps({"stream": f"{native.lower()}@aggTrade", "data": data}, separators=(",", ":"))


def mini_ticker(ms: int, native: str = "BTCUSDT") -> str:
    data = {"e": "24hrMiniTicker", "E": BASE_MS + ms, "s": native, "c": "1", "o": "1", "h": "1", "l": "1", "v": "1", "q": "1"}
    return json.dumps({"stream": f"{native.lower()}@miniTicker", "data": data}, separators=(",", ":"))


def iso(ms: int) -> str:
    seconds, rest = divmod(BASE_MS + ms, 1000)
    from datetime import UTC, datetime

    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S") + f".{rest:03d}000Z"


def match(trade_id: int, ms: int, native: str = "BTC-USD", price: str = "100.25") -> str:
    """A Coinbase match of time `BASE_MS + ms`."""
    frame = {
        "type": "match",
        "trade_id": trade_id,
        "maker_order_id": "m",
        "taker_order_id": "t",
        "side": "sell",
        "size": "0.5",
        "price": price,
    }
    return json.dumps({**frame, "product_id": native, "sequence": trade_id, "time": iso(ms)}, separators=(",", ":"))


def heartbeat(trade_id: int, ms: int, native: str = "BTC-USD") -> str:
    return json.dumps({"type": "heartbeat", "last_trade_id": trade_id, "product_id": native, "sequence": 1, "time": iso(ms)})


def perp_trades(*rows: tuple[int, int], coin: str = "BTC") -> str:
    """A Hyperliquid frame of trades (tid, ms after `BASE_MS`), as its socket sends them."""
    data = [
        {
            "coin": coin,
            "side": "B",
            "px": "100.0",
            "sz": "0.5",
            "time": BASE_MS + ms,
            "hash": f"0x{tid:064x}",
            "tid": tid,
            "users": [f"0x{tid:040x}", f"0x{tid + 1:040x}"],
        }
        for tid, ms in rows
    ]
    return json.dumps({"channel": "trades", "data": data}, separators=(",", ":"))


def perp_book(ms: int, coin: str = "BTC") -> str:
    return json.dumps({"channel": "l2Book", "data": {"coin": coin, "time": BASE_MS + ms, "levels": [[], []]}})


def row_up(trade_id: int, ms: int) -> dict[str, object]:
    """Binance's REST row of the trade that `agg_trade(trade_id, ms)` is."""
    return {"a": trade_id, "p": "100.5", "q": "0.25", "f": trade_id, "l": trade_id, "T": BASE_MS + ms, "m": True, "M": True}


def row_down(trade_id: int, ms: int) -> dict[str, object]:
    """Coinbase's REST row of the trade that `match(trade_id, ms)` is."""
    return {"trade_id": trade_id, "price": "100.25", "size": "0.5", "side": "sell", "time": iso(ms)}


class FakeExchange:
    """`await say(frame)` reaches every subscribed socket; `refusals` are answered to the next handshakes, in order."""

    def __init__(self, *, acknowledge: bool = False, greet: Callable[[ServerConnection], Awaitable[None]] | None = None) -> None:
        self.sockets: list[ServerConnection] = []
        self.requests: list[str] = []
        self.paths: list[str] = []
        self.refusals: list[tuple[int, dict[str, str]]] = []
        self.most_at_once = 0
        self.history: dict[str, dict[int, int]] = {}  # by native symbol: the ids that REST has, ascending, and their ms
        self.asked: list[str] = []
        self._acknowledge = acknowledge
        self._greet = greet
        self._open = 0

    async def __aenter__(self) -> Self:
        self._server = await serve(self._handle, "127.0.0.1", 0, process_request=self._admit, ping_interval=None, compression=None)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close(close_connections=True)
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    @property
    def rest(self) -> str:
        return self.url.replace("ws://", "http://")

    def _rest(self, target: str) -> Response:
        """Pages of `history`, as both exchanges give them; the clock is past everything."""
        self.asked.append(target)
        path, asked = urlsplit(target).path, dict(parse_qsl(urlsplit(target).query))
        code, body = HTTPStatus.OK, []
        if self.refusals:
            code = HTTPStatus(self.refusals.pop(0)[0])
        elif path == "/api/v3/time":
            body = {"serverTime": BASE_MS + self._newest_ms()}
        elif path == "/time":
            body = {"iso": iso(self._newest_ms())}
        elif path == "/api/v3/aggTrades":
            body = self._page_up(asked)
        else:
            below = int(asked.get("after", 1 << 62))
            rows = [row_down(*row) for row in self.history.get(path.split("/")[2], {}).items() if row[0] < below]
            body = rows[::-1][: int(asked["limit"])]
        data = msgspec.json.encode(body)
        fields = {"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"}
        return Response(code, code.phrase, Headers(fields), data)

    def _newest_ms(self) -> int:
        """The exchange's clock: past every trade that the history shows."""
        return 1 + max((max(rows.values(), default=0) for rows in self.history.values()), default=0)

    def _page_up(self, asked: dict[str, str]) -> list[dict[str, object]]:
        first, since_ms = int(asked.get("fromId", 0)), int(asked.get("startTime", 0)) - BASE_MS
        rows = self.history.get(asked["symbol"], {}).items()
        return [row_up(*row) for row in rows if row[0] >= first and row[1] >= since_ms][: int(asked["limit"])]

    def _admit(self, connection: ServerConnection, request: Request) -> Response | None:
        if "upgrade" not in request.headers.get("Connection", "").lower():
            return self._rest(request.path)
        self.paths.append(request.path)
        if not self.refusals:
            return None
        code, headers = self.refusals.pop(0)
        return Response(code, HTTPStatus(code).phrase, Headers(headers), b"")

    async def _handle(self, ws: ServerConnection) -> None:
        self._open += 1
        self.most_at_once = max(self.most_at_once, self._open)
        try:
            if self._acknowledge:
                self.requests.append(str(await ws.recv()))
                await ws.send(json.dumps({"type": "subscriptions", "channels": []}))
            if self._greet is not None:
                await self._greet(ws)
            self.sockets.append(ws)
            await ws.wait_closed()
        except ConnectionClosed:
            return
        finally:
            self._open -= 1
            if ws in self.sockets:
                self.sockets.remove(ws)

    async def say(self, frame: str | bytes, to: int | None = None) -> None:
        """Send to all sockets, or to one by its place."""
        for ws in list(self.sockets) if to is None else [self.sockets[to]]:
            try:
                await ws.send(frame, text=True) if isinstance(frame, bytes) else await ws.send(frame)
            except ConnectionClosed:
                continue

    async def drop(self, to: int = 0) -> None:
        """Cut one connection as a network does."""
        self.sockets[to].transport.abort()


async def until(condition: Callable[[], object], within_s: float = 60.0) -> None:
    """Return once the condition holds; fails the test when it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 - conditions of any kind, with a deadline
            await asyncio.sleep(0.002)


def run(test: Coroutine[Any, Any, None], within_s: float = 180.0) -> None:
    """Run a test's coroutine in a loop of its own."""
    asyncio.run(asyncio.wait_for(test, within_s))


def session(binance: str, coinbase: str, *, history: str | None = None, **overrides: Any) -> Settings:
    """The sim profile with these endpoints, and Binance's REST `history`; `overrides` replace fields of both exchanges."""
    settings = load_profile("sim", {"exchanges.binance.ws": binance, "exchanges.coinbase.ws": coinbase, "producer.patience_s": 60})
    if history is not None:
        own = msgspec.structs.replace(settings.exchanges["binance"], rest=history)
        settings = msgspec.structs.replace(settings, exchanges={**settings.exchanges, "binance": own})
    exchanges = {name: msgspec.structs.replace(own, **overrides) for name, own in settings.exchanges.items()}
    return msgspec.structs.replace(settings, exchanges=exchanges)
