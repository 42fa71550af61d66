"""One order for the frames of all connections.

`FrameMerge` orders them by frame time behind the lowest mark of all connections: what comes out depends on the frames
alone, not on which socket was faster. `ArrivalMerge` takes them as they came.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Protocol

from ctc.sources.channel import Channel, Item

KEEPS_UP_US = 2_000_000
QUIET_S = 1.0
STOOD_STILL_S = 2.0
Taken = tuple[int, Channel, Item]


class Merge(Protocol):
    """Where the producer takes its frames from; times never fall from one item to the next."""

    def take(self, most: int) -> list[Taken]:
        """Up to `most` items that nothing earlier can precede any more; empty when there are none yet."""
        ...

    def passed_us(self) -> int | None:
        """A time that has passed though no item says so; None where only items tell."""
        ...

    def holds(self) -> bool:
        """Whether heartbeats must wait, because trades that are older may still come."""
        ...

    async def wait(self, at_most_s: float) -> None:
        """Return when something arrived, or the time is up."""
        ...


class ArrivalMerge:
    """Frames as they come. An item's time is its frame's, at most the machine's; `passed_us` is the machine's while the
    frames keep up with it, so that after a hold-up heartbeats don't outrun the trades that are still to be read.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        arrived: asyncio.Event,
        now_us: Callable[[], int],
        monotonic: Callable[[], float] = time.monotonic,
        *,
        patience_s: float,
    ) -> None:
        self._channels = channels
        self._arrived = arrived
        self._now_us = now_us
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._reached = -1
        self._took_at = monotonic()
        self._asked = (now_us(), monotonic())

    def take(self, most: int) -> list[Taken]:
        now = self._now_us()
        taken: list[Taken] = []
        for channel in self._channels:
            items = channel.items
            channel.away = self._is_away(channel)
            while items and len(taken) < most:
                time_us, item = items.popleft()
                self._reached = max(self._reached, min(now, time_us))
                taken.append((self._reached, channel, item))
            channel.taken()
        if taken:
            self._took_at = self._monotonic()
        return taken

    def holds(self) -> bool:
        """While a connection that was lost makes up for what it missed, unless that takes too long."""
        return any(channel.healing_since is not None and not channel.away for channel in self._channels)

    def _is_away(self, channel: Channel) -> bool:
        return channel.healing_since is not None and self._monotonic() - channel.healing_since >= self._patience_s

    def passed_us(self) -> int | None:
        now, at = self._now_us(), self._monotonic()
        if now - self._asked[0] > STOOD_STILL_S * 1_000_000 or at - self._asked[1] > STOOD_STILL_S:
            self._took_at = at  # this process did not run: what came meanwhile is not read yet, and it is not quiet
        self._asked = (now, at)
        if any(channel.items for channel in self._channels):
            return None
        if now - self._reached <= KEEPS_UP_US or at - self._took_at >= QUIET_S:
            return now
        return None

    async def wait(self, at_most_s: float) -> None:
        await _wait(self._arrived, at_most_s)


class FrameMerge:
    """Frames by (time, connection, arrival on it).

    An empty connection holds the others back at its mark. One that has been doing so for `patience_s` of wall time is
    let go (`away`), until it delivers again; what it then brings counts as of the time the others have reached.
    """

    def __init__(
        self,
        channels: Sequence[Channel],
        arrived: asyncio.Event,
        *,
        patience_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._channels = channels
        self._arrived = arrived
        self._patience_s = patience_s
        self._monotonic = monotonic
        self._held_since: float | None = None
        self._reached = -1

    def take(self, most: int) -> list[Taken]:
        taken: list[Taken] = []
        while len(taken) < most and self._run(taken, most):
            pass
        if taken:
            self._held_since = None
            for channel in self._channels:
                channel.taken()
        else:
            self._let_go()
        return taken

    def _run(self, taken: list[Taken], most: int) -> bool:
        """Take from the connection that is lowest until another is; False when none may be taken from."""
        first: Channel | None = None
        low = bound = (1 << 63, 0)
        for index, channel in enumerate(self._channels):
            if channel.items:
                head = (channel.items[0][0], index)
                if head < low:
                    first, low, bound = channel, head, min(bound, low)
                else:
                    bound = min(bound, head)
            elif not channel.away and not channel.closed:
                bound = min(bound, (channel.mark, index))
        if first is None or low > bound:
            return False
        items, index, reached = first.items, low[1], self._reached
        while items and len(taken) < most and (items[0][0], index) < bound:
            time_us, item = items.popleft()
            if time_us > reached:
                reached = time_us
            taken.append((reached, first, item))
        self._reached = reached
        first.away = False
        return True

    def _let_go(self) -> None:
        """Go on without the connections that have held the others back for too long."""
        heads = [channel.items[0][0] for channel in self._channels if channel.items]
        if not heads:
            self._held_since = None
            return
        now = self._monotonic()
        if self._held_since is None:
            self._held_since = now
        elif now - self._held_since >= self._patience_s:
            self._held_since = None
            for channel in self._channels:
                if not channel.items and channel.mark <= min(heads):
                    channel.away = True
            self._arrived.set()

    def passed_us(self) -> int | None:
        return None

    def holds(self) -> bool:
        return False  # nothing newer than what a connection has brought is given out

    async def wait(self, at_most_s: float) -> None:
        await _wait(self._arrived, at_most_s)


async def _wait(arrived: asyncio.Event, at_most_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await arrived.wait()
    arrived.clear()
