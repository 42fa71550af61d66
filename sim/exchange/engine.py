"""Market time: generates minutes, hands them to the venues at the plan's pace, keeps the tape and what a resume needs.

Frames are handed out by key (`sim.exchange.feed`): `position` is the key below which everything has been handed out. While
the market runs faster than real time it waits for slow readers and stands still while an expected market has no
subscriber; in real time it goes on, as the real ones do.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from ctc import status
from ctc.errors import SessionError
from ctc.model import from_us, to_us
from sim.exchange.archive import Archive
from sim.exchange.feed import Feed, merge, tape
from sim.exchange.history import MINUTES, History
from sim.exchange.tape import TapeWriter
from sim.exchange.venue import Venue
from sim.market import Market, Minute, State
from sim.plan import Plan
from sim.truth import Ledger
from sim.venues import Listing

STEP_US = 5_000_000  # market time of one push at full speed
TAIL_US = 10_000_000  # marks go on for this long after the end
TICK_S = 0.05
REAL_TICK_S = 0.02  # between two pushes in real time: each costs a task and a system call a subscriber
SAVE_S = 1.0
STATUS_S = 0.5
FILE = "exchange.json"


class Saved(msgspec.Struct, frozen=True):
    """STATE/exchange.json: where the market stood, the tape's length then, and states to generate from (oldest first)."""

    position: int
    trades: int
    tape_bytes: int
    anchors: tuple[State, ...]


