"""The merge of connections: by frame time alone, behind the lowest mark, and never held for long by one that is down."""

from __future__ import annotations

import asyncio
import random

import pytest
from fakes_exchange import run
from hypothesis import given
from hypothesis import strategies as st

from ctc.exchanges import Reading
from ctc.producer.merge import ArrivalMerge, FrameMerge
from ctc.sources.channel import Channel

Stream = list[int | None]


def play(streams: list[Stream], seed: int, most: int) -> list[tuple[int, str, str]]:
    """What comes out when the connections' frames arrive in a random interleaving."""
    rng, out = random.Random(seed), []

    async def test() -> None:
        arrived = asyncio.Event()
        channels = [Channel(f"x{index}", (), 10_000, arrived) for index in range(len(streams))]
        merge = FrameMerge(channels, arrived, patience_s=1e9)
        left = [list(enumerate(stream)) for stream in streams]
        while any(left):
            index = rng.choice([index for index, rest in enumerate(left) if rest])
            number, time_us = left[index].pop(0)
            await channels[index].put(Reading(kind=str(number)), time_us)
            if rng.random() < 0.5:
                out.extend(merge.take(most))
        for channel in channels:
            channel.close()
        while taken := merge.take(most):
            out.extend(taken)

    run(test())
    return [(time_us, channel.exchange, item.kind) for time_us, channel, item in out]


@given(
    streams=st.lists(st.lists(st.none() | st.integers(0, 20), max_size=25), min_size=1, max_size=4),
    seeds=st.tuples(st.integers(), st.integers()),
    most=st.integers(1, 40),
)
def test_merge_depends_on_the_frames_alone(streams: list[Stream], seeds: tuple[int, int], most: int) -> None:
    first, second = (play(streams, seed, most) for seed in seeds)
    assert first == second
    expected = []
    for index, stream in enumerate(streams):
        mark = -1
        for number, time_us in enumerate(stream):
            mark = max(mark, -1 if time_us is None else time_us)
            expected.append((mark, index, number))
    assert first == [(mark, f"x{index}", str(number)) for mark, index, number in sorted(expected)]


def test_merge_lets_a_silent_connection_go_after_its_patience() -> None:
    async def test() -> None:
        now = [0.0]
        arrived = asyncio.Event()
        alive, dead = (Channel(name, (), 10, arrived) for name in ("alive", "dead"))
        merge = FrameMerge([alive, dead], arrived, patience_s=10, monotonic=lambda: now[0])
        await alive.put(Reading(kind="a"), 100)
        assert merge.take(10) == []
        now[0] = 9.9
        assert merge.take(10) == []
        assert not dead.away
        now[0] = 10.0
        assert merge.take(10) == []
        assert dead.away
        assert [entry[0] for entry in merge.take(10)] == [100]
        await dead.put(Reading(kind="late"), 40)
        await alive.put(Reading(kind="b"), 120)
        assert [(time_us, item.kind) for time_us, _, item in merge.take(10)] == [(100, "late")]
        assert not dead.away
        await dead.put(Reading(kind="c"), 130)
        assert [(time_us, item.kind) for time_us, _, item in merge.take(10)] == [(120, "b")]

    run(test())


def test_merge_waits_for_nobody_while_all_are_silent() -> None:
    async def test() -> None:
        now = [0.0]
        arrived = asyncio.Event()
        channels = [Channel(name, (), 10, arrived) for name in "ab"]
        merge = FrameMerge(channels, arrived, patience_s=10, monotonic=lambda: now[0])
        for moment in (0.0, 20.0, 40.0):
            now[0] = moment
            assert merge.take(10) == []
        assert not any(channel.away for channel in channels)

    run(test())


def test_arrival_merge_holds_the_clock_while_frames_lag_behind_the_machine() -> None:
    async def test() -> None:
        wall, mono = [100_000_000], [0.0]
        arrived = asyncio.Event()
        channel = Channel("x", (), 10_000, arrived)
        merge = ArrivalMerge([channel], arrived, lambda: wall[0], lambda: mono[0], patience_s=10)
        await channel.put(Reading(kind="old"), 60_000_000)
        assert merge.passed_us() is None
        assert [entry[0] for entry in merge.take(10)] == [60_000_000]
        assert merge.passed_us() is None
        await channel.put(Reading(kind="new"), 99_900_000)
        assert [entry[0] for entry in merge.take(10)] == [99_900_000]
        assert merge.passed_us() == 100_000_000
        wall[0] += 30_000_000
        assert merge.passed_us() is None
        mono[0] += 1.0
        assert merge.passed_us() == 130_000_000

    run(test())


@pytest.mark.parametrize("sleeps", [True, False])
def test_arrival_merge_first_reads_what_came_while_the_process_did_not_run(sleeps: bool) -> None:
    wall, mono = [100_000_000], [0.0]
    channel = Channel("x", (), 10_000, asyncio.Event())
    merge = ArrivalMerge([channel], asyncio.Event(), lambda: wall[0], lambda: mono[0], patience_s=10)
    for _ in range(10):
        wall[0] += 200_000
        mono[0] += 0.2
        merge.passed_us()
    assert merge.passed_us() == 102_000_000  # quiet
    wall[0] += 60_000_000
    mono[0] += 0.0 if sleeps else 60.0  # the machine slept, or the process was stopped
    assert merge.passed_us() is None
    for _ in range(4):
        wall[0] += 250_000
        mono[0] += 0.25
        said = merge.passed_us()
    assert said == 163_000_000
