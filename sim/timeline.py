"""The first half of the reference of docs/FOLDS.md: which lines count, and where the clock stood at each.

Written from the page alone and the plain way (sets of ids, lists of what is open), so that it can be read beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import merge

from ctc.model import Heartbeat, Position, Reject, Trade, to_us
from ctc.quality.dedup import is_dense
from ctc.settings import Settings

SECOND = 1_000_000
REMEMBERED = 3600 * SECOND
BLOCK = 8192
Range = tuple[int, int]


@dataclass(frozen=True)
class Taken:
    """A unique trade, and the clock as it was when the trade came."""

    position: Position
    trade: Trade
    us: int
    clock: int | None


@dataclass(frozen=True)
class Counted:
    """A heartbeat that counts, and the clock before and after it."""

    heartbeat: Heartbeat
    us: int
    before: int | None
    clock: int


class Ids:
    """A set of ids, a bit each: a day's millions are a few hundred KB."""

    def __init__(self) -> None:
        self._blocks: dict[int, bytearray] = {}

    def add(self, number: int) -> None:
        block, at = divmod(number, BLOCK)
        self._blocks.setdefault(block, bytearray(BLOCK // 8))[at // 8] |= 1 << at % 8

    def __contains__(self, number: int) -> bool:
        block, at = divmod(number, BLOCK)
        return block in self._blocks and bool(self._blocks[block][at // 8] & 1 << at % 8)

    def __iter__(self) -> Iterator[int]:
        """All of them, ascending."""
        for block in sorted(self._blocks):
            for place, byte in enumerate(self._blocks[block]):
                for bit in range(8) if byte else ():
                    if byte & 1 << bit:
                        yield block * BLOCK + place * 8 + bit


@dataclass
class _Space:
    """A dense id space: what was seen, what was declared lost, what heartbeats named."""

    named: int  # the first last_id that a heartbeat named; meaningless before `need`
    seen: Ids = field(default_factory=Ids)
    lost: list[Range] = field(default_factory=list)
    lowest: int | None = None
    need: int | None = None
    checked: int | None = None  # every id from base to here is seen or lost (only saves time)

    @property
    def base(self) -> int:
        return self.named if self.lowest is None else self.lowest

    def see(self, trade_id: int) -> None:
        self.seen.add(trade_id)
        if self.lowest is None or trade_id < self.lowest:
            self.lowest = trade_id
            self.checked = None

    def name(self, last_id: int) -> None:
        if self.need is None:
            self.named = last_id
        self.need = last_id if self.need is None else max(self.need, last_id)

    def whole(self) -> bool:
        if self.need is None:
            return True
        at = self.base - 1 if self.checked is None else self.checked
        while at < self.need:
            if at + 1 in self.seen:
                at += 1
            elif (end := self._lost_until(at + 1)) is not None:
                at = end
            else:
                break
        self.checked = at
        return at >= self.need

    def missing(self) -> list[Range]:
        """The maximal ranges from `base` to `need` that were neither seen nor declared lost."""
        if self.need is None:
            return []
        found, at = [], self.base
        for first, last in self.ranges():
            if first > self.need:
                break
            if first > at:
                found.append((at, first - 1))
            at = max(at, last + 1)
        if at <= self.need:
            found.append((at, self.need))
        return found

    def ranges(self) -> Iterator[Range]:
        """What was seen, and what was declared lost, ascending."""
        return merge(((one, one) for one in self.seen), sorted(self.lost))

    def _lost_until(self, trade_id: int) -> int | None:
        return next((last for first, last in self.lost if first <= trade_id <= last), None)


class Timeline:
    """One pass over a symbol's log, line by line: what the detectors see, in order, and what was counted on the way."""

    def __init__(self, settings: Settings) -> None:
        self.gaps: list[tuple[str, int, int]] = []
        self.trades = 0
        self.duplicates = 0
        self.clock: int | None = None
        self.patience = settings.folds.hole_patience_s * SECOND
        self.spaces: dict[str, _Space] = {}
        self.stamps: dict[tuple[str, int], int] = {}
        self.swept = 0
        self.waiting: list[Heartbeat] = []
        self.events: list[Taken | Counted] = []

    def take(self, position: Position, line: Trade | Heartbeat | Reject) -> list[Taken | Counted]:
        """The unique trade and the counting heartbeats that the next line of the log brings, in the order in which they take effect."""
        self.events = []
        if isinstance(line, Trade):
            self.trade(position, line)
        elif isinstance(line, Heartbeat):
            self.heartbeat(line)
        return self.events

    def trade(self, position: Position, trade: Trade) -> None:
        us = to_us(trade.timestamp)
        if self._is_new(trade.space, trade.trade_id, us):
            self.trades += 1
            self.events.append(Taken(position, trade, us, self.clock))
        else:
            self.duplicates += 1
        self._count_waiting()

    def _is_new(self, name: str, trade_id: int, us: int) -> bool:
        if is_dense(name):
            space = self.spaces.setdefault(name, _Space(0))
            new = trade_id not in space.seen
            if new:
                space.see(trade_id)
            return new
        now = us if self.clock is None else self.clock
        stamp = self.stamps.get((name, trade_id))
        if stamp is not None and now - stamp < REMEMBERED:
            return False
        self.stamps[(name, trade_id)] = now
        return True

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        self.waiting.append(heartbeat)
        for venue in heartbeat.venues:
            if venue.last_id is not None and is_dense(venue.space):
                self.spaces.setdefault(venue.space, _Space(0)).name(venue.last_id)
            for hole in venue.holes if is_dense(venue.space) else ():
                self._skip(venue.space, hole)
        self._count_waiting()

    def _count_waiting(self) -> None:
        if not self.waiting:
            return
        if not all(space.whole() for space in self.spaces.values()):
            times = [to_us(heartbeat.heartbeat) for heartbeat in self.waiting]
            if max(times) - times[0] < self.patience:
                return
            self._declare_lost()
        for heartbeat in sorted(self.waiting, key=lambda one: one.heartbeat):
            self._count(heartbeat)
        self.waiting = []

    def _skip(self, name: str, hole: Range) -> None:
        """The exchange's own history has no such ids: they are missed by nobody."""
        space, (at, last) = self.spaces.setdefault(name, _Space(0)), hole
        for first, end in space.ranges():
            if end >= at and at <= last:
                if first > at:
                    self.gaps.append((name, at, min(first - 1, last)))
                at = end + 1
        if at <= last:
            self.gaps.append((name, at, last))
        space.lost.append(hole)
        space.checked = None

    def _declare_lost(self) -> None:
        for name, space in sorted(self.spaces.items()):
            for first, last in space.missing():
                space.lost.append((first, last))
                self.gaps.append((name, first, last))

    def _count(self, heartbeat: Heartbeat) -> None:
        us, before = to_us(heartbeat.heartbeat), self.clock
        self.clock = us if before is None else max(before, us)
        if self.clock >= self.swept + REMEMBERED:
            self.stamps = {key: stamp for key, stamp in self.stamps.items() if self.clock - stamp < REMEMBERED}
            self.swept = self.clock
        self.events.append(Counted(heartbeat, us, before, self.clock))