class Engine:
    """Runs one plan over its venues; `position` and `history` are what the venues see."""

    def __init__(self, plan: Plan, state: Path, *, resume: bool = False, wall: Callable[[], float] = time.time) -> None:
        self.plan = plan
        self.history = History()
        self.archive = Archive(plan)
        self.venues: list[Venue] = []
        self.phase = "waiting"
        self._state_folder = state
        self._wall = wall
        self._market = Market(plan)
        self._ledger = Ledger(state, plan.name, plan.seed)
        self._changed = asyncio.Event()
        self._end_us = None if plan.end is None else to_us(plan.end)
        saved = self._load() if resume else None
        first = self._market.first_state()
        self._anchors: tuple[State, ...] = saved.anchors if saved else (first,)
        self.position = saved.position if saved else 2 * self._market.start_us - 1
        self._tape = TapeWriter(state, saved.tape_bytes if saved else 0)
        self.trades = saved.trades if saved else 0
        self._pending: list[bytes] = []
        self._next = self._anchors[0]
        if saved:
            self._ledger.load()
        else:
            self._ledger.save()
        self._turn()
        while 2 * self.minute.end_us <= self.position:
            self._turn()
        self._show()
        self._done = self.position
        self._anchor = (self._wall(), self.market_us)

    @property
    def market_us(self) -> int:
        """Market time in microseconds since the epoch."""
        return (self.position + 1) // 2

    @property
    def listings(self) -> dict[str, Listing]:
        """The plan's listings by name."""
        return self._market.listings

    def missing(self) -> list[str]:
        """Expected markets that nobody is subscribed to, as `exchange:native`."""
        return [f"{venue.name}:{native}" for venue in self.venues for native in venue.missing()]

    def subscriptions_changed(self) -> None:
        """Called by a venue: whoever waits for subscribers looks again."""
        self._changed.set()

    async def run(self) -> None:
        """Let the market flow: from the first subscription of every market to the end of the marks; returns then."""
        await self._all_subscribed()
        self._anchor = (self._wall(), self.market_us)
        self.phase = "running"
        while not self._is_over():
            lead = self._allowed() - self.market_us
            if lead <= 0:
                await asyncio.sleep(TICK_S)  # pacing: market time is ahead of what the plan allows
                continue
            paced = lead > STEP_US or self.plan.pace == "max"
            await self._step(min(lead, STEP_US), paced)
            if not paced:
                await asyncio.sleep(REAL_TICK_S)  # pacing: frames of one tick go out together
        self.phase = "ended"
        self.save()

    def _is_over(self) -> bool:
        return self._end_us is not None and self.market_us >= self._end_us + TAIL_US

    def _allowed(self) -> int:
        """The market time (us) that the pace allows now, never beyond the end of the marks."""
        if self.plan.pace == "max":
            now = self.market_us + 2 * STEP_US
        elif self.plan.pace == "catchup":
            now = int(self._wall() * 1e6)
        else:
            now = self._anchor[1] + int((self._wall() - self._anchor[0]) * 1e6 * self.plan.pace)
        return now if self._end_us is None else min(now, self._end_us + TAIL_US)

    async def _step(self, length_us: int, paced: bool) -> None:
        """Hand out that much market time, at most to the end of the minute."""
        if paced:
            await self._all_subscribed()
        upto = 2 * min(self.market_us + length_us, self.minute.end_us)
        self.position = upto
        self._show()
        await asyncio.gather(*(venue.push(self.minute, upto, paced) for venue in self.venues))
        self._record(upto)
        if upto >= 2 * self.minute.end_us and not self._is_over():
            self._turn()

    async def _all_subscribed(self) -> None:
        while self.missing():
            self._changed.clear()
            await self._changed.wait()

    def _show(self) -> None:
        self.history.position = self.market_us

    def _turn(self) -> None:
        """Generate the next minute; after the end, a quiet one."""
        state = self._next
        over = self._end_us is not None and self._market.start_us + state.minute * 60_000_000 >= self._end_us
        self.minute, self._next = self._market.quiet(state) if over else self._market.step(state)
        self.history.add(self.minute)
        self._ledger.add(self.minute.planted)
        if state.minute - self._anchors[-1].minute >= MINUTES // 2:
            self._anchors = (*self._anchors[-2:], state)
        self._lines = self._tape_of(self.minute)

    def _tape_of(self, minute: Minute) -> Feed:
        feeds = []
        for venue in self.plan.kinds:
            kind = self.plan.kinds[venue]
            source = minute.aggregates if kind == "aggTrade" else minute.prints
            feeds += [tape(columns, self._market.listings[name], kind) for name, columns in source.items() if name.startswith(f"{venue}:")]
        return merge(feeds)

    def _record(self, upto: int) -> None:
        """What has been handed out goes to the tape at the next save."""
        start, end = np.searchsorted(self._lines.keys, [self._done, upto])
        self._pending += self._lines.frames[start:end]
        self.trades += int(end - start)
        self._done = upto

    def save(self) -> None:
        """Bring the tape and STATE/exchange.json up to what has been handed out."""
        self._tape.append(self._pending)
        self._pending = []
        saved = Saved(self._done, self.trades, self._tape.size, self._anchors)
        scratch = self._state_folder / f".{FILE}"
        scratch.write_bytes(msgspec.json.encode(saved))
        scratch.replace(self._state_folder / FILE)

    def publish(self) -> None:
        """Tell the session how the exchange is."""
        values: dict[str, Any] = {
            "phase": self.phase, "name": self.plan.name, "seed": self.plan.seed, "start": self.plan.start, "end": self.plan.end,
            "market_time": from_us(self.market_us), "trades": self.trades, "missing": self.missing(),
            "connections": {venue.name: len(venue.subscribers) for venue in self.venues},
        }  # fmt: skip
        status.publish(self._state_folder, "exchange", values)

    async def keep(self) -> None:
        """Save and publish, over and over, until cancelled."""
        saved = 0.0
        while True:
            if time.monotonic() - saved >= SAVE_S:
                self.save()
                saved = time.monotonic()
            self.publish()
            await asyncio.sleep(STATUS_S)

    def close(self) -> None:
        """Save once more and give the tape back."""
        self.save()
        self.publish()
        self._tape.close()

    def _load(self) -> Saved:
        path = self._state_folder / FILE
        try:
            return msgspec.json.decode(path.read_bytes(), type=Saved)
        except FileNotFoundError:
            raise SessionError(f"{path} is missing: this session's exchange never ran; start it anew, without --resume") from None
        except msgspec.MsgspecError as error:
            raise SessionError(f"{path} can't be read ({error}): start the session anew with `ctc sim`") from error
