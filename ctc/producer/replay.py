"""Feeds the tape from recordings, in the order of their own time, as fast as asked."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import tee
from typing import Any

from ctc.exchanges import EXCHANGES, exchange
from ctc.model import from_us
from ctc.producer.clock import FrameClock
from ctc.producer.heartbeats import LONGEST_STEP, SECOND, Venue, Venues
from ctc.producer.pace import Pace
from ctc.producer.tape import Tape
from ctc.settings import Settings
from ctc.sources.kinds import Market
from ctc.sources.merge import merge
from ctc.sources.recording import RecordedFrame
from ctc.sources.survey import Survey

FRAMES_AT_ONCE = 512
Names = dict[str, dict[str, str]]


def canonical_names(settings: Settings) -> Names:
    """For each exchange, its native names to the profile's canonical ones."""
    return {name: own.names for name, own in settings.exchanges.items() if name in EXCHANGES}


class Scout:
    """Looks ahead in the same frames, and keeps the spans of time in which each market traded without a long gap.

    Connected is what a venue is from its first frame to its last; only who has read on knows that a frame was the last.
    What it has seen is held until it is sent: LONGEST_STEP of the market. Reading it twice would be a third of a replay's CPU.
    """

    def __init__(self, frames: Iterator[tuple[RecordedFrame, int]]) -> None:
        self._frames = frames
        self._reached = -1
        self.spans: dict[Market, list[tuple[int, int]]] = {}

    def look_to(self, time_us: int) -> None:
        """Read until a frame's mark is past this time."""
        while self._reached <= time_us:
            found = next(self._frames, None)
            if found is None:
                self._reached = 1 << 63
                return
            frame, self._reached = found
            if frame.reading is not None:
                for trade in frame.reading.trades:
                    self._note((trade.exchange, trade.market, trade.native_symbol), self._reached)

    def _note(self, market: Market, mark_us: int) -> None:
        spans = self.spans.setdefault(market, [])
        if spans and mark_us - spans[-1][1] <= LONGEST_STEP:
            spans[-1] = (spans[-1][0], mark_us)
        else:
            spans.append((mark_us, mark_us))


class ReplayFeed:
    """Recorded files as a session: their symbols, their times, their venues."""

    def __init__(self, settings: Settings, found: Survey, clock: FrameClock, pace: Pace) -> None:
        self._clock = clock
        self._pace = pace
        self._names = canonical_names(settings)
        self.found = found
        self._recordings = found.open(self._names)
        self._frames, ahead = tee(merge(self._recordings))
        self._scout = Scout(ahead)
        self.venues = self._venues()
        self._newest: dict[str, int] = {}

    def _venues(self) -> Venues:
        """A venue for each kind of each market; the kinds of one market share the spans in which it was connected."""
        venues = Venues()
        for name, market, native, kind in self.found.spaces:
            symbol = exchange(name, self._names.get(name), market).listing(native, kind, market).symbol
            spans = self._scout.spans.setdefault((name, market, native), [])
            # Where each kind fills holes of the other, ids that are missing are not lost: no newest one is named.
            dense = (name, market, native) not in self.found.held
            venues.add(symbol, Venue(name, market, native, kind, spans=spans, names_ids=dense))
        return venues

    async def run(self, tape: Tape, stopping: asyncio.Event) -> int | None:
        """Feed until stopped (None) or to the end (the time after everything)."""
        end = -1
        for count, (frame, mark_us) in enumerate(self._frames, 1):
            if count % FRAMES_AT_ONCE == 0:
                await asyncio.sleep(0)
            if self._pace.speed is not None or count % FRAMES_AT_ONCE == 0:
                await self._pace.turn(mark_us, stopping)
            if stopping.is_set():
                return None
            if tape.full:
                await tape.room()
            end = max(end, self._put(tape, frame, mark_us))
        return end // SECOND * SECOND + SECOND

    def _put(self, tape: Tape, frame: RecordedFrame, mark_us: int) -> int:
        """Put one frame and the heartbeats before it; the newest time that it speaks of."""
        if mark_us > 0:
            self._clock.reached(mark_us)
            if mark_us >= tape.heartbeats.next_us:
                self._scout.look_to(mark_us + LONGEST_STEP)
                tape.advance(mark_us)
        if frame.error is not None:
            tape.unreadable(frame.error, frame.received)
        if frame.reading is None:
            return mark_us
        tape.reading(frame.reading)
        newest = max(mark_us, frame.newest_us)
        self._newest[frame.exchange] = max(newest, self._newest.get(frame.exchange, 0))
        return newest

    def status(self) -> dict[str, Any]:
        """How far each exchange's recordings have come, and what was wrong with them."""
        trouble = "; ".join(recording.trouble for recording in self._recordings if recording.trouble)
        return {
            name: {"state": "replay", "trouble": trouble, "newest": from_us(newest), "connections": [], "connects": 0}
            for name, newest in self._newest.items()
        }
