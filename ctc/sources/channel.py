"""One connection's frames on their way to the producer: in order, bounded, with the time they have reached."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec

from ctc.errors import FrameError
from ctc.exchanges import Reading


class LinkChange(msgspec.Struct, frozen=True, gc=False):
    """The connection came up (subscribed), or went down with `trouble` in words; stands in the queue where it happened."""

    up: bool
    trouble: str = ""


class IdHoles(msgspec.Struct, frozen=True, gc=False):
    """Id ranges (first, last) that the exchange's own history of a market skips."""

    native: str
    ranges: tuple[tuple[int, int], ...]


class Doubtful(msgspec.Struct, frozen=True, gc=False):
    """A frame with an id that may be a broken one: its trades go on, and nothing is told from their ids."""

    reading: Reading


class Healed(msgspec.Struct, frozen=True, gc=False):
    """A connection that was lost is back, and what it missed since the loss of that time stands before this."""

    since: float | None


class Settled(msgspec.Struct, frozen=True, gc=False):
    """What could be read of an open range stands before this."""

    native: str
    first: int
    last: int


Item = Reading | Doubtful | FrameError | LinkChange | IdHoles | Healed | Settled


class Channel:
    """A bounded queue whose items have times that never fall: each counts as at least as new as the one before.

    `mark` is the time of the newest item put in, in microseconds, -1 before the first that had one. `healing_since` is
    when (monotonic seconds) a connection was lost whose trades are being made up for. `away` is the reader's note that it waited long
    enough and goes on without this channel.
    """

    def __init__(self, exchange: str, natives: tuple[str, ...], size: int, arrived: asyncio.Event) -> None:
        self.exchange = exchange
        self.natives = natives
        self.items: deque[tuple[int, Item]] = deque()
        self.mark = -1
        self.up = False
        self.away = False
        self.healing_since: float | None = None
        self.closed = False
        self.state = "connecting"
        self.trouble = ""
        self._size = size
        self._arrived = arrived
        self._freed = asyncio.Event()
        self._turn = asyncio.Lock()
        self._resumes = False
        self._made_up = False  # for the loss of `healing_since`; its `Healed` may still stand in the queue

    @property
    def full(self) -> bool:
        """Whether the next `put` waits for the reader."""
        return len(self.items) >= self._size

    async def put(self, item: Item, time_us: int | None) -> None:
        """Append a frame, in turn; waits while the channel is full, which stops the socket's reader and then the exchange.

        A reader that is cancelled while it waits has read the frame: it is appended all the same.
        """
        try:
            if self.full or self._turn.locked():
                async with self._turn:  # two sockets of one market overlap: neither may overtake the other's frame
                    while self.full:
                        self._freed.clear()
                        await self._freed.wait()
                    self._append(item, time_us)
                return
        except asyncio.CancelledError:
            self._append(item, time_us)
            raise
        self._append(item, time_us)

    def _append(self, item: Item, time_us: int | None) -> None:
        if time_us is not None and time_us > self.mark:
            self.mark = time_us
        self.items.append((self.mark, item))
        if self._resumes and time_us is not None:
            self.change(True)
        self._arrived.set()

    def up_from_next(self) -> None:
        """Count as connected again behind the next frame that has a time: what is missing ends there."""
        self._resumes = True

    def change(self, up: bool, trouble: str = "") -> None:
        """Append a change of the connection; never waits."""
        self._resumes = False
        self.up = up
        self.trouble = trouble
        self.state = "connected" if up else "disconnected"
        self.items.append((self.mark, LinkChange(up, trouble)))
        self._arrived.set()

    def lose(self, trouble: str, now: float) -> None:
        """The connection was lost, and what it misses will be made up for; it counts as connected unless that takes too long."""
        self.up = False
        self.trouble = trouble
        self.state = "healing"
        if self.healing_since is None or self._made_up:
            self.healing_since, self._made_up = now, False
        self._arrived.set()

    @property
    def lost(self) -> bool:
        """Whether something was missed that is still to be made up for."""
        return self.healing_since is not None and not self._made_up

    def healed(self) -> None:
        """Append that everything is there again; never waits."""
        self._made_up = True
        self.note(Healed(self.healing_since))

    def whole_since(self, healed: Healed) -> None:
        """The reader has come to what was made up for; a later loss goes on."""
        if self.healing_since == healed.since:
            self.healing_since, self._made_up = None, False

    def note(self, item: IdHoles | Healed | Settled) -> None:
        """Append what is no frame; never waits."""
        self.items.append((self.mark, item))
        self._arrived.set()

    def taken(self) -> None:
        """The reader has taken items: lets a waiting `put` go on."""
        if len(self.items) < self._size:
            self._freed.set()

    def open_wide(self) -> None:
        """Take what comes without waiting from now on: the connections are hanging up, and nobody takes items meanwhile."""
        self._size = 1 << 62
        self._freed.set()

    def close(self) -> None:
        """Nothing will be put any more; nobody waits for this channel once it is empty."""
        self.closed = True
        self._arrived.set()
