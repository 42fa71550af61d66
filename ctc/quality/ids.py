"""Sets of trade ids as intervals: a million ids of a dense space are a handful of numbers, exactly."""

from __future__ import annotations

from bisect import bisect_right

import msgspec

MAX_INTERVALS = 10_000


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

    def newest(self) -> int | None:
        """The highest id seen where none from `base` to it, or named, is missing, else None."""
        if not self.seen or self.base is None or self.base < self.known.starts[-1] or not self.whole():
            return None
        return self.known.ends[-1]

    def missing(self) -> list[tuple[int, int]]:
        """The maximal ranges that keep the space from being whole."""
        if self.need is None or self.base is None:
            return []
        return self.known.missing(self.base, self.need)

    def declare_lost(self) -> list[tuple[int, int]]:
        """Give up what is missing; the ranges given up."""
        return [hole for first, last in self.missing() for hole in self.give_up(first, last)]

    def give_up(self, first: int, last: int) -> list[tuple[int, int]]:
        """Wait for none of these ids any more; the ranges of them that were missing. One that comes after all is new."""
        holes = self.known.missing(first, last)
        for hole in holes:
            self.known.add(*hole)
            self.lost.add(*hole)
            self._bound(self.known)
            self._bound(self.lost)
        return holes
