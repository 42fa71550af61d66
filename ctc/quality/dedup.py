"""Which lines of a symbol's log are new: the one answer that `lake` and `detect` share (docs/FOLDS.md, Lines and The clock).

Both run this code over the same lines, heartbeats too, and so never disagree. Dense ids (plus 1 each) are a set of
intervals, exact and tiny; other ids are remembered for one hour of the symbol's clock.
"""

from __future__ import annotations

from bisect import bisect_right
from datetime import datetime

import msgspec

from ctc.model import Heartbeat, Trade, from_us, to_us

DENSE_EXCHANGES = frozenset({"binance", "coinbase"})
MEMORY_US = 3_600_000_000
MAX_INTERVALS = 10_000
MAX_REMEMBERED = 500_000  # ids of one sparse space; past it the longest remembered one is forgotten


def is_dense(space: str) -> bool:
    """True where an id is always the one before plus 1: the spot venues we know."""
    exchange, market, *_ = space.split("|")
    return market == "spot" and exchange in DENSE_EXCHANGES


class Gap(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Ids `first_id`-`last_id` that heartbeats named and the log had not shown by `declared_at` (heartbeat time)."""

    symbol: str
    space: str
    first_id: int
    last_id: int
    declared_at: datetime


class Intervals(msgspec.Struct, array_like=True):
    """A set of integers as ascending, disjoint, non-adjacent closed intervals."""

    starts: list[int] = []
    ends: list[int] = []

    def __contains__(self, number: int) -> bool:
        index = bisect_right(self.starts, number) - 1
        return index >= 0 and number <= self.ends[index]

    def add(self, first: int, last: int) -> None:
        """Put in first..last, whatever of it is there already."""
        starts, ends = self.starts, self.ends
        low = bisect_right(ends, first - 2)  # the first interval that touches or follows
        high = bisect_right(starts, last + 1)  # one past the last that touches
        if low < high:
            first, last = min(first, starts[low]), max(last, ends[high - 1])
        starts[low:high] = [first]
        ends[low:high] = [last]

    def remove(self, number: int) -> bool:
        """Take one number out; False if it was not in."""
        index = bisect_right(self.starts, number) - 1
        if index < 0 or number > self.ends[index]:
            return False
        first, last = self.starts[index], self.ends[index]
        pieces = [(a, b) for a, b in ((first, number - 1), (number + 1, last)) if a <= b]
        self.starts[index : index + 1] = [a for a, _ in pieces]
        self.ends[index : index + 1] = [b for _, b in pieces]
        return True

    def missing(self, first: int, last: int) -> list[tuple[int, int]]:
        """The maximal ranges of first..last that are not in."""
        holes = []
        index = bisect_right(self.ends, first - 1)
        while first <= last:
            start = self.starts[index] if index < len(self.starts) else last + 1
            if first < start:
                holes.append((first, min(start - 1, last)))
            if index >= len(self.starts):
                break
            first = self.ends[index] + 1
            index += 1
        return holes


class IdSpace(msgspec.Struct, array_like=True):
    """The ids of one dense space that the log has shown, those it should have shown, and those given up.

    `known` is seen or lost; `lost` is declared lost and not seen since (such an id is new when it comes after all).
    `base` is the lowest id seen, until then the first one named; `need` the highest one named.

    Neither set grows past MAX_INTERVALS (a hostile or thinned-out log): the lowest hole is then filled, or the lowest
    lost range forgotten, so that an id of it that still came would be taken for a duplicate.
    """

    known: Intervals
    lost: Intervals
    base: int | None = None
    need: int | None = None
    seen: bool = False

    @classmethod
    def empty(cls) -> IdSpace:
        return cls(Intervals([], []), Intervals([], []))

    def add(self, number: int) -> bool:
        """Take in an id of a trade; True if the log had not shown it before."""
        ends = self.known.ends
        if self.seen and number == ends[-1] + 1:
            ends[-1] = number
            return True
        return self._add(number)

    def _add(self, number: int) -> bool:
        if number in self.known:
            if not self.lost.remove(number):
                return False
            self._bound(self.lost)
        else:
            self.known.add(number, number)
            self._bound(self.known)
        self.base = number if not self.seen or self.base is None else min(self.base, number)
        self.seen = True
        return True

    def _bound(self, intervals: Intervals) -> None:
        if len(intervals.starts) <= MAX_INTERVALS:
            return
        if intervals is self.known:
            del intervals.starts[1], intervals.ends[0]
        else:
            del intervals.starts[0], intervals.ends[0]

    def name(self, number: int) -> None:
        """Take in a heartbeat's `last_id`."""
        if self.base is None:
            self.base = number
        self.need = number if self.need is None else max(self.need, number)

    def whole(self) -> bool:
        """True when no id from `base` to `need` is missing."""
        if self.need is None or self.base is None or self.need < self.base:
            return True
        index = bisect_right(self.known.starts, self.base) - 1
        return index >= 0 and self.known.ends[index] >= self.need

    def missing(self) -> list[tuple[int, int]]:
        """The maximal ranges that keep the space from being whole."""
        if self.need is None or self.base is None:
            return []
        return self.known.missing(self.base, self.need)

    def declare_lost(self) -> list[tuple[int, int]]:
        """Give up what is missing; the ranges given up."""
        holes = self.missing()
        for first, last in holes:
            self.known.add(first, last)
            self.lost.add(first, last)
            self._bound(self.lost)
        return holes


class DedupState(msgspec.Struct, array_like=True):
    """All that one symbol's log has shown of ids and heartbeats; times in microseconds."""

    dense: dict[str, IdSpace]
    sparse: dict[str, dict[int, int]]  # id -> its stamp, oldest first
    waiting: list[Heartbeat]
    clock: int | None = None
    duplicates: int = 0


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(DedupState).decode


class Deduplicator:
    """Decides, line by line in log order, which trades of one symbol are new, and when its heartbeats count."""

    def __init__(self, symbol: str, hole_patience_s: int, state: DedupState | None = None) -> None:
        self.symbol = symbol
        self.state = state if state is not None else DedupState({}, {}, [])
        self.gaps: list[Gap] = []  # declared since the caller last emptied it
        self._patience_us = hole_patience_s * 1_000_000
        self._adders = {_key(name): space.add for name, space in self.state.dense.items()}

    @classmethod
    def load(cls, symbol: str, hole_patience_s: int, dump: bytes) -> Deduplicator:
        """The deduplicator that wrote `dump`."""
        return cls(symbol, hole_patience_s, _DECODE(dump))

    def dump(self) -> bytes:
        """What `load` goes on from."""
        return _ENCODE(self.state)

    @property
    def clock(self) -> int | None:
        """The symbol's clock in microseconds; None until a heartbeat has counted."""
        return self.state.clock

    def feed(self, line: object) -> bool:
        """Take in any line of the log; True if it is a trade to keep. All that a caller needs who closes no windows."""
        keep = False
        if isinstance(line, Trade):
            keep = self.take(line)
        elif isinstance(line, Heartbeat):
            self.heartbeat(line)
        else:
            return False
        self.settle()
        return keep

    def take(self, trade: Trade) -> bool:
        """True if the trade is new. Follow with `settle` where heartbeats wait."""
        add = self._adders.get((trade.exchange, trade.market, trade.native_symbol, trade.kind))
        if add is None:
            return self._take_other(trade)
        if add(trade.trade_id):
            return True
        self.state.duplicates += 1
        return False

    def _take_other(self, trade: Trade) -> bool:
        if is_dense(trade.space):
            self._dense(trade.space)
            return self.take(trade)
        return self._take_sparse(self.state.sparse.setdefault(trade.space, {}), trade)

    def _take_sparse(self, memory: dict[int, int], trade: Trade) -> bool:
        now = self.state.clock if self.state.clock is not None else to_us(trade.timestamp)
        since = memory.get(trade.trade_id)
        if since is not None:
            if now - since < MEMORY_US:
                self.state.duplicates += 1
                return False
            del memory[trade.trade_id]  # so that the longest remembered stay in front
        memory[trade.trade_id] = now
        if len(memory) > MAX_REMEMBERED:
            del memory[next(iter(memory))]
        return True

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Let a heartbeat join the waiting ones. Follow with `settle`."""
        for venue in heartbeat.venues:
            if venue.last_id is not None and is_dense(venue.space):
                self._dense(venue.space).name(venue.last_id)
        self.state.waiting.append(heartbeat)

    def settle(self) -> list[Heartbeat]:
        """The heartbeats that count now, in the order of their times; the clock has then moved past all of them."""
        waiting = self.state.waiting
        if not waiting:
            return []
        if not all(space.whole() for space in self.state.dense.values()):
            newest = max(to_us(each.heartbeat) for each in waiting)
            if newest - to_us(waiting[0].heartbeat) < self._patience_us:
                return []
            self._declare_lost(newest)
        self.state.waiting = []
        counted = sorted(waiting, key=lambda each: each.heartbeat)
        self._advance(to_us(counted[-1].heartbeat))
        return counted

    def _dense(self, space: str) -> IdSpace:
        found = self.state.dense.get(space)
        if found is None:
            found = self.state.dense[space] = IdSpace.empty()
            self._adders[_key(space)] = found.add
        return found

    def _declare_lost(self, now_us: int) -> None:
        at = from_us(now_us)
        for name in sorted(self.state.dense):
            for first, last in self.state.dense[name].declare_lost():
                self.gaps.append(Gap(symbol=self.symbol, space=name, first_id=first, last_id=last, declared_at=at))

    def _advance(self, now_us: int) -> None:
        clock = self.state.clock = now_us if self.state.clock is None else max(self.state.clock, now_us)
        for memory in self.state.sparse.values():
            while memory and clock - memory[next(iter(memory))] >= MEMORY_US:
                del memory[next(iter(memory))]


def _key(space: str) -> tuple[str, ...]:
    return tuple(space.split("|"))
