"""Many recordings as one stream in the order of frame time, with a lower bound of the time that is still to come."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import accumulate
from typing import NamedTuple

from ctc.sources.recording import RecordedFrame

_Head = tuple[int, int, RecordedFrame, Iterator[RecordedFrame]]


class _Closed(NamedTuple):
    """A source that is not open yet: when its turn comes, and the earliest time that its first frame speaks of."""

    time_us: int
    place: int
    bound_us: int
    source: Iterable[RecordedFrame]


def merge(sources: Iterable[Iterable[RecordedFrame]]) -> Iterator[tuple[RecordedFrame, int]]:
    """Every frame with its mark, a time (us) that is not after this frame's nor after any source's next one.

    Ordered by frame time; equal ones stay in the order of the sources. The mark never falls. It is the lowest of the
    next frame's time and its trade's event time over all sources, so a clock that follows it waits where a receiver
    stalled; it is 0 until a time is known.

    A source is iterated twice: to its first frame, and from there on when its turn comes. So a day's hourly files are
    open one hour at a time, and one frame of each that is open is held.
    """
    closed = sorted(filter(None, map(_look, sources, range(1 << 62))))
    # The lowest bound of each one and all that come after it.
    lowest = list(accumulate((each.bound_us for each in reversed(closed)), min))[::-1]
    heads: list[_Head] = []
    bounds: dict[int, int] = {}
    mark = opened = 0
    while heads or opened < len(closed):
        while opened < len(closed) and (not heads or closed[opened][:2] < heads[0][:2]):
            _open(closed[opened], heads, bounds)
            opened += 1
        _, index, frame, rest = heads[0]
        mark = max(mark, min(min(bounds.values()), lowest[opened] if opened < len(closed) else frame.frame_time_us))
        yield frame, mark
        following = next(rest, None)
        if following is None:
            heapq.heappop(heads)
            del bounds[index]
        else:
            bounds[index] = bound(following)
            heapq.heapreplace(heads, (following.frame_time_us, index, following, rest))


def _look(source: Iterable[RecordedFrame], index: int) -> _Closed | None:
    frames = (frame for frame in source)
    with closing(frames):
        first = next(frames, None)
    return None if first is None else _Closed(first.frame_time_us, index, bound(first), source)


def _open(closed: _Closed, heads: list[_Head], bounds: dict[int, int]) -> None:
    frames = iter(closed.source)
    heapq.heappush(heads, (closed.time_us, closed.place, next(frames), frames))
    bounds[closed.place] = closed.bound_us


def bound(frame: RecordedFrame) -> int:
    """The earliest time that a frame speaks of, in microseconds."""
    return min(frame.frame_time_us, frame.oldest_us)
