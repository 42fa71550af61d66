"""The simulated exchanges: their conversations, on top of `venue` and their frames."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable

import msgspec
from websockets.http11 import Response

from sim.exchange import binance, coinbase, http, hyperliquid
from sim.exchange.feed import EMPTY, Feed
from sim.exchange.venue import MarketView, Subscriber, Venue
from sim.market import Minute
from sim.venues import Listing

SUBSCRIBE_WITHIN_S = 5.0  # Coinbase closes a connection that has not subscribed by then
MESSAGES_S = 5  # Binance closes a connection that sends more than this a second


class Binance(Venue):
    """Binance spot: `/ws/<stream>`, `/stream?streams=`, requests with ids, REST under `/api/v3`, and the archive under `/data`."""

    name = "binance"

    def __init__(self, listings: Iterable[Listing], market: MarketView, weights: http.Weights | None = None) -> None:
        super().__init__(listings, market)
        self._weights = weights or http.Weights()

    def missing(self) -> list[str]:
        covered = {
            symbol
            for subscriber in self.subscribers
            for symbol, channel in map(binance.split_stream, subscriber.channels)
            if channel in binance.TRADE_STREAMS
        }
        return [native for native in self.listings if native not in covered]

    def channel_feed(self, minute: Minute, channel: str, combined: bool) -> Feed:
        symbol, kind = binance.split_stream(channel)
        item = self.listings.get(symbol)
        if item is None:  # the exchange takes any well-formed stream, and says nothing on it
            return EMPTY
        feed = binance.stream_feed(minute, item, kind)
        return binance.wrap(channel, feed) if combined else feed

    def refuse(self, target: str, address: str, upgrade: bool) -> Response | None:
        path, query = http.parse(target)
        if upgrade:
            known = path in ("/ws", "/stream") or path.startswith("/ws/")
            return None if known else http.answer(404, {"code": -1000, "msg": f"Path {path} is invalid"})
        used, refusal = self._weights.take(address, binance.weight(path))
        if refusal is not None:
            return refusal
        status, body = binance.rest(path, query, self.listings, self.market.history)
        return http.answer(status, body, {"X-MBX-USED-WEIGHT-1M": str(used)})

    async def file(self, target: str, wanted: str | None) -> Response | None:
        if not target.startswith("/data/"):
            return None
        return await asyncio.to_thread(self.market.archive.answer, target, wanted, self.market.history.position)

    def opened(self, subscriber: Subscriber, target: str) -> None:
        path, query = http.parse(target)
        streams = query.get("streams", "") if path == "/stream" else path.removeprefix("/ws").strip("/")
        subscriber.change(stream for stream in streams.split("/") if stream)

    async def converse(self, subscriber: Subscriber) -> None:
        recent: deque[float] = deque(maxlen=MESSAGES_S + 1)
        clock = asyncio.get_running_loop().time
        async for text in subscriber.link:
            recent.append(clock())
            if len(recent) > MESSAGES_S and recent[-1] - recent[0] < 1:
                await subscriber.link.close(1008, "Too many requests")
                return
            async with subscriber.lock:
                await self._answer(subscriber, text)

    async def _answer(self, subscriber: Subscriber, text: str | bytes) -> None:
        try:
            request = binance.read_request(text)
            result = self._apply(subscriber, request)
        except binance.Refused as refused:
            await subscriber.say(msgspec.json.encode({"error": refused.body, "id": _id_of(text)}))
            return
        await subscriber.say(msgspec.json.encode({"result": result, "id": request.id}))

    def _apply(self, subscriber: Subscriber, request: binance.Request) -> list[str] | bool | None:
        if request.method == "SUBSCRIBE":
            wanted = dict.fromkeys([*subscriber.channels, *request.params])
            if len(wanted) > binance.MAX_STREAMS:
                raise binance.Refused(2, "Invalid request: too many streams")
            subscriber.change(wanted)
        elif request.method == "UNSUBSCRIBE":
            subscriber.change(stream for stream in subscriber.channels if stream not in request.params)
        elif request.method == "LIST_SUBSCRIPTIONS":
            return list(subscriber.channels)
        elif request.params[:1] != ["combined"]:
            raise binance.Refused(0, "Unknown property")
        elif request.method == "GET_PROPERTY":
            return subscriber.combined
        else:
            if len(request.params) != 2 or not isinstance(request.params[1], bool):
                raise binance.Refused(1, "Invalid value type: expected Boolean")
            subscriber.combined = request.params[1]
            subscriber.change(subscriber.channels)
        return None


def _id_of(text: str | bytes) -> object:
    """The id of a request that is refused, None where there is none to be read."""
    try:
        body = msgspec.json.decode(text)
    except msgspec.DecodeError:
        return None
    return body.get("id") if isinstance(body, dict) else None


class Coinbase(Venue):
    """Coinbase Exchange: `matches` and `heartbeat` by request, `last_match` on subscribing, and REST `/products/{id}/trades`."""

    name = "coinbase"

    def __init__(self, listings: Iterable[Listing], market: MarketView, subscribe_within_s: float = SUBSCRIBE_WITHIN_S) -> None:
        super().__init__(listings, market)
        self._subscribe_within_s = subscribe_within_s

    def missing(self) -> list[str]:
        covered = {channel for subscriber in self.subscribers for channel in subscriber.channels}
        return [native for native in self.listings if f"matches {native}" not in covered]

    def channel_feed(self, minute: Minute, channel: str, combined: bool) -> Feed:
        kind, _, product = channel.partition(" ")
        return coinbase.feed(minute, self.listings[product], kind)

    def refuse(self, target: str, address: str, upgrade: bool) -> Response | None:
        if upgrade:
            return None
        path, query = http.parse(target)
        return http.answer(*coinbase.rest(path, query, self.listings, self.market.history))

    def opened(self, subscriber: Subscriber, target: str) -> None:
        return

    async def converse(self, subscriber: Subscriber) -> None:
        try:
            async with asyncio.timeout(self._subscribe_within_s):
                first = await subscriber.link.recv()
        except TimeoutError:
            await subscriber.link.close(1008, "subscribe within 5 seconds")
            return
        await self._answer(subscriber, first)
        async for text in subscriber.link:
            await self._answer(subscriber, text)

    async def _answer(self, subscriber: Subscriber, text: str | bytes) -> None:
        async with subscriber.lock:
            try:
                request = coinbase.read_request(text, self.listings)
            except coinbase.Refused as refused:
                await subscriber.say(coinbase.error(str(refused)))
                return
            asked = [f"{channel} {product}" for channel, products in request.channels.items() for product in products]
            fresh = [channel for channel in asked if channel not in subscriber.channels]
            if request.type == "subscribe":
                subscriber.change([*subscriber.channels, *fresh])
            else:
                fresh = []
                subscriber.change(channel for channel in subscriber.channels if channel not in asked)
            await subscriber.say(coinbase.subscriptions(_by_channel(subscriber.channels)), *self._last(fresh))

    def _last(self, channels: list[str]) -> list[bytes]:
        products = [product for kind, _, product in (channel.partition(" ") for channel in channels) if kind == "matches"]
        items = (self.listings[product] for product in products)
        return [coinbase.last_match(item, self.market.history, self.market.minute.before.listed[item.name]) for item in items]


def _by_channel(channels: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for channel in channels:
        kind, _, product = channel.partition(" ")
        found.setdefault(kind, []).append(product)
    return found


class Hyperliquid(Venue):
    """Hyperliquid: `trades` and `l2Book` by request at `/ws`, on subscribing to trades the newest 30 again; no REST."""

    name = "hyperliquid"

    def __init__(self, listings: Iterable[Listing], market: MarketView) -> None:
        super().__init__(listings, market)
        self._minutes: deque[Minute] = deque(maxlen=2)  # the one that is handed out, and the one before

    def missing(self) -> list[str]:
        covered = {channel for subscriber in self.subscribers for channel in subscriber.channels}
        return [native for native in self.listings if f"trades {native}" not in covered]

    def channel_feed(self, minute: Minute, channel: str, combined: bool) -> Feed:
        kind, _, coin = channel.partition(" ")
        return hyperliquid.feed(minute, self.listings[coin], kind)

    async def push(self, minute: Minute, upto: int, paced: bool) -> None:
        """See Venue.push; keeps the minutes that a new subscriber is shown the end of."""
        if not self._minutes or self._minutes[-1].index != minute.index:
            self._minutes.append(minute)
        await super().push(minute, upto, paced)

    def refuse(self, target: str, address: str, upgrade: bool) -> Response | None:
        path, _ = http.parse(target)
        return None if upgrade and path == "/ws" else http.answer(404, {"error": f"{path} is not simulated"})

    def opened(self, subscriber: Subscriber, target: str) -> None:
        return

    async def converse(self, subscriber: Subscriber) -> None:
        async for text in subscriber.link:
            async with subscriber.lock:
                await subscriber.say(*self._answer(subscriber, text))

    def _answer(self, subscriber: Subscriber, text: str | bytes) -> list[bytes]:
        try:
            request = hyperliquid.read_request(text, self.listings, subscriber.channels)
        except hyperliquid.Refused as refused:
            return [hyperliquid.error(str(refused))]
        if request.channel is None:
            return [hyperliquid.PONG]
        done = [hyperliquid.subscribed(request)]
        if request.method == "unsubscribe":
            subscriber.change(channel for channel in subscriber.channels if channel != request.channel)
            return done
        subscriber.change([*subscriber.channels, request.channel])
        if request.channel.startswith("trades "):
            done += hyperliquid.newest(self._minutes, self.listings[request.coin], self.market.position)
        return done


VENUES: dict[str, type[Venue]] = {venue.name: venue for venue in (Binance, Coinbase, Hyperliquid)}
