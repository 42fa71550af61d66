"""A link against real sockets: it subscribes, comes back, is replaced without a gap, and says why when it can't."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime

import msgspec
import pytest
from fakes_exchange import BASE_MS, FakeExchange, agg_trade, heartbeat, match, mini_ticker, perp_book, perp_trades, run, until
from websockets.asyncio.server import ServerConnection

from ctc.errors import FrameError
from ctc.exchanges import Reading, exchange
from ctc.settings import load_profile
from ctc.sources.backoff import Backoff
from ctc.sources.channel import Channel, Doubtful, Healed, IdHoles, LinkChange
from ctc.sources.healing import Healing
from ctc.sources.history import Filled
from ctc.sources.links import history_client
from ctc.sources.websocket import Link

NATIVES = {"binance": ("BTCUSDT", "ETHUSDT"), "coinbase": ("BTC-USD", "USDT-USD"), "hyperliquid": ("BTC",)}


def tens(ids: Iterable[int]) -> dict[int, int]:
    """A history of these ids, ten milliseconds an id."""
    return {number: 10 * number for number in ids}


class Clock:
    """A monotonic clock that a test can push."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self.asked = 0

    def __call__(self) -> float:
        self.asked += 1
        return time.monotonic() + self.ahead


class Waits(Backoff):
    """Waits next to nothing, and keeps what was asked for."""

    def __init__(self) -> None:
        super().__init__(0.01, 0.05, random.Random(7))
        self.asked: list[float] = []

    def next_s(self, at_least_s: float = 0.0) -> float:
        self.asked.append(at_least_s)
        return super().next_s(0.0)


class Rig:
    """One link of one exchange, its channel, and what came out of it."""

    def __init__(self, url: str, name: str = "binance", size: int = 10_000, **settings: object) -> None:
        own = msgspec.structs.replace(load_profile("sim").exchanges[name], ws=url, **settings)
        natives = NATIVES[name]
        self.clock, self.backoff = Clock(), Waits()
        self.channel = Channel(name, natives, size, asyncio.Event())
        client = history_client(exchange(name), own, lambda: None)
        self.link = Link(
            exchange(name),
            own,
            self.channel,
            asyncio.Semaphore(own.max_connections),
            healing=Healing(client, self.channel, self.clock, dense=client is not None),
            received=lambda: None if name == "hyperliquid" else datetime.now(UTC),  # it leaves out what is old
            backoff=self.backoff,
            monotonic=self.clock,
            check_every_s=0.01,
        )

    @asynccontextmanager
    async def running(self):
        task = asyncio.create_task(self.link.run())
        try:
            yield self
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def grow_old(self) -> None:
        """Let the connection's time be up."""
        for session in self.link._sessions:
            session.opened -= 3600

    @property
    def items(self) -> list[object]:
        return [item for _, item in self.channel.items]

    @property
    def ids(self) -> list[int]:
        return [trade.trade_id for item in self.items if isinstance(item, Reading) for trade in item.trades]

    @property
    def changes(self) -> list[bool]:
        return [item.up for item in self.items if isinstance(item, LinkChange)]


def test_link_names_every_market_in_one_address_and_reads_them() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            await server.say(agg_trade(1, 0))
            await server.say(agg_trade(1, 5, "ETHUSDT"))
            await until(lambda: len(rig.ids) == 2)
            assert server.paths == ["/stream?streams=btcusdt@aggTrade/btcusdt@miniTicker/ethusdt@aggTrade/ethusdt@miniTicker"]
            assert rig.changes == [True]
            assert rig.channel.mark == (BASE_MS + 5) * 1000

    run(test())


def test_link_is_up_once_the_subscription_is_confirmed() -> None:
    async def test() -> None:
        async with FakeExchange(acknowledge=True) as server, Rig(server.url, "coinbase").running() as rig:
            await until(lambda: server.sockets and rig.changes)
            await server.say(match(5, 0))
            await until(lambda: rig.ids == [5])
            assert rig.changes == [True]
            assert isinstance(rig.items[0], LinkChange)
            assert msgspec.json.decode(server.requests[0])["product_ids"] == ["BTC-USD", "USDT-USD"]

    run(test())


