"""What the channel is told of ids that are missing, with a history that says what a test wants."""

from __future__ import annotations

import asyncio

import pytest
from fakes_exchange import run

from ctc.exchanges import Reading
from ctc.sources.channel import Channel, LinkChange, Settled
from ctc.sources.healing import RETRY_S, Healing
from ctc.sources.history import Filled

NATIVE = "BTCUSDT"


class Refusing:
    """A history that answers nothing."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.answer = asyncio.Event()
        self.answer.set()

    async def fill(self, native: str, first: int, last: int | None) -> Filled:
        self.asked.set()
        await self.answer.wait()
        return Filled([], [], [(first, last)], "down")


@pytest.fixture
def channel() -> Channel:
    return Channel("binance", (NATIVE,), 100, asyncio.Event())


def test_open_range_that_is_tried_in_vain_breaks_no_connection(channel: Channel) -> None:
    async def test() -> None:
        healing = Healing(Refusing(), channel, lambda: 1e9)
        healing.open = [(NATIVE, 5, 9)]
        await healing.retry()
        assert healing.open == [(NATIVE, 5, 9)]
        assert not any(isinstance(item, LinkChange) for _, item in channel.items)

    run(test())


def test_retry_that_got_on_is_followed_by_the_next_one_soon(channel: Channel) -> None:
    class InParts(Refusing):
        async def fill(self, native: str, first: int, last: int | None) -> Filled:
            assert last is not None
            return Filled([], [(first, first)] if self.answer.is_set() else [], [(first + 1, last)], "more than it may be at once")

    async def test() -> None:
        now, history = [1e9], InParts()
        healing = Healing(history, channel, lambda: now[0])
        healing.open = [(NATIVE, 1, 99)]
        for gets_on, wait_s in ((False, 30), (False, 60), (True, RETRY_S), (True, RETRY_S), (False, 30)):
            history.answer.set() if gets_on else history.answer.clear()
            await healing.retry()
            assert healing._retry_at - now[0] == wait_s
            now[0] = healing._retry_at

    run(test())


def test_second_loss_is_not_over_when_the_reader_comes_to_the_end_of_the_first(channel: Channel) -> None:
    channel.lose("cut", 1.0)
    channel.healed()
    channel.lose("cut again", 2.0)
    assert channel.lost
    channel.whole_since(channel.items.popleft()[1])
    assert (channel.lost, channel.healing_since) == (True, 2.0)
    channel.healed()
    assert (channel.lost, channel.healing_since) == (False, 2.0)  # heartbeats wait until the reader has come there
    channel.whole_since(channel.items.popleft()[1])
    assert channel.healing_since is None


def test_range_stays_open_until_the_reader_has_what_was_read_of_it(channel: Channel) -> None:
    async def test() -> None:
        history = Refusing()
        history.answer.clear()
        healing = Healing(history, channel, lambda: 1e9)
        healing.open = [(NATIVE, 5, 9)]
        retrying = asyncio.create_task(healing.retry())
        await history.asked.wait()
        assert healing.open == [(NATIVE, 5, 9)]  # a process that ended here would try it again
        history.answer.set()
        await retrying
        assert healing.settling == [(NATIVE, 5, 9)]
        assert channel.items[-1][1] == Settled(NATIVE, 5, 9)

    run(test())


def test_what_waits_for_a_full_channel_is_not_overtaken_nor_lost_when_its_reader_is_cancelled() -> None:
    async def test() -> None:
        channel = Channel("binance", (NATIVE,), 1, asyncio.Event())
        await channel.put(Reading(kind="0"), None)
        waiting = [asyncio.create_task(channel.put(Reading(kind=kind), None)) for kind in "12"]
        await asyncio.sleep(0)
        first = channel.items.popleft()[1]
        channel.taken()
        behind = asyncio.create_task(channel.put(Reading(kind="3"), None))
        waiting[1].cancel()
        await asyncio.wait(waiting)
        behind.cancel()
        await asyncio.wait({behind})
        assert [first.kind, *(item.kind for _, item in channel.items)] == ["0", "1", "2", "3"]

    run(test())


def test_second_writer_does_not_overtake_one_that_waits() -> None:
    async def test() -> None:
        channel = Channel("binance", (NATIVE,), 1, asyncio.Event())
        await channel.put(Reading(kind="0"), None)
        waiting = asyncio.create_task(channel.put(Reading(kind="1"), None))
        await asyncio.sleep(0)
        channel.items.popleft()
        channel.taken()
        channel.open_wide()
        await channel.put(Reading(kind="2"), None)
        await waiting
        assert [item.kind for _, item in channel.items] == ["1", "2"]

    run(test())
