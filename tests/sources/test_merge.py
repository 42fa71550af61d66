"""Many sources as one stream: ordered by frame time, stable, and with a mark that is a true lower bound."""

from __future__ import annotations

from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st

from ctc.exchanges import exchange
from ctc.model import from_us
from ctc.sources.merge import bound, merge
from ctc.sources.recording import RecordedFrame

START = 1_723_161_255_000_000


def frame(source: str, number: int, received_us: int, event_us: int) -> RecordedFrame:
    text = f'{{"e":"trade","E":{event_us},"s":"BTCUSDT","t":{number},"p":"1","q":"1","T":{event_us},"m":true}}'
    received = from_us(received_us)
    reading = exchange("binance").read(text, received)
    return RecordedFrame(
        exchange="binance",
        received=received,
        frame_time_us=received_us,
        oldest_us=event_us,
        newest_us=event_us,
        raw=text.encode(),
        reading=reading,
        error=None,
        source=source,
    )


def source(name: str, *times: tuple[int, int]) -> list[RecordedFrame]:
    """Frames received and happened at so many microseconds after START."""
    return [frame(name, number, START + received, START + event) for number, (received, event) in enumerate(times)]


def test_merge_orders_by_frame_time_and_is_stable() -> None:
    merged = [item for item, _ in merge([source("a", (1, 1), (5, 5)), source("b", (1, 1), (2, 2), (5, 5))])]
    assert [(item.source, item.frame_time_us - START) for item in merged] == [("a", 1), ("b", 1), ("b", 2), ("a", 5), ("b", 5)]


def test_merge_mark_waits_for_a_stalled_receiver() -> None:
    marks = [mark - START for _, mark in merge([source("a", (10, 9), (900, 11)), source("b", (20, 19), (30, 29), (901, 900))])]
    assert marks == [9, 11, 11, 11, 900]


def test_merge_of_nothing_is_nothing() -> None:
    assert list(merge([])) == []
    assert list(merge([[], []])) == []


class Watched:
    """A source that knows how far it was read, and whether it is open."""

    def __init__(self, *times: tuple[int, int]) -> None:
        self.frames, self.taken, self.open = source("a", *times), 0, False

    def __iter__(self) -> Iterator[RecordedFrame]:
        self.open = True
        try:
            for item in self.frames:
                self.taken += 1
                yield item
        finally:
            self.open = False


def test_merge_holds_one_frame_a_source() -> None:
    watched = Watched(*[(time, time) for time in range(100)])
    stream = merge([watched])
    next(stream)
    assert watched.taken <= 2


def test_merge_has_only_those_open_whose_time_it_is() -> None:
    hours = [Watched(*[(hour * 100 + at, hour * 100 + at - 3) for at in range(5, 100)]) for hour in range(24)]
    most, seen = 0, []
    for item, mark in merge(reversed(hours)):
        most = max(most, sum(each.open for each in hours))
        seen.append((item.frame_time_us, mark))
    assert most <= 2
    assert seen == sorted(seen)
    assert len(seen) == sum(len(each.frames) for each in hours)
    assert all(mark >= time - 4 for time, mark in seen if time % 100 > 5)


def test_merge_mark_knows_of_those_that_are_not_open_yet() -> None:
    marks = [mark - START for _, mark in merge([source("a", (10, 9), (20, 19), (60, 59)), source("b", (50, 12))])]
    assert marks == [9, 12, 12, 59]


TIMES = st.lists(st.tuples(st.integers(0, 5_000), st.integers(0, 5_000)), max_size=20)


@given(st.lists(TIMES, max_size=4))
def test_merge_mark_never_falls_nor_passes_what_the_sources_show_next(plans: list[list[tuple[int, int]]]) -> None:
    sources = []
    for index, plan in enumerate(plans):
        received = sorted(time for time, _ in plan)
        sources.append(source(str(index), *[(at, at - lag) for at, (_, lag) in zip(received, plan, strict=True)]))
    merged = list(merge(sources))
    assert sorted(item.raw for item, _ in merged) == sorted(item.raw for one in sources for item in one)
    times = [item.frame_time_us for item, _ in merged]
    marks = [mark for _, mark in merged]
    assert times == sorted(times)
    assert marks == sorted(marks)
    for position, (item, mark) in enumerate(merged):
        heads = {later.source: later for later, _ in reversed(merged[position:])}
        lowest = min(bound(later) for later in heads.values())
        assert mark == max([lowest, *marks[:position]])
        assert mark <= item.frame_time_us