def test_link_subscribes_again_after_a_cut_and_says_what_it_could_not_make_up_for() -> None:
    async def test() -> None:
        async with FakeExchange() as gone:
            nobody = gone.rest
        async with FakeExchange(acknowledge=True) as server, Rig(server.url, "coinbase", rest=nobody).running() as rig:
            for number in range(3):
                await until(lambda: len(server.sockets) == 1)
                await server.say(match(number, number))
                await until(lambda number=number: len(rig.ids) == number + 1)
                await server.drop()
                await until(lambda number=number: rig.changes.count(False) == number + 1)
            await until(lambda: len(server.sockets) == 1)
            await server.say(match(3, 3))
            await until(lambda: len(rig.ids) == 4)
            assert rig.changes == [True, *[True, False, True] * 3]
            trouble = next(item.trouble for item in rig.items if isinstance(item, LinkChange) and not item.up)
            assert "not filled: coinbase at http://127.0.0.1" in trouble


def test_link_that_had_no_trade_yet_says_that_it_was_down_up_to_its_next_frame() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url).running() as rig:
            await until(lambda: len(server.sockets) == 1)
            await server.say(mini_ticker(1000))
            await until(lambda: rig.channel.mark >= 0)
            await server.drop()
            await until(lambda: rig.link.connects == 2 and server.sockets)
            assert rig.changes == [True, False]  # for how long, only a frame tells
            await server.say(mini_ticker(9000))
            await until(lambda: rig.changes == [True, False, True])
            told = [(time_us // 1000 - BASE_MS, item) for time_us, item in rig.channel.items if isinstance(item, LinkChange)]
            assert [at for at, _ in told[1:]] == [1000, 9000]
            assert "binance closed the connection" in told[1][1].trouble

    run(test())


@pytest.mark.parametrize("name", ["binance", "coinbase"])
def test_link_makes_up_for_a_cut_in_order_before_anything_new(name: str) -> None:
    frame, natives = (agg_trade, ("BTCUSDT", "ETHUSDT")) if name == "binance" else (match, ("BTC-USD", "USDT-USD"))

    async def test() -> None:
        async with FakeExchange(acknowledge=name == "coinbase") as server:
            rig = Rig(server.url, name, rest=server.rest)
            async with rig.running():
                await until(lambda: len(server.sockets) == 1)
                for number in range(1, 4):
                    await server.say(frame(number, 10 * number, natives[0]))
                await server.say(frame(2, 20, natives[1]))
                await until(lambda: len(rig.ids) == 4)
                server.history = {natives[0]: tens(range(1, 3001)), natives[1]: tens([2, 3, 5])}
                await server.drop()
                await until(lambda: rig.link.connects == 2 and len(rig.ids) == 3003)
                await server.say(frame(3001, 30_010, natives[0]))
                await until(lambda: 3001 in rig.ids)
                trades = [trade for item in rig.items if isinstance(item, Reading) for trade in item.trades]
                times = [time_us for time_us, _ in rig.channel.items]
            assert [trade.trade_id for trade in trades if trade.native_symbol == natives[0]] == list(range(1, 3002))
            assert [trade.trade_id for trade in trades if trade.native_symbol == natives[1]] == [2, 3, 5]
            assert [trade.timestamp for trade in trades[4:]] == sorted(trade.timestamp for trade in trades[4:])
            assert [trade.is_backfilled for trade in trades] == [False] * 4 + [True] * 2999 + [False]
            assert rig.changes == [True, True]  # never down: nothing is missing
            assert times == sorted(times)
            assert [item for item in rig.items if isinstance(item, IdHoles)] == [IdHoles(natives[1], ((4, 4),))]
            assert any(isinstance(item, Healed) for item in rig.items)

    run(test())


def test_link_fills_a_jump_before_the_trade_that_showed_it() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens(range(1, 10))}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await server.say(agg_trade(6, 60))
            await server.say(agg_trade(7, 70))
            await until(lambda: len(rig.ids) == 7)
            assert rig.ids == list(range(1, 8))
            assert rig.changes == [True]

    run(test())


def test_link_asks_the_history_after_a_frame_that_it_could_not_read() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens([1, 2, 3])}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await server.say(agg_trade(2, 20).replace('"p":"100.5"', '"p":"x"'))
            await server.say(mini_ticker(25))
            await until(lambda: any(isinstance(item, Reading) and item.kind == "miniTicker" for item in rig.items))
            kinds = [item.kind if isinstance(item, Reading) else type(item).__name__ for item in rig.items]
            assert kinds == ["LinkChange", "aggTrade", "FrameError", "aggTrade", "miniTicker"]
            assert rig.ids == [1, 2]

    run(test())


