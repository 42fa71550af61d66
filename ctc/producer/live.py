"""Feeds the tape from the exchanges' sockets, until told to stop or until the frames pass a time."""

from __future__ import annotations

import asyncio
import random
import time
from typing import Any

from ctc.errors import FrameError
from ctc.exchanges import Reading
from ctc.model import from_us, to_us
from ctc.producer.clock import FrameClock, ProducerClock
from ctc.producer.heartbeats import Venues
from ctc.producer.logs import log
from ctc.producer.merge import ArrivalMerge, FrameMerge, Merge, Taken
from ctc.producer.resume import OpenGap, ResumePoint
from ctc.producer.tape import Tape
from ctc.settings import Settings
from ctc.sources.channel import Channel, Doubtful, Healed, IdHoles, LinkChange, Settled
from ctc.sources.links import open_links

# Few enough that the sockets' readers get their turn, enough that asking for turns costs nothing.
ITEMS_AT_ONCE = 512
WAIT_S = 0.2
# A machine that slept for longer can't tell a socket that died meanwhile from a quiet one.
SLEPT_S = 5.0
# At the end, for a connection that is still making up for what it missed.
END_PATIENCE_S = 120.0


class LiveFeed:
    """All connections of a session, merged in the order of the profile's clock."""

    def __init__(
        self,
        settings: Settings,
        venues: Venues,
        clock: ProducerClock,
        *,
        until_us: int | None = None,
        resume: ResumePoint | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._venues = venues
        self._clock = clock
        self._until_us = until_us
        patience_s = settings.producer.patience_s
        arrived = asyncio.Event()
        self.links = open_links(settings, arrived, received=clock.received, rng=rng or random.SystemRandom())
        self.channels = [channel for channel, _ in self.links]
        self._merge: Merge
        if isinstance(clock, FrameClock):
            self._merge = FrameMerge(self.channels, arrived, patience_s=patience_s)
        else:
            self._merge = ArrivalMerge(self.channels, arrived, clock.now_us, patience_s=patience_s)
        self._up = dict.fromkeys(self.channels, False)
        self._away = dict.fromkeys(self.channels, False)
        self._healings = {channel: link.healing for channel, link in self.links}
        self._hold_until = time.monotonic() + patience_s
        self._end_by: float | None = None  # set once the end is reached
        if resume is not None:
            self._resume(resume)

    def _resume(self, point: ResumePoint) -> None:
        """Everything up to the point was kept: what came after is to be made up for before anything new."""
        self._clock.reached(point.time_us)
        for channel, link in self.links:
            name = channel.exchange
            link.healing.resume(point.following(name), from_us(point.time_us), point.left(name))
            channel.lose("going on where the producer stood before", time.monotonic())

    def open_gaps(self) -> list[OpenGap]:
        """The id ranges that are not in the tape yet."""
        return [(channel.exchange, *gap) for channel, healing in self._healings.items() for gap in (*healing.open, *healing.settling)]

    async def run(self, tape: Tape, stopping: asyncio.Event) -> int | None:
        """Feed until stopped (None) or until everything before `until_us` is in the tape (that time)."""
        tasks = [asyncio.create_task(link.run()) for _, link in self.links]
        tasks += [asyncio.create_task(self._watch_time())]
        try:
            while not stopping.is_set():
                taken = self._merge.take(ITEMS_AT_ONCE)
                if self._put_all(tape, taken):
                    return self._until_us
                if tape.full:
                    await tape.room()
                for task in tasks:
                    if task.done():
                        task.result()
                if taken:
                    await asyncio.sleep(0)
                else:
                    await self._merge.wait(WAIT_S)
        finally:
            await self._hang_up(tasks)
        await self._drain(tape)
        return None

    def _put_all(self, tape: Tape, taken: list[Taken]) -> bool:
        """Put items and the heartbeats between them into the tape; True once the end is reached."""
        self._note_away()
        for time_us, channel, item in taken:
            if not self._reach(tape, time_us) or not self._is_beyond(item):
                self._put(tape, channel, item)
        passed = self._merge.passed_us()
        if passed is not None:
            self._reach(tape, passed)
        return self._end_by is not None and self._all_came()

    def _reach(self, tape: Tape, time_us: int) -> bool:
        """Note that the frames have come to this time; True if that is the end."""
        if self._end_by is None and self._until_us is not None and time_us >= self._until_us:
            self._end_by = time.monotonic() + END_PATIENCE_S
        if self._end_by is not None:
            return True
        if time_us >= 0:
            self._clock.reached(time_us)
            if self._settled():
                tape.advance(time_us)
        return False

    def _is_beyond(self, item: Any) -> bool:
        """Whether this is a frame that the exchange sent after the end, and not one that only comes after the others' end."""
        assert self._until_us is not None  # else there is no end
        reading = item.reading if isinstance(item, Doubtful) else item
        return isinstance(reading, Reading) and (reading.event_time is None or to_us(reading.event_time) >= self._until_us)

    def _all_came(self) -> bool:
        """Whether no connection is still making up for what it missed before the end; one that takes too long is not waited for."""
        assert self._end_by is not None
        return time.monotonic() >= self._end_by or not any(channel.healing_since is not None for channel in self.channels)

    def _settled(self) -> bool:
        """Whether heartbeats may go on: a connection that is only just coming up must not read as a lost one."""
        if self._hold_until and (all(self._up.values()) or time.monotonic() >= self._hold_until):
            self._hold_until = 0.0
        return not self._hold_until and not self._merge.holds()

    def _put(self, tape: Tape, channel: Channel, item: Any) -> None:
        if isinstance(item, FrameError):
            tape.unreadable(item)
        elif isinstance(item, Doubtful):
            tape.reading(item.reading, names_ids=False)
        elif isinstance(item, Healed):
            channel.whole_since(item)
            log("healed", exchange=channel.exchange, symbols=channel.natives, trouble=channel.trouble)
        elif isinstance(item, IdHoles):
            self._venues.skip(channel.exchange, item.native, item.ranges)
        elif isinstance(item, Settled):
            self._healings[channel].settling.remove((item.native, item.first, item.last))
        elif isinstance(item, LinkChange):
            self._up[channel] = item.up
            self._note(channel)
            log("connection", exchange=channel.exchange, symbols=channel.natives, up=item.up, trouble=item.trouble)
        else:
            tape.reading(item)

    def _note_away(self) -> None:
        for channel in self.channels:
            if channel.away != self._away[channel]:
                self._away[channel] = channel.away
                self._note(channel)
                log("connection", exchange=channel.exchange, symbols=channel.natives, away=channel.away)

    def _note(self, channel: Channel) -> None:
        up = self._up[channel] and not channel.away
        self._venues.change(channel.exchange, channel.natives, up)

    async def _watch_time(self) -> None:
        """Where the machine's time jumps, every connection counts as lost: what came meanwhile is made up for, or said to be missing."""
        while not isinstance(self._clock, FrameClock):
            before = self._clock.now_us()
            await asyncio.sleep(WAIT_S)
            slept_s = (self._clock.now_us() - before) / 1e6 - WAIT_S
            if slept_s >= SLEPT_S:
                log("slept", seconds=round(slept_s, 1))
                for _, link in self.links:
                    link.leave(f"this machine stood still for {slept_s:.0f} s")

    async def _hang_up(self, tasks: list[asyncio.Task[None]]) -> None:
        for task in tasks:
            task.cancel()
        for channel in self.channels:
            channel.open_wide()
        await asyncio.wait(tasks)
        for _, link in self.links:
            await link.healing.close()

    async def _drain(self, tape: Tape) -> None:
        """Put what had been read; heartbeats stay where they are: trades that were not read may be older."""
        for channel in self.channels:
            channel.close()
        while taken := self._merge.take(ITEMS_AT_ONCE):
            for _, channel, item in taken:
                self._put(tape, channel, item)
            await tape.room()

    def status(self) -> dict[str, Any]:
        """Each exchange's connections, worst news first, and its newest frame."""
        found: dict[str, Any] = {}
        for channel, link in self.links:
            blank: dict[str, Any] = {
                "state": "connected",
                "trouble": "",
                "newest": None,
                "connections": [],
                "connects": 0,
                "filled": 0,
                "open_gaps": 0,
            }
            entry = found.setdefault(channel.exchange, blank)
            entry["connections"].append({"symbols": channel.natives, "state": channel.state, "waiting": len(channel.items)})
            entry["connects"] += link.connects
            entry["filled"] += link.healing.filled
            entry["open_gaps"] += len(link.healing.open)
            if channel.state != "connected":
                entry["state"] = channel.state
            entry["trouble"] = entry["trouble"] or channel.trouble
            if channel.mark >= 0:
                entry["newest"] = max(entry["newest"] or from_us(0), from_us(channel.mark))
        return found
