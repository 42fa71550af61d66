"""A replay's pace: its own time at a speed, held while paused, and as fast as it goes to where it was told to be."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from fakes_exchange import BASE_MS, agg_trade, run, until
from fakes_stream import FakeStream, trades_of

from ctc.producer.main import parse, producer_of
from ctc.producer.pace import LOOK_S, Pace, Told, tell, told_in
from ctc.settings import load_profile

BASE_US = BASE_MS * 1000
SECOND = 1_000_000


class Clock:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


class Rig:
    """A pace with a clock that the test moves, and what the terminal says."""

    def __init__(self, speed: float | None) -> None:
        self.clock, self.told = Clock(), Told()
        self.pace = Pace(speed, lambda: self.told, self.clock)

    def waited(self, mark_us: int) -> float:
        """Seconds until the frame's turn, at most 1,000."""
        began = self.clock.s
        while (wait_s := self.pace.wait_s(mark_us)) > 0 and self.clock.s < began + 1_000:
            self.clock.s += wait_s
        self.pace._before_us = mark_us
        return self.clock.s - began


@pytest.mark.parametrize("speed", [1.0, 10.0, 60.0])
def test_frames_keep_their_distance_divided_by_the_speed(speed: float) -> None:
    rig = Rig(speed)
    waits = [rig.waited(BASE_US + at * SECOND) for at in (0, 30, 31, 90)]
    assert waits == pytest.approx([0, 30 / speed, 1 / speed, 59 / speed], abs=0.011)


def test_a_long_gap_is_skipped_and_full_speed_waits_for_nothing() -> None:
    rig = Rig(1.0)
    assert [rig.waited(BASE_US + at * SECOND) for at in (0, 5_000)] == [0, 0]
    assert [Rig(None).waited(BASE_US + at * SECOND) for at in (0, 100)] == [0, 0]


@pytest.mark.parametrize("speed", [10.0, None])
def test_pause_holds_every_frame_and_time_that_passes_is_not_caught_up(speed: float | None) -> None:
    rig = Rig(speed)
    rig.waited(BASE_US)
    rig.told = Told(paused=True)
    rig.clock.s += 2 * LOOK_S
    assert rig.waited(BASE_US + SECOND) >= 1_000
    rig.told = Told()
    rig.clock.s += 2 * LOOK_S
    assert rig.waited(BASE_US + SECOND) == 0
    assert rig.waited(BASE_US + 11 * SECOND) == pytest.approx(10 / speed if speed else 0, abs=0.011)


def test_ahead_is_as_fast_as_it_goes_and_then_the_speed_holds_again() -> None:
    rig = Rig(1.0)
    rig.waited(BASE_US)
    rig.told = Told(ahead_to_us=BASE_US + 600 * SECOND)
    rig.clock.s += 2 * LOOK_S
    assert [rig.waited(BASE_US + at * SECOND) for at in (60, 300, 600)] == [0, 0, 0]
    assert rig.waited(BASE_US + 601 * SECOND) == 0  # the first at its own pace
    assert rig.waited(BASE_US + 611 * SECOND) == pytest.approx(10, abs=0.011)


def test_what_is_told_is_what_was_said_last(tmp_path: Path) -> None:
    assert told_in(tmp_path) == Told()
    tell(tmp_path, Told(paused=True, ahead_to_us=5))
    assert told_in(tmp_path) == Told(paused=True, ahead_to_us=5)
    (tmp_path / "replay.json").write_text("{")
    assert told_in(tmp_path) == Told()


def test_paused_replay_sends_nothing_until_it_may_and_then_all_of_it(tmp_path: Path) -> None:
    """Told by the file, as the terminal does; slow enough that only going ahead ends in time."""
    path, stream, dead = tmp_path / "x.jsonl", FakeStream(), FakeStream()
    path.write_text("\n".join(agg_trade(number, number * 60_000) for number in range(60)))
    tell(tmp_path, Told(paused=True))

    async def test() -> None:
        made = producer_of(load_profile("sim"), tmp_path, parse(["--replay", str(path), "--speed", "1"]), stream, dead)
        task = asyncio.create_task(made.run())
        await until(lambda: (tmp_path / "status" / "producer.json").exists())
        assert made.tape.counters.trades == 0
        tell(tmp_path, Told())
        await until(lambda: made.tape.counters.trades == 1)
        tell(tmp_path, Told(ahead_to_us=BASE_US + 3_600 * SECOND))
        await task

    run(test())
    assert [trade.trade_id for trade in trades_of(stream.decoded("BTC-USDT"))] == list(range(60))


def test_paused_replay_can_be_stopped(tmp_path: Path) -> None:
    path, stream, dead = tmp_path / "x.jsonl", FakeStream(), FakeStream()
    path.write_text(agg_trade(1, 0))
    tell(tmp_path, Told(paused=True))

    async def test() -> None:
        made = producer_of(load_profile("sim"), tmp_path, parse(["--replay", str(path), "--speed", "10"]), stream, dead)
        task = asyncio.create_task(made.run())
        await until(lambda: (tmp_path / "status" / "producer.json").exists())
        made.stopping.set()
        await task

    run(test())
    assert not stream.lines()