def test_link_tries_again_what_the_history_refused() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens(range(1, 10))}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            server.refusals = [(503, {})]
            await server.say(agg_trade(4, 40))
            await server.say(agg_trade(5, 50))
            await until(lambda: (rig.ids, doubtful(rig)) == ([1, 5], [4]))
            assert rig.link.healing.open == [("BTCUSDT", 2, 4)]
            assert rig.changes == [True, False, True]
            for _ in range(40):  # a second at a time: a longer jump would read as silence
                rig.clock.ahead += 1
                await server.say(mini_ticker(50))
                await asyncio.sleep(0.02)
            await until(lambda: rig.ids == [1, 5, 2, 3, 4])
            assert rig.link.healing.open == []

    run(test())


def doubtful(rig: Rig) -> list[int]:
    return [trade.trade_id for item in rig.items if isinstance(item, Doubtful) for trade in item.reading.trades]


def test_id_that_the_history_does_not_reach_blinds_nobody() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens(range(1, 10))}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(9, 90))
            await server.say(agg_trade(90, 100))  # a broken frame
            await server.say(agg_trade(10, 110))
            await until(lambda: 10 in rig.ids)
            assert (doubtful(rig), rig.ids) == ([90], [9, 10])
            assert rig.link.healing.open == []  # nothing is missing
            server.history = {"BTCUSDT": tens(range(1, 15))}
            await server.say(agg_trade(14, 140))
            await until(lambda: 14 in rig.ids)
            assert rig.ids == [9, 10, 11, 12, 13, 14]

    run(test())


def test_id_that_another_one_follows_is_believed_without_the_history() -> None:
    async def test() -> None:
        async with FakeExchange(acknowledge=True) as server, Rig(server.url, "coinbase", rest=server.rest).running() as rig:
            server.history = {"BTC-USD": tens([1])}
            await until(lambda: server.sockets and rig.changes)
            await server.say(match(1, 10))
            await server.say(match(7, 70))
            await server.say(match(7, 70))  # as by a second socket
            await until(lambda: doubtful(rig) == [7, 7])
            assert rig.link.healing.open == []
            await server.say(heartbeat(7, 1000))
            await until(lambda: rig.link.healing.open == [("BTC-USD", 2, 7)])
            await server.say(match(8, 1010))
            await until(lambda: rig.ids == [1, 8])

    run(test())


def test_silent_connection_is_left() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens([1, 2])}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await until(lambda: rig.ids == [1])
            rig.clock.ahead = 6
            await until(lambda: rig.ids == [1, 2])
            assert len(server.paths) == 2
            assert rig.changes == [True, True]

    run(test())


def test_link_answers_pings() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            async with asyncio.timeout(60):
                await (await server.sockets[0].ping())

    run(test())


def test_planned_reconnect_overlaps_and_misses_nothing() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, reconnect_after_s=3600, stale_after_s=10**6).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            for number in range(3000):
                await server.say(agg_trade(number, number))
                if number % 500 == 250:
                    rig.grow_old()
                if number % 20 == 0:
                    await asyncio.sleep(0.001)
            await until(lambda: rig.ids and max(rig.ids) == 2999)
            assert set(rig.ids) == set(range(3000))
            assert rig.link.connects >= 4
            assert server.most_at_once == 2
            assert set(rig.changes) == {True}
            await until(lambda: len(server.sockets) == 1)

    run(test())


