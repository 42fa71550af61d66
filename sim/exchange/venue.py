"""Connections of one exchange: who is subscribed to what, and how frames get to them in order, at any speed."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable, Iterable
from typing import Protocol

import numpy as np
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.protocol import State as Link

from ctc.errors import SetupError
from sim.exchange.archive import Archive
from sim.exchange.feed import EMPTY, Feed, merge
from sim.exchange.history import History
from sim.market import Minute
from sim.venues import Listing

BATCH = 256  # frames handed to the socket before its buffer is looked at
AHEAD = 2  # pushes that may be on their way to a subscriber while it is paced
SLOW_BYTES = 16 << 20  # a subscriber that leaves this much unread in real time is cut off
PING_S = 20.0
PONG_S = 60.0
OPEN_S = 300.0  # until a request is answered: a day of the archive is made when it is first asked for


class MarketView(Protocol):
    """What a venue sees of the engine."""

    history: History
    archive: Archive
    minute: Minute
    position: int  # every frame with a lower key has been handed out

    def subscriptions_changed(self) -> None: ...


class Subscriber:
    """One connection. The lock keeps requests and pushes apart, so that a subscription begins between two pushes."""

    def __init__(self, link: ServerConnection, venue: Venue, combined: bool) -> None:
        self.link = link
        self.lock = asyncio.Lock()
        self.combined = combined
        self.channels: dict[str, None] = {}
        self._venue = venue
        self._position = 0
        self._feed: tuple[int, Feed] | None = None
        self._cursor = 0
        self._unread: deque[Awaitable[float]] = deque()

    def change(self, channels: Iterable[str]) -> None:
        """From here on these channels, of frames that were not yet pushed. Call with the lock held."""
        self.channels = dict.fromkeys(channels)
        self._position = max(self._position, self._venue.market.position)
        self._feed = None
        self._venue.market.subscriptions_changed()

    async def say(self, *frames: bytes) -> None:
        """Answers, in one go."""
        async with self.link.send_context():
            for frame in frames:
                self.link.protocol.send_text(frame)

    async def push(self, minute: Minute, upto: int, paced: bool) -> None:
        """Send what has a key below `upto`. Paced, wait until the subscriber has read all but the last few pushes."""
        async with self.lock:
            frames = self._take(minute, upto)
            if not paced:
                self._write(frames)
                return
            for start in range(0, len(frames), BATCH):
                async with self.link.send_context():
                    self._put(frames[start : start + BATCH])
            # The answer to a ping comes once the client has read what is before it: socket buffers alone would hold minutes.
            self._unread.append(await self.link.ping())
            while len(self._unread) > AHEAD:
                await self._unread.popleft()

    def _take(self, minute: Minute, upto: int) -> list[bytes]:
        if self._feed is None or self._feed[0] != minute.index:
            feed = self._venue.feed(minute, self)
            self._feed = (minute.index, feed)
            self._cursor = int(np.searchsorted(feed.keys, self._position))
        feed = self._feed[1]
        end = int(np.searchsorted(feed.keys, upto))
        frames = feed.frames[self._cursor : end]
        self._cursor, self._position = end, upto
        return frames

    def _write(self, frames: list[bytes]) -> None:
        """In real time nobody waits for a slow subscriber: it is cut off, as the exchanges do."""
        if self.link.protocol.state is not Link.OPEN:
            return
        if self.link.transport.get_write_buffer_size() > SLOW_BYTES:
            self.link.transport.abort()
            return
        self._put(frames)

    def _put(self, frames: list[bytes]) -> None:
        """Frames in one write: the library's own is a system call a frame, 40 % of the server's time."""
        for frame in frames:
            self.link.protocol.send_text(frame)
        self.link.transport.write(b"".join(self.link.protocol.data_to_send()))


class Venue(ABC):
    """One exchange's server on one port."""

    name: str

    def __init__(self, listings: Iterable[Listing], market: MarketView) -> None:
        self.listings = {item.native: item for item in listings}
        self.market = market
        self.subscribers: set[Subscriber] = set()
        self._feeds: dict[tuple[str, bool], Feed] = {}
        self._feeds_of = -1

    @abstractmethod
    def missing(self) -> list[str]:
        """Listings whose trades nobody is subscribed to."""

    @abstractmethod
    def channel_feed(self, minute: Minute, channel: str, combined: bool) -> Feed:
        """A minute of one channel."""

    @abstractmethod
    async def converse(self, subscriber: Subscriber) -> None:
        """Answer a connection's requests until it closes."""

    @abstractmethod
    def refuse(self, target: str, address: str, upgrade: bool) -> Response | None:
        """The HTTP answer to a request, None when it opens a stream."""

    @abstractmethod
    def opened(self, subscriber: Subscriber, target: str) -> None:
        """Take subscriptions out of the address that was opened."""

    def feed(self, minute: Minute, subscriber: Subscriber) -> Feed:
        """A subscriber's frames of a minute; channels are encoded once for all of them."""
        if self._feeds_of != minute.index:
            self._feeds, self._feeds_of = {}, minute.index
        found = []
        for channel in subscriber.channels:
            key = (channel, subscriber.combined)
            if key not in self._feeds:
                self._feeds[key] = self.channel_feed(minute, channel, subscriber.combined)
            found.append(self._feeds[key])
        return merge(found) if found else EMPTY

    async def push(self, minute: Minute, upto: int, paced: bool) -> None:
        """Send to every subscriber; one that is gone is forgotten."""
        await asyncio.gather(*(self._push(each, minute, upto, paced) for each in tuple(self.subscribers)))

    async def _push(self, subscriber: Subscriber, minute: Minute, upto: int, paced: bool) -> None:
        try:
            await subscriber.push(minute, upto, paced)
        except ConnectionClosed:
            self._forget(subscriber)

    def _forget(self, subscriber: Subscriber) -> None:
        if subscriber in self.subscribers:
            self.subscribers.discard(subscriber)
            self.market.subscriptions_changed()

    async def handle(self, link: ServerConnection) -> None:
        """One connection from its opening to its end."""
        target = link.request.path if link.request else "/"
        subscriber = Subscriber(link, self, target.startswith("/stream"))
        self.opened(subscriber, target)
        self.subscribers.add(subscriber)
        self.market.subscriptions_changed()
        try:
            await self.converse(subscriber)
        except ConnectionClosed:
            return
        finally:
            self._forget(subscriber)

    async def file(self, target: str, wanted: str | None) -> Response | None:
        """The answer where a path is of the exchange's archive; `wanted` is the request's Range."""
        return None

    async def _request(self, link: ServerConnection, request: Request) -> Response | None:
        address = str(link.remote_address[0])
        file = await self.file(request.path, request.headers.get("Range"))
        if file is not None:
            return file
        return self.refuse(request.path, address, "upgrade" in request.headers.get("Connection", "").lower())

    async def start(self, port: int, *, ping_s: float = PING_S, pong_s: float = PONG_S) -> Server:
        """Serve on 127.0.0.1. Raises SetupError when the port is taken."""
        try:
            return await serve(
                self.handle, "127.0.0.1", port, process_request=self._request, compression=None,
                ping_interval=ping_s, ping_timeout=pong_s, close_timeout=2, open_timeout=OPEN_S,
                server_header="ctc-sim",
            )  # fmt: skip
        except OSError as error:
            raise SetupError(
                f"the simulated {self.name} can't listen on 127.0.0.1:{port} ({error.strerror}): stop what uses that port, "
                f"or set exchanges.{self.name}.ws and .rest to another one"
            ) from error
