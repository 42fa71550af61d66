"""The whole live way with real sockets: what is sent depends on the frames, one exchange fails alone, the end closes all."""

from __future__ import annotations

import asyncio
import random
import time
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec
import pytest
from fakes_exchange import BASE_MS, FakeExchange, agg_trade, heartbeat, match, mini_ticker, run, session, until
from fakes_stream import FakeStream, beats_of, trades_of
from websockets.datastructures import Headers
from websockets.http11 import Response

from ctc import status
from ctc.errors import StreamError, Throttled
from ctc.model import Heartbeat, from_us, to_us
from ctc.producer.clock import FrameClock, WallClock, clock_of
from ctc.producer.heartbeats import Venues
from ctc.producer.live import LiveFeed
from ctc.producer.main import Producer
from ctc.settings import Settings

NATIVES = ("BTCUSDT", "ETHUSDT", "SOLUSDT")


def producer(
    settings: Settings, state: Path, stream: FakeStream, dead: FakeStream, until_ms: int | None, patience_s: float = 60
) -> Producer:
    settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, patience_s=patience_s))
    clock, venues = clock_of(settings.producer), Venues.of(settings)
    until_us = None if until_ms is None else (BASE_MS + until_ms) * 1000
    feed = LiveFeed(settings, venues, clock, until_us=until_us, rng=random.Random(5))
    return Producer(settings, state, feed, venues=venues, clock=clock, trades=stream, dead=dead)


def binance_frames() -> list[str]:
    rng, ids = random.Random(1), {native: count(1) for native in NATIVES}
    natives = [rng.choice(NATIVES) for _ in range(1500)]
    return [agg_trade(next(ids[natives[i]]), i * 7, natives[i]) if i % 40 else mini_ticker(i * 7) for i in range(1, 1500)]


def coinbase_frames() -> list[str]:
    rng = random.Random(2)
    natives = ("BTC-USD", "ETH-USD", "SOL-USD", "USDT-USD")
    newest = dict.fromkeys(natives, 0)
    frames = []
    for i in range(1, 1000):
        native = rng.choice(natives)
        newest[native] += bool(i % 30)
        at = i * 11 + 3
        frames.append(match(newest[native], at, native) if i % 30 else heartbeat(newest["BTC-USD"], at))
    return frames


def coinbase_is_over(made: Producer) -> bool:
    """Whether all that it said is taken, though it goes beyond the end."""
    return not made._feed.status()["coinbase"]["connections"][0]["waiting"]


async def say_all(server: FakeExchange, frames: list[str], rng: random.Random) -> None:
    for frame in frames:
        await server.say(frame)
        if rng.random() < 0.02:
            await asyncio.sleep(rng.random() * 0.01)


def one_run(state: Path, seed: int) -> dict[str, list[bytes]]:
    stream, dead = FakeStream(), FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            made = producer(session(binance.url, coinbase.url), state, stream, dead, until_ms=10_000)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            rng = random.Random(seed)
            await asyncio.gather(say_all(binance, binance_frames(), rng), say_all(coinbase, coinbase_frames(), rng))
            await running
            assert made.phase == "done"

    run(test())
    assert not dead.records
    return stream.lines()


def test_what_is_sent_depends_on_the_frames_alone(tmp_path: Path) -> None:
    runs = [one_run(tmp_path, seed) for seed in range(3)]
    assert runs[0] == runs[1] == runs[2]
    assert set(runs[0]) == {"BTC-USDT", "ETH-USDT", "SOL-USDT", "USDT-USD"}


def test_run_to_an_end_sends_exactly_the_trades_before_it_and_closes_every_window(tmp_path: Path) -> None:
    stream, dead = FakeStream(), FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            made = producer(session(binance.url, coinbase.url), tmp_path, stream, dead, until_ms=10_000)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await binance.say(b"\xff")
            await say_all(binance, binance_frames(), random.Random(3))
            await say_all(coinbase, coinbase_frames(), random.Random(4))
            await running

    run(test())
    lines = stream.decoded("BTC-USDT")
    end = from_us((BASE_MS + 10_000) * 1000)
    assert max(trade.timestamp for trade in trades_of(lines)) < end
    binance = [trade.trade_id for trade in trades_of(lines) if trade.exchange == "binance"]
    expected = [i for i, frame in enumerate(binance_frames(), 1) if '"BTCUSDT"' in frame and '"aggTrade"' in frame and i * 7 < 10_000]
    assert binance == list(range(1, len(expected) + 1))
    _check_beats(lines, end)
    assert all(trade.ingestion_timestamp == trade.timestamp for trade in trades_of(lines))
    assert len(dead.records) == 1
    published = status.read(tmp_path, "producer")
    assert published is not None
    assert (published["phase"], published["unreadable"], published["buffered_lines"]) == ("done", 1, 0)


