"""One exchange connection kept up: subscribes, reads, and is replaced before it is cut, with no trade missed in between.

A replacement overlaps: the new socket is subscribed and delivers before the old one is closed, and the old one is read
until it is at least as far as the new one began. Both copies of a trade go on: ids make them one downstream.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import datetime
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from ctc.errors import ExchangeError, FrameError
from ctc.exchanges import Exchange, Reading
from ctc.model import to_us
from ctc.settings import ExchangeSettings
from ctc.sources.backoff import Backoff
from ctc.sources.channel import Channel, Doubtful
from ctc.sources.healing import Healing
from ctc.sources.refusals import explain

ANSWER_WITHIN_S = 10.0
OVERLAP_AT_MOST_S = 5.0
DELIVER_WITHIN_S = 30.0
PATIENCE_GROWS_TO = 8
CHECK_EVERY_S = 0.25
# A frame of this size still fits into one dead-letter record as base64.
MAX_FRAME_BYTES = 512 * 1024
SYMBOLS_PER_CONNECTION = 100
LOSSES = (ExchangeError, OSError, TimeoutError, WebSocketException)
# Hyperliquid answers each subscription by itself, in order: the answer to the ping behind them says that all are there.
_ACKS = frozenset({"ack", "subscriptions", "pong"})
# History sent on subscribing: its time says nothing of where the stream is.
_UNTIMED = frozenset({"last_match"})


class _Session:
    """One open socket and how far it has come; times of frames in microseconds, others on the monotonic clock."""

    reader: asyncio.Task[None]  # set before anything is awaited

    def __init__(self, ws: ClientConnection, now: float) -> None:
        self.ws = ws
        self.opened = now
        self.last_trade = now
        self.last_frame = now
        self.busy = False  # it is we who don't read: what is missing is being filled in
        self.suspect = False  # a frame could not be read: it may have been a trade
        self.subscribed = asyncio.Event()
        self.delivering = asyncio.Event()
        self.retire = False
        self.first_us = -1
        self.newest_us = -1


class Link:
    """Keeps one connection of one exchange up for some of its markets, and puts what it reads into its channel.

    `limit` holds the exchange's connections to its `max_connections`. `received` stamps trades (None leaves them their
    event time). Losing the connection is a state of the channel, never an exception; what is missed then, `healing` brings.
    """

    def __init__(
        self,
        exchange: Exchange,
        settings: ExchangeSettings,
        channel: Channel,
        limit: asyncio.Semaphore,
        *,
        healing: Healing,
        received: Callable[[], datetime | None],
        backoff: Backoff,
        monotonic: Callable[[], float] = time.monotonic,
        check_every_s: float = CHECK_EVERY_S,
    ) -> None:
        self._exchange = exchange
        self._settings = settings
        self._channel = channel
        self._limit = limit
        self.healing = healing
        self._received = received
        self._monotonic = monotonic
        self._check_every_s = check_every_s
        self._backoff = backoff
        self._url = exchange.url(settings.ws, channel.natives, settings.kind)
        self._patience = 1
        self._sessions: set[_Session] = set()
        self._retrying: asyncio.Task[None] | None = None
        self.connects = 0

    async def run(self) -> None:
        """Connect, read and reconnect until cancelled; closes its sockets then."""
        try:
            while True:
                try:
                    await self._stay_connected()
                except LOSSES as error:
                    refusal = explain(self._exchange.name, self._url, error)
                    self._lose(str(refusal))
                    await asyncio.sleep(self._backoff.next_s(refusal.retry_after or 0.0))
        finally:
            if self._retrying is not None:
                self._retrying.cancel()
                await asyncio.gather(self._retrying, return_exceptions=True)
            for session in list(self._sessions):
                await self._retire(session)

    def leave(self, trouble: str) -> None:
        """Count the connection as lost, and connect again: what it missed, nobody knows."""
        if self._sessions and self._channel.up:
            self._lose(trouble)
        for session in self._sessions:
            session.ws.transport.abort()

    def _lose(self, trouble: str) -> None:
        if self.healing.knows:
            self.healing.lost()
            self._channel.lose(trouble, self._monotonic())
        else:
            self._channel.change(False, trouble)

    async def _stay_connected(self) -> None:
        """Returns never; raises what ended the connection."""
        session = await self._open()
        try:
            while True:
                await self._until_due(session)
                if self._settings.max_connections == 1:
                    raise ExchangeError(f"{self._exchange.name}: replacing its only allowed connection, without overlap")
                session = await self._replace(session)
        finally:
            await self._retire(session)

    async def _open(self) -> _Session:
        """A subscribed session whose frames already go into the channel."""
        await self._limit.acquire()
        session = None
        try:
            ws = await connect(
                self._url,
                compression=None,
                open_timeout=ANSWER_WITHIN_S,
                close_timeout=ANSWER_WITHIN_S,
                # Our own pings would time out while backpressure holds the reader; the watchdog finds dead peers.
                ping_interval=None,
                max_size=MAX_FRAME_BYTES,
                max_queue=1024,
                proxy=None if urlsplit(self._url).hostname in ("127.0.0.1", "localhost", "::1") else True,
            )
            self.connects += 1
            session = _Session(ws, self._monotonic())
            self._sessions.add(session)
            if self._exchange.subscribes_by_url:
                self._confirm(session)
            session.reader = asyncio.create_task(self._read(session))
            await self._subscribe(session)
        except BaseException:
            if session is None:
                self._limit.release()
            else:
                await self._retire(session)
            raise
        return session

    def _confirm(self, session: _Session) -> None:
        """Note in the channel, between the right frames, that the subscription holds from here on.

        After a loss that nothing makes up for, that is from the next frame with a time on: until then nobody knows how long it was.
        """
        if session.subscribed.is_set():
            return
        session.subscribed.set()
        if self._channel.state == "disconnected":
            self._channel.up_from_next()
        else:
            self._channel.change(True)

    async def _subscribe(self, session: _Session) -> None:
        if session.subscribed.is_set():
            return
        for request in self._exchange.subscriptions(self._channel.natives, self._settings.kind):
            await session.ws.send(request)
        await self._first_of(session, session.subscribed, ANSWER_WITHIN_S)
        if not session.subscribed.is_set():
            raise ExchangeError(f"{self._exchange.name} did not confirm the subscription within {ANSWER_WITHIN_S:.0f} s; connecting again")

    async def _first_of(self, session: _Session, event: asyncio.Event, within_s: float) -> None:
        """Wait for the event, at most so long; raises what ended the session if that comes first."""
        waiting = asyncio.create_task(event.wait())
        try:
            await asyncio.wait({waiting, session.reader}, timeout=within_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if session.reader.done() and not event.is_set():
            session.reader.result()

    async def _until_due(self, session: _Session) -> None:
        """Return when the session should be replaced: its time is up, the exchange says so, or no trade comes."""
        while True:
            await asyncio.wait({session.reader}, timeout=self._check_every_s)
            if session.reader.done():
                session.reader.result()
            now = self._monotonic()
            if session.retire or now - session.opened >= self._settings.reconnect_after_s:
                return
            self._watch(session, now)
            self._retry()
            if now - session.last_trade >= self._settings.stale_after_s * self._patience:
                # A market may simply be quiet: each replacement that brings no trade doubles the patience.
                self._patience = min(self._patience * 2, PATIENCE_GROWS_TO)
                self._channel.trouble = f"no trade for {now - session.last_trade:.0f} s: subscribing anew beside the old connection"
                return

    def _watch(self, session: _Session, now: float) -> None:
        """Raises what ended the session, or that it is silent."""
        if session.reader.done():
            session.reader.result()
        if self._channel.full or session.busy:
            session.last_trade = session.last_frame = now  # it is we who hold it back
        if now - session.last_frame >= self._settings.silent_after_s:
            session.ws.transport.abort()  # a dead peer answers no closing handshake either, and the loss is told only after it
            raise ExchangeError(f"{self._exchange.name} is silent: no frame for {now - session.last_frame:.0f} s; connecting again")

    def _retry(self) -> None:
        """Try open ranges again, beside the watch over the socket: a history that does not answer takes its time."""
        if self._retrying is not None and self._retrying.done():
            self._retrying.result()
            self._retrying = None
        if self._retrying is None and self.healing.open:
            self._retrying = asyncio.create_task(self.healing.retry())

    async def _replace(self, old: _Session) -> _Session:
        """The session to go on with: a new one that overlaps the old, or the old one where no new one comes up.

        Raises what ends or silences the old one meanwhile: that is a loss like any other, and made up for like one.
        """
        opening = asyncio.create_task(self._deliver())
        try:
            while not opening.done():
                await asyncio.wait({opening, old.reader}, timeout=self._check_every_s, return_when=asyncio.FIRST_COMPLETED)
                if not opening.done():
                    self._watch(old, self._monotonic())
        except BaseException:
            opening.cancel()
            await asyncio.gather(opening, return_exceptions=True)
            raise
        try:
            new = opening.result()
        except LOSSES as error:
            self._channel.trouble = f"no replacement yet: {explain(self._exchange.name, self._url, error)}"
            self._put_off(old)
            return old
        if old.reader.done():  # at the very moment
            await self.healing.catch_up()
        await self._catch_up(old, new.first_us)
        await self._retire(old)
        return new

    async def _deliver(self) -> _Session:
        """A session that has brought a frame, or none for so long that it is a quiet market's."""
        session = await self._open()
        try:
            await self._first_of(session, session.delivering, DELIVER_WITHIN_S)
        except BaseException:
            await self._retire(session)
            raise
        return session

    async def _catch_up(self, old: _Session, until_us: int) -> None:
        """Read the old connection until it is as far as the new one began; a full channel stops the clock."""
        deadline = self._monotonic() + OVERLAP_AT_MOST_S
        while not old.reader.done() and old.newest_us < until_us and self._monotonic() < deadline:
            await asyncio.wait({old.reader}, timeout=0.01)
            if self._channel.full:
                deadline = self._monotonic() + OVERLAP_AT_MOST_S

    def _put_off(self, session: _Session) -> None:
        """Keep the session for another while: the next try comes after a backoff."""
        now = self._monotonic()
        wait_s = self._backoff.next_s()
        session.retire = False
        session.opened = now - self._settings.reconnect_after_s + wait_s
        session.last_trade = now

    async def _retire(self, session: _Session) -> None:
        """Close; what had already arrived is still read."""
        if session not in self._sessions:
            return
        self._sessions.discard(session)
        try:
            await session.ws.close()
            await asyncio.wait({session.reader}, timeout=ANSWER_WITHIN_S)
            while self._channel.full and not session.reader.done():
                await asyncio.wait({session.reader}, timeout=self._check_every_s)
            session.reader.cancel()
            await asyncio.gather(session.reader, return_exceptions=True)
        finally:
            self._limit.release()

    async def _read(self, session: _Session) -> None:
        """Frames into the channel until the connection ends; raises what ended it."""
        receive, read, put, received = session.ws.recv, self._exchange.read, self._channel.put, self._received
        follows, monotonic = self.healing.follows, self._monotonic
        if session.subscribed.is_set():
            await self._heal(session)
        while True:
            frame = await receive(decode=False)
            session.last_frame = monotonic()
            try:
                reading = read(frame, received())
            except FrameError as error:
                await put(error, None)
                session.suspect = True
                continue
            believed = True
            if session.suspect or not follows(reading):
                believed = await self._mend(session, reading)
            if reading.trades:
                await put(reading if believed else Doubtful(reading), self._note(session, reading))
                session.last_trade = session.last_frame
                self._patience = 1
                self.healing.progressed()
            else:
                await self._other(session, reading)

    async def _heal(self, session: _Session) -> None:
        """After a loss: all that was missed, before anything new."""
        if self._channel.lost:
            session.busy = True
            await self.healing.catch_up()
            session.busy = False

    async def _mend(self, session: _Session, reading: Reading) -> bool:
        """What is missing before this reading; False where its ids are in doubt."""
        session.busy = True
        if session.suspect and reading.event_time is not None:
            session.suspect = False
            await self.healing.check(reading.event_time)
        believed = await self.healing.precede(reading, lambda: self._older_than(session))
        session.busy = False
        return believed

    def _older_than(self, session: _Session) -> bool:
        """Whether an older socket is still being read, and may bring what this one begins behind."""
        return any(other.opened < session.opened and not other.reader.done() for other in self._sessions)

    async def _other(self, session: _Session, reading: Reading) -> None:
        if reading.error is not None:
            raise ExchangeError(reading.error)
        if reading.kind in _ACKS:
            self._confirm(session)
            await self._heal(session)
        elif reading.kind == "serverShutdown":
            session.retire = True
        await self._channel.put(reading, self._note(session, reading))

    def _note(self, session: _Session, reading: Reading) -> int | None:
        """The frame's time in microseconds; notes how far the session has come."""
        if reading.event_time is None or reading.kind in _UNTIMED:
            return None
        time_us = to_us(reading.event_time)
        if session.first_us < 0:
            session.first_us = time_us
            session.delivering.set()
            self._backoff.reset()
        if time_us > session.newest_us:
            session.newest_us = time_us
        return time_us