def test_old_connection_stays_while_no_replacement_comes_up() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, reconnect_after_s=3600, stale_after_s=10**6).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            server.refusals = [(503, {}), (503, {})]
            rig.grow_old()
            await until(lambda: not server.refusals)
            await server.say(agg_trade(1, 0))
            await until(lambda: len(rig.ids) >= 1)
            assert False not in rig.changes
            assert "503" in rig.channel.trouble or rig.link.connects == 2

    run(test())


def test_connection_that_falls_silent_while_its_replacement_comes_up_is_left() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest, reconnect_after_s=3600).running() as rig:
            server.history = {"BTCUSDT": tens([1, 2])}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await until(lambda: rig.ids == [1])
            next(iter(rig.link._sessions)).retire = True
            await until(lambda: len(server.sockets) == 2)  # and brings nothing
            assert not rig.channel.lost
            rig.clock.ahead += 6
            await until(lambda: rig.ids == [1, 2])
            await until(lambda: len(server.sockets) == 1)
            assert rig.link._limit._value == rig.link._settings.max_connections - 1

    run(test())


def test_replacement_that_dies_before_it_delivers_gives_its_place_back() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, reconnect_after_s=3600).running() as rig:
            await until(lambda: rig.link._sessions and rig.changes)  # the server has a socket before the client knows of it
            old = next(iter(rig.link._sessions))
            old.retire = True
            await until(lambda: len(server.sockets) == 2)
            await server.drop(1)
            await until(lambda: "no replacement yet" in rig.channel.trouble)
            await until(lambda: rig.link._sessions == {old})
            assert rig.link._limit._value == rig.link._settings.max_connections - 1

    run(test())


def test_single_allowed_connection_is_replaced_without_overlap() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, reconnect_after_s=3600, max_connections=1).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            rig.clock.ahead += 3600
            await until(lambda: rig.link.connects == 2 and server.sockets)
            await server.say(mini_ticker(10))
            await until(lambda: rig.changes == [True, False, True])
            assert server.most_at_once == 1

    run(test())


def test_exchange_that_shuts_down_is_left_for_another_socket_in_time() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            await server.say('{"stream":"x","data":{"e":"serverShutdown","E":1700000000000}}')
            await until(lambda: len(server.sockets) == 2)
            await server.say(mini_ticker(10))
            await until(lambda: len(server.sockets) == 1)
            assert False not in rig.changes

    run(test())


def test_watchdog_is_not_fed_by_tickers_and_subscribes_anew() -> None:
    async def test() -> None:
        async with (
            FakeExchange() as server,
            Rig(server.url, stale_after_s=60, silent_after_s=10**6, reconnect_after_s=10**6).running() as rig,
        ):
            await until(lambda: server.sockets and rig.changes)
            rig.clock.ahead += 59
            await server.say(mini_ticker(0))
            await until(lambda: len(rig.items) == 2)
            assert rig.link.connects == 1
            rig.clock.ahead += 2
            await until(lambda: len(server.sockets) == 2)
            await server.say(mini_ticker(1000))
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 2000))
            await until(lambda: rig.ids == [1])
            assert False not in rig.changes

    run(test())


def test_watchdog_grows_patient_in_a_quiet_market() -> None:
    async def test() -> None:
        async with (
            FakeExchange() as server,
            Rig(server.url, stale_after_s=60, silent_after_s=10**6, reconnect_after_s=10**6).running() as rig,
        ):
            await until(lambda: server.sockets and rig.changes)
            due = (1, 3, 7, 15, 23, 31, 39, 47, 55)  # twice as long each time, up to eight minutes
            for minute in range(1, 60):
                asked, mark = rig.clock.asked, (BASE_MS + minute * 60_000) * 1000
                rig.clock.ahead += 60
                await until(lambda asked=asked: rig.clock.asked >= asked + 2)  # by the watchdog: no frame is on its way
                if minute in due:
                    await until(lambda: len(server.sockets) == 2)
                await server.say(mini_ticker(minute * 60_000))
                await until(lambda mark=mark: len(server.sockets) == 1 and rig.channel.mark == mark)
                assert rig.link.connects == 1 + sum(each <= minute for each in due)

    run(test())