def _check_beats(lines: list, end: datetime) -> None:
    beats = beats_of(lines)
    seconds = [to_us(beat.heartbeat) // 10**6 for beat in beats]
    assert seconds[:-1] == list(range(seconds[0], to_us(end) // 10**6 + 1))
    assert seconds[-1] == seconds[-2] + 70
    assert [beat.final for beat in beats] == [False] * (len(beats) - 1) + [True]
    assert all(mark.connected for beat in beats[:-1] for mark in beat.venues)  # it ends on a whole second
    assert not any(mark.connected for mark in beats[-1].venues)
    newest: dict[str, int] = {}
    for line in lines:
        if isinstance(line, Heartbeat):
            assert {mark.exchange: mark.last_id for mark in line.venues if mark.last_id is not None} == newest
        else:
            assert not beats_before(lines, line)
            newest[line.exchange] = line.trade_id


def beats_before(lines: list, trade) -> bool:
    """Whether a heartbeat of a later second stands before the trade."""
    place = lines.index(trade)
    return any(isinstance(line, Heartbeat) and line.heartbeat > trade.timestamp for line in lines[:place])


@pytest.mark.parametrize("clock", ["frames", "wall"])
def test_one_exchange_fails_alone(tmp_path: Path, clock: str) -> None:
    stream, dead = FakeStream(), FakeStream()

    async def test() -> None:
        async with FakeExchange() as gone:
            nobody = gone.url
        async with FakeExchange() as binance:
            settings = session(binance.url, nobody)
            settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, clock=clock))
            made = producer(settings, tmp_path, stream, dead, None, patience_s=0.3)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets)
            number = 0
            while len(beats_of(stream.decoded("BTC-USDT"))) < 5:
                number += 1
                await binance.say(agg_trade(number, number * 100))
                await asyncio.sleep(0.01)
                made.publish()
            made.stopping.set()
            await running
            assert len(trades_of(stream.decoded("BTC-USDT"))) == number

    run(test())
    beats = beats_of(stream.decoded("BTC-USDT"))
    assert beats
    assert all([mark.connected for mark in beat.venues] == [True, False] for beat in beats[1:])
    assert not any(beat.final for beat in beats)
    published = status.read(tmp_path, "producer")
    assert published is not None
    assert published["exchanges"]["binance"]["state"] == "disconnected" or published["exchanges"]["binance"]["newest"]
    assert "can't be reached" in published["exchanges"]["coinbase"]["trouble"]


def test_stop_does_not_wait_for_ever_for_a_stream_that_takes_nothing(tmp_path: Path) -> None:
    stream, dead = FakeStream(lambda number, records: Throttled("down", 0.01)), FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            settings = session(binance.url, coinbase.url)
            settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, max_buffered_lines=20))
            clock, venues = clock_of(settings.producer), Venues.of(settings)
            feed = LiveFeed(settings, venues, clock)
            made = Producer(settings, tmp_path, feed, venues=venues, clock=clock, trades=stream, dead=dead, drain_within_s=0.3)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await coinbase.say(heartbeat(1, 100_000))
            await say_all(binance, binance_frames()[:200], random.Random(1))
            await until(lambda: made.tape.full)
            made.stopping.set()
            with pytest.raises(StreamError, match="wait on disk until the session is resumed"):
                await running

    run(test())
    published = status.read(tmp_path, "producer")
    assert published is not None
    assert published["phase"] == "failed"


def test_clocks_follow_the_profile() -> None:
    settings = session("ws://x", "ws://y").producer
    frames, wall = clock_of(settings), clock_of(msgspec.structs.replace(settings, clock="wall"))
    frames.reached(5_000_000)
    frames.reached(4_000_000)
    assert isinstance(frames, FrameClock)
    assert frames.now() == from_us(5_000_000)
    assert frames.received() is None
    assert abs((wall.now() - datetime.now(UTC)).total_seconds()) < 5
    assert wall.received() is not None


