"""The session's connections, heard by a recorder: every raw frame, and when connections came and went."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Sequence
from datetime import datetime

from ctc.errors import FrameError
from ctc.exchanges import Exchange, Reading, exchange
from ctc.model import from_us, to_us
from ctc.producer.clock import FrameClock, ProducerClock, clock_of
from ctc.settings import Settings
from ctc.sources.backoff import Backoff
from ctc.sources.channel import Channel, Item
from ctc.sources.healing import Healing
from ctc.sources.links import FIRST_RETRY_S, LONGEST_RETRY_S, history_client, natives_of, spread_out
from ctc.sources.recorder import Folder, Recorder, frame_line, mark_line
from ctc.sources.websocket import Link

FLUSH_EVERY_S = 0.5


class Heard(Channel):
    """A channel that nobody reads: what comes is recorded where it is read, so that it is never full and never waits."""

    def __init__(self, exchange: str, natives: tuple[str, ...], changed: Callable[[bool, str], None]) -> None:
        super().__init__(exchange, natives, 1, asyncio.Event())
        self._changed = changed

    async def put(self, item: Item, time_us: int | None) -> None:
        """Note how far the frames have come."""
        if time_us is not None and time_us > self.mark:
            self.mark = time_us

    def up_from_next(self) -> None:
        """Connected again: a mark says so where the subscription holds, and the frames' own times say the rest."""
        self.change(True)

    def change(self, up: bool, trouble: str = "") -> None:
        """Tell of a change; a loss is told once, not with each try to connect again."""
        before = self.state
        super().change(up, trouble)
        self.items.clear()
        if up or before == "connected":
            self._changed(up, trouble)


class Tapped(Exchange):
    """An exchange's reader that hands on each frame as it came, also one that can't be read."""

    def __init__(self, inner: Exchange, heard: Callable[[bytes, Reading | None], None]) -> None:
        super().__init__(inner.symbols, inner.market)
        self.name, self.subscribes_by_url = inner.name, inner.subscribes_by_url
        self._inner, self._heard = inner, heard

    def read(self, frame: str | bytes, received: datetime | None = None) -> Reading:
        raw = frame.encode() if isinstance(frame, str) else frame
        try:
            reading = self._inner.read(frame, received)
        except FrameError:
            self._heard(raw, None)
            raise
        self._heard(raw, reading)
        return reading

    def identify(self, frame: str | bytes) -> tuple[str, str, str] | None:
        return self._inner.identify(frame)

    def url(self, base: str, natives: Sequence[str], kind: str) -> str:
        return self._inner.url(base, natives, kind)

    def subscriptions(self, natives: Sequence[str], kind: str) -> list[str]:
        return self._inner.subscriptions(natives, kind)


class Connection:
    """One connection and its recorder. On the clock of the frames a frame's receive time is the newest that its connection has said."""

    def __init__(self, settings: Settings, name: str, natives: tuple[str, ...], recorder: Recorder, limit: asyncio.Semaphore) -> None:
        own = settings.exchanges[name]
        reader = exchange(name, own.names, own.market)
        self.recorder = recorder
        self.channel = Heard(name, natives, self._changed)
        self.trades = 0
        self.began_us = 0  # the time of the first frame that told one
        self._clock: ProducerClock = clock_of(settings.producer)
        self._url = reader.url(own.ws, natives, own.kind)
        client = history_client(reader, own, self._clock.received)
        healing = Healing(client, self.channel, dense=False)  # what the socket did not bring is a gap of the recording
        backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S, random.SystemRandom())
        tapped = Tapped(reader, self._heard)
        self.link = Link(tapped, own, self.channel, limit, healing=healing, received=self._clock.received, backoff=backoff)

    def now_us(self) -> int:
        """The time of the connection's clock."""
        return self._clock.now_us()

    def _heard(self, frame: bytes, reading: Reading | None) -> None:
        if isinstance(self._clock, FrameClock) and reading is not None and reading.event_time is not None and reading.kind != "last_match":
            self._clock.reached(to_us(reading.event_time))
        self.began_us = self.began_us or self._clock.now_us()
        self.trades += len(reading.trades) if reading is not None else 0
        self.recorder.put(frame_line(self._clock.now_us(), frame))

    def _changed(self, up: bool, trouble: str) -> None:
        self.recorder.put(mark_line(self._clock.now_us(), self._url, up, trouble))


class Recording:
    """All connections of a session, recorded into a folder. Make it in a running loop."""

    def __init__(self, settings: Settings, folder: Folder, flush_every_s: float = FLUSH_EVERY_S) -> None:
        self.connections: list[Connection] = []
        self.stopping = asyncio.Event()
        self._flush_every_s = flush_every_s
        for name in settings.session.exchanges:
            own = settings.exchanges[name]
            limit = asyncio.Semaphore(own.max_connections)
            for number, natives in enumerate(spread_out(natives_of(settings, name), own.max_connections), 1):
                recorder = Recorder(folder, f"{name}-{number}", name, natives)
                self.connections.append(Connection(settings, name, natives, recorder, limit))

    async def run(self, minutes: float | None = None) -> None:
        """Record until `stopping` is set, or so many minutes of the profile's clock are over. Raises OSError when the disk is full."""
        tasks = [asyncio.create_task(each.link.run()) for each in self.connections]
        try:
            while not self.stopping.is_set():
                await self._flush()
                for task in tasks:
                    if task.done():
                        task.result()
                if minutes is not None and self._heard_us() >= minutes * 60_000_000:
                    break
                await self._until_next()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            for each in self.connections:
                await each.link.healing.close()
            await self._seal()

    def _heard_us(self) -> int:
        """How much of the profile's time has been recorded; between two looks a simulated market may pass as a whole."""
        began = [each.began_us for each in self.connections if each.began_us > 0]
        return max(each.now_us() for each in self.connections) - min(began) if began else 0

    async def _until_next(self) -> None:
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({stop}, timeout=self._flush_every_s)
        stop.cancel()

    async def _flush(self) -> None:
        for each in self.connections:
            await asyncio.to_thread(each.recorder.flush)  # the sockets are read meanwhile

    async def _seal(self) -> None:
        try:
            await self._flush()
        finally:
            for each in self.connections:
                each.recorder.close()

    def newest(self, connection: Connection) -> datetime | None:
        """The newest time that a connection's frames have told."""
        mark = connection.channel.mark
        return from_us(mark) if mark >= 0 else None