@pytest.mark.parametrize(
    ("code", "headers", "wait_s", "words"),
    [
        (451, {}, 300.0, "legal reasons"),
        (429, {"Retry-After": "17"}, 17.0, "too many connections"),
        (418, {"Retry-After": "900"}, 900.0, "banned"),
        (503, {}, 5.0, "its servers have trouble"),
    ],
)
def test_refusal_is_explained_and_its_wait_honoured(code: int, headers: dict[str, str], wait_s: float, words: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.refusals = [(code, headers)]
            async with Rig(server.url).running() as rig:
                await until(lambda: server.sockets)
                await server.say(mini_ticker(10))
                await until(lambda: rig.changes == [False, True])
                said = next(item for item in rig.items if isinstance(item, LinkChange))
                assert words in said.trouble
                assert f"HTTP {code}" in said.trouble
                assert rig.backoff.asked[0] == wait_s

    run(test())


def test_error_frame_is_explained_and_tried_again() -> None:
    async def greet(ws) -> None:
        await ws.send('{"type":"error","message":"Failed to subscribe","reason":"NOPE-USD is not a valid product"}')

    async def test() -> None:
        async with FakeExchange(acknowledge=True, greet=greet) as server, Rig(server.url, "coinbase").running() as rig:
            await until(lambda: len(server.requests) >= 2)
            troubles = [item.trouble for item in rig.items if isinstance(item, LinkChange) and not item.up]
            assert "NOPE-USD is not a valid product" in troubles[0]
            assert "correct the exchange's symbols" in troubles[0]

    run(test())


def test_unreadable_frames_go_on_and_the_connection_stays() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            await server.say(b"\xff\xfe{")
            await server.say('{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade"}}')
            await server.say(agg_trade(9, 0))
            await until(lambda: rig.ids == [9])
            assert next(item.raw for item in rig.items if isinstance(item, FrameError)) == b"\xff\xfe{"
            assert rig.changes == [True]

    run(test())


def test_full_channel_holds_the_exchange_back_and_loses_nothing() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, size=50).running() as rig:
            await until(lambda: server.sockets and rig.changes)
            total = 40_000
            saying = asyncio.create_task(_say_many(server, total))
            await until(lambda: rig.channel.full)
            held = len(rig.channel.items)
            seen: list[int] = []
            while len(seen) < total:
                assert len(rig.channel.items) <= held + 1
                while rig.channel.items:
                    item = rig.channel.items.popleft()[1]
                    seen += [trade.trade_id for trade in item.trades] if isinstance(item, Reading) else []
                rig.channel.taken()
                await asyncio.sleep(0)
            await saying
            assert seen == list(range(total))

    run(test())


async def _say_many(server: FakeExchange, total: int) -> None:
    for number in range(total):
        await server.say(agg_trade(number, number))


def test_nobody_there_is_told_in_words() -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            url = server.url
        async with Rig(url).running() as rig:
            await until(lambda: rig.changes[:2] == [False, False])
            assert "can't be reached" in rig.channel.trouble

    run(test())


def test_last_match_does_not_set_the_time() -> None:
    async def test() -> None:
        async with FakeExchange(acknowledge=True) as server, Rig(server.url, "coinbase").running() as rig:
            await until(lambda: server.sockets and rig.changes)
            await server.say(match(4, -3_600_000).replace('"match"', '"last_match"'))
            await until(lambda: len(rig.items) == 3)
            assert rig.channel.mark == -1
            await server.say(heartbeat(4, 1000))
            await until(lambda: rig.channel.mark == (BASE_MS + 1000) * 1000)

    run(test())


def test_lost_connection_is_noticed_while_the_history_keeps_a_retry_waiting() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await until(lambda: rig.ids == [1])
            asked, answer = asyncio.Event(), asyncio.Event()

            async def slow(native: str, first: int, last: int | None) -> Filled:
                asked.set()
                await answer.wait()
                return Filled([], [], [(first, last)], "down")

            rig.link.healing._client.fill = slow
            rig.link.healing.open = [("BTCUSDT", 0, 0)]
            await asked.wait()
            await server.drop()
            await until(lambda: rig.channel.lost)
            answer.set()

    run(test())


