"""Many recordings as one stream in the order of frame time, with a lower bound of the time that is still to come."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator

from ctc.model import to_us
from ctc.sources.recording import RecordedFrame

_Head = tuple[int, int, RecordedFrame, Iterator[RecordedFrame]]


def merge(sources: Iterable[Iterable[RecordedFrame]]) -> Iterator[tuple[RecordedFrame, int]]:
    """Every frame with its mark, a time (us) that is not after this frame's nor after any source's next one.

    Ordered by frame time; equal ones stay in the order of the sources. The mark never falls. It is the lowest of the
    next frame's time and its trade's event time over all sources, so a clock that follows it waits where a receiver
    stalled; it is 0 until a time is known. One frame a source is held.
    """
    heads: list[_Head] = []
    bounds: dict[int, int] = {}
    for index, source in enumerate(sources):
        _advance(heads, bounds, index, iter(source))
    heapq.heapify(heads)
    mark = 0
    while heads:
        _, index, frame, rest = heads[0]
        mark = max(mark, min(bounds.values()))
        yield frame, mark
        following = next(rest, None)
        if following is None:
            heapq.heappop(heads)
            del bounds[index]
        else:
            bounds[index] = bound(following)
            heapq.heapreplace(heads, (following.frame_time_us, index, following, rest))


def _advance(heads: list[_Head], bounds: dict[int, int], index: int, frames: Iterator[RecordedFrame]) -> None:
    first = next(frames, None)
    if first is not None:
        heads.append((first.frame_time_us, index, first, frames))
        bounds[index] = bound(first)


def bound(frame: RecordedFrame) -> int:
    """The earliest time that a frame speaks of, in microseconds."""
    if frame.reading is None or not frame.reading.trades:
        return frame.frame_time_us
    return min(frame.frame_time_us, min(to_us(trade.timestamp) for trade in frame.reading.trades))