@pytest.mark.parametrize("refused", ["/time", "/aggTrades"])
def test_what_could_not_be_made_up_for_reads_as_not_connected_to_its_end(tmp_path: Path, refused: str) -> None:
    stream, dead = FakeStream(), FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            settings = session(binance.url, coinbase.url, history=binance.rest)
            made = producer(settings, tmp_path, stream, dead, until_ms=20_000)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await binance.say(agg_trade(1, 1000))
            await coinbase.say(heartbeat(1, 1000))
            await until(lambda: made.tape.counters.trades == 1)
            binance.history = {"BTCUSDT": {number: number * 1000 for number in range(1, 12)}}
            rest, refusals = binance._rest, []

            def refuse(target: str) -> Response:
                if refused in target:
                    refusals.append(target)
                    return Response(429, "slow down", Headers({"Content-Length": "0", "Connection": "close"}), b"")
                return rest(target)

            binance._rest = refuse
            await binance.drop()
            await until(lambda: refusals and binance.sockets)
            await binance.say(agg_trade(12, 12_000))
            await binance.say(mini_ticker(20_000))
            await coinbase.say(heartbeat(1, 20_000))
            await running

    run(test())
    beats = beats_of(stream.decoded("BTC-USDT"))
    said = {(to_us(beat.heartbeat) // 1000 - BASE_MS) // 1000: beat.venues[0].connected for beat in beats}
    assert not any(said[second] for second in range(2, 13))
    assert all(said[second] for second in range(14, 20))


def test_end_waits_for_a_connection_that_makes_up_for_what_it_missed(tmp_path: Path) -> None:
    stream = FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            settings = session(binance.url, coinbase.url, history=binance.rest)
            made = producer(settings, tmp_path, stream, FakeStream(), until_ms=10_000, patience_s=0.3)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await binance.say(agg_trade(1, 1000))
            await coinbase.say(heartbeat(1, 1000))
            await until(lambda: made.tape.counters.trades == 1)
            binance.history = {"BTCUSDT": {number: number * 1000 for number in range(1, 13)}}
            binance.refusals = [(503, {})] * 1000
            await binance.drop()
            await coinbase.say(match(2, 9_000))
            await coinbase.say(match(3, 10_500))
            await until(lambda: made.tape.counters.trades == 2 and coinbase_is_over(made))
            assert not running.done()
            binance.refusals.clear()
            await running

    run(test())
    found = [(trade.exchange, trade.trade_id) for trade in trades_of(stream.decoded("BTC-USDT"))]
    assert sorted(found) == [*(("binance", number) for number in range(1, 10)), ("coinbase", 2)]


class Sleeper(WallClock):
    """The machine's clock at the fake exchange's time, from which a test can take a nap."""

    def __init__(self) -> None:
        self.ahead_s = BASE_MS / 1000 - time.time()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead_s)


def test_what_came_while_the_machine_slept_is_made_up_for_before_its_heartbeats(tmp_path: Path) -> None:
    stream, clock = FakeStream(), Sleeper()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            settings = session(binance.url, coinbase.url, history=binance.rest)
            venues = Venues.of(settings)
            feed = LiveFeed(settings, venues, clock, rng=random.Random(5))
            made = Producer(settings, tmp_path, feed, venues=venues, clock=clock, trades=stream, dead=FakeStream())
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await binance.say(agg_trade(1, 10))
            await until(lambda: len(beats_of(stream.decoded("BTC-USDT"))) > 2)
            binance.history = {"BTCUSDT": {number: number * 10_000 for number in range(1, 6)}}
            clock.ahead_s += 60  # the socket says nothing of it
            await until(lambda: to_us(beats_of(stream.decoded("BTC-USDT"))[-1].heartbeat) > BASE_MS * 1000 + 60_000_000)
            made.stopping.set()
            await running

    run(test())
    lines = stream.decoded("BTC-USDT")
    assert [trade.trade_id for trade in trades_of(lines)] == [1, 2, 3, 4, 5]
    first_after = next(n for n, line in enumerate(lines) if isinstance(line, Heartbeat) and line.venues[0].last_id == 5)
    assert all(not isinstance(line, Heartbeat) or to_us(line.heartbeat) < BASE_MS * 1000 + 15_000_000 for line in lines[:first_after])