def test_stalled_connection_is_lost_at_once_not_after_it_was_asked_to_close(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctc.sources.websocket.ANSWER_WITHIN_S", 1_000.0)  # whoever asks waits for longer than this test

    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens([1, 2])}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await until(lambda: rig.ids == [1])
            stalled = server.sockets[0].transport
            stalled.pause_reading()  # open, silent, and deaf to the closing handshake
            rig.clock.ahead = 6
            try:
                await until(lambda: rig.ids == [1, 2])
            finally:
                stalled.abort()

    run(test())


def test_history_that_is_a_moment_behind_the_socket_is_asked_again() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            server.history = {"BTCUSDT": tens([1, 2])}
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await server.say(agg_trade(5, 50))
            await until(lambda: server.asked)
            server.history = {"BTCUSDT": tens([1, 2, 3, 5])}
            await until(lambda: 5 in rig.ids)
            assert rig.ids == [1, 2, 3, 5]
            assert rig.changes == [True]
            assert IdHoles("BTCUSDT", ((4, 4),)) in rig.items

    run(test())


def test_link_makes_up_for_a_market_that_had_no_trade_before_the_cut() -> None:
    async def test() -> None:
        async with FakeExchange() as server, Rig(server.url, rest=server.rest).running() as rig:
            await until(lambda: len(server.sockets) == 1)
            await server.say(agg_trade(1, 10))
            await until(lambda: rig.ids == [1])
            server.history = {"BTCUSDT": tens([1]), "ETHUSDT": {6: 5, 7: 20, 8: 30}}
            await server.drop()
            await until(lambda: any(isinstance(item, Healed) for item in rig.items))
            assert rig.ids == [1, 7, 8]
            assert rig.changes == [True, True]

    run(test())


async def greet_as_hyperliquid(ws: ServerConnection) -> None:
    """Answer each subscription, then the ping."""
    while msgspec.json.decode(asked := str(await ws.recv()))["method"] != "ping":
        await ws.send(f'{{"channel":"subscriptionResponse","data":{asked}}}')
    await ws.send('{"channel":"pong"}')


def test_exchange_without_a_history_says_that_it_was_down_and_goes_on_with_what_it_sends_again() -> None:
    async def test() -> None:
        async with FakeExchange(greet=greet_as_hyperliquid) as server, Rig(server.url, "hyperliquid").running() as rig:
            await until(lambda: server.sockets and rig.changes)
            assert server.paths == ["/ws"]
            await server.say(perp_trades((70, 1), (3, 1)))
            await until(lambda: rig.ids == [70, 3])
            await server.drop()
            await until(lambda: not server.sockets)
            await until(lambda: server.sockets)
            await server.say(perp_trades((70, 1), (3, 1), (44, 5)))  # on subscribing the newest ones come again
            await server.say(perp_book(9))
            await server.say(b'{"channel":"trades","data":[{}]}')  # one that can't be read: there is no history to ask
            await server.say(perp_trades((5, 10)))
            await until(lambda: rig.ids == [70, 3, 70, 3, 44, 5])
            assert rig.changes == [True, False, True]
            assert rig.channel.mark == (BASE_MS + 10) * 1000

    run(test())


def test_exchange_without_a_history_is_not_asked_for_what_came_before_a_resume() -> None:
    async def test() -> None:
        async with FakeExchange(greet=greet_as_hyperliquid) as server:
            rig = Rig(server.url, "hyperliquid")
            rig.link.healing.resume({"BTC": 71}, datetime.now(UTC), [("BTC", 5, 6)])
            rig.channel.lose("going on where the producer stood before", rig.clock())
            async with rig.running():
                await until(lambda: server.sockets)
                await server.say(perp_trades((4, 1)))
                await until(lambda: rig.ids == [4])
                await until(lambda: rig.channel.state == "connected")
                assert rig.changes == [True, False, True]  # subscribed; not filled; from the next frame on
                assert rig.link.healing.open == []
                assert not any(isinstance(item, FrameError) for item in rig.items)

    run(test())
