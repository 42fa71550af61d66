"""A producer that is killed and started again: what the folds read of its log is what an undisturbed one would have written."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import msgspec
import pytest
from fakes_exchange import BASE_MS, FakeExchange, agg_trade, heartbeat, match, mini_ticker, run, session, until
from fakes_stream import FakeStream

from ctc import status
from ctc.errors import SessionError, StreamError, Throttled
from ctc.model import Heartbeat, Trade, from_us, to_us
from ctc.producer.clock import FrameClock
from ctc.producer.heartbeats import Venues
from ctc.producer.live import LiveFeed
from ctc.producer.main import Producer
from ctc.producer.resume import ResumeFile
from ctc.settings import Settings

SYMBOLS = ("BTC-USDT", "ETH-USDT", "SOL-USDT", "USDT-USD")
END_MS = 30_000
Market = tuple[str, str]  # exchange, native symbol
MARKETS: dict[Market, int] = {  # a trade each so many steps of 10 ms
    ("binance", "BTCUSDT"): 3,
    ("binance", "ETHUSDT"): 7,
    ("coinbase", "BTC-USD"): 11,
    ("coinbase", "USDT-USD"): 170,
}


def producer(settings: Settings, state: Path, stream: FakeStream, name: str = "producer-1") -> Producer:
    """As `ctc.producer.main` makes one."""
    settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, name=name))
    clock, venues, resume = FrameClock(), Venues.of(settings), ResumeFile(state, name)
    point = resume.load(settings)
    feed = LiveFeed(settings, venues, clock, until_us=(BASE_MS + END_MS) * 1000, resume=point, rng=random.Random(5))
    return Producer(
        settings, state, feed, venues=venues, clock=clock, trades=stream, dead=FakeStream(), resume=resume, point=point, drain_within_s=0.2
    )


async def say(binance: FakeExchange, coinbase: FakeExchange, start: int, end: int) -> None:
    """Steps of 10 ms of market time, on the sockets and in the history."""
    servers, frames = {"binance": binance, "coinbase": coinbase}, {"binance": agg_trade, "coinbase": match}
    for step in range(start, end):
        for (exchange, native), every in MARKETS.items():
            if step % every == 0:
                number = step // every
                servers[exchange].history.setdefault(native, {})[number] = 10 * step
                await servers[exchange].say(frames[exchange](number, 10 * step, native))
        if step % 100 == 0:
            await binance.say(mini_ticker(10 * step))
            await coinbase.say(heartbeat(step // MARKETS["coinbase", "BTC-USD"], 10 * step))
        if step % 40 == 0:
            await asyncio.sleep(0.001)


def effective(stream: FakeStream, symbol: str) -> list[tuple[object, ...]]:
    """The log as folds see it: each trade's first copy, each heartbeat that moves the clock on; without what marks a back-fill."""
    seen: set[str] = set()
    clock, found = 0, []
    for line in stream.decoded(symbol):
        if isinstance(line, Trade) and line.event_id not in seen:
            seen.add(line.event_id)
            found.append((line.event_id, line.price, line.quantity, line.side, line.timestamp, line.ingestion_timestamp))
        elif isinstance(line, Heartbeat) and to_us(line.heartbeat) > clock:
            clock = to_us(line.heartbeat)
            marks = tuple((mark.space, mark.connected, mark.last_id) for mark in line.venues)
            found.append((line.heartbeat, marks, line.peg, line.final))
    return found


def undisturbed(state: Path) -> FakeStream:
    stream = FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            running = asyncio.create_task(producer(settings_of(binance, coinbase), state, stream).run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await say(binance, coinbase, 1, END_MS // 10 + 200)
            await running

    run(test())
    return stream


def settings_of(binance: FakeExchange, coinbase: FakeExchange) -> Settings:
    settings = session(binance.url, coinbase.url)
    rest = {"binance": binance.rest, "coinbase": coinbase.rest}
    return msgspec.structs.replace(
        settings, exchanges={name: msgspec.structs.replace(settings.exchanges[name], rest=url) for name, url in rest.items()}
    )


@pytest.mark.parametrize("seed", range(4))
def test_killed_producer_goes_on_as_if_nothing_had_happened(tmp_path: Path, seed: int) -> None:
    rng, stream = random.Random(seed), FakeStream()
    cuts = [rng.randrange(start, start + 500) for start in (400, 1200, 2000)]

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            settings, said = settings_of(binance, coinbase), 1
            for cut in [*cuts, END_MS // 10 + 200]:
                made = producer(settings, tmp_path / "killed", stream)
                running = asyncio.create_task(made.run())
                await until(lambda: binance.sockets and coinbase.sockets)
                await say(binance, coinbase, said, cut)
                said = cut
                if cut < END_MS // 10:
                    await until(lambda made=made: made._lines.kept.keys() >= set(SYMBOLS))
                    if rng.random() < 0.7:
                        made.publish()  # else the file is as old as the last half second
                    await crash(running)
                    await until(lambda: not binance.sockets and not coinbase.sockets)
                    missed = cut + rng.randrange(60)
                    await say(binance, coinbase, said, missed)  # to nobody
                    said = missed
            await running

    (tmp_path / "killed").mkdir()
    run(test())
    whole = undisturbed(tmp_path / "whole")
    for symbol in SYMBOLS:
        assert effective(stream, symbol) == effective(whole, symbol), symbol
    backfilled = [line for line in stream.decoded("BTC-USDT") if isinstance(line, Trade) and line.is_backfilled]
    assert backfilled
    assert len(stream.decoded("BTC-USDT")) > len(whole.decoded("BTC-USDT"))  # at least once


async def crash(running: asyncio.Task[None]) -> None:
    """End it without a word: what it had not sent is gone."""
    running.cancel()
    await asyncio.wait({running})


def test_stream_that_is_away_fills_the_spool_and_gets_it_in_order_later(tmp_path: Path) -> None:
    away = True
    stream = FakeStream(lambda number, records: Throttled("away", 0.01) if away else None)

    async def test() -> None:
        nonlocal away
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            settings = settings_of(binance, coinbase)
            settings = msgspec.structs.replace(settings, producer=msgspec.structs.replace(settings.producer, max_buffered_lines=300))
            made = producer(settings, tmp_path, stream)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await say(binance, coinbase, 1, 2500)
            await until(lambda: made._lines.spooled > 1000)
            assert made._lines.buffered < 300
            await crash(running)  # with everything on disk
            binance.history.clear()  # and nothing to be had from the exchanges
            coinbase.history.clear()
            away = False
            made = producer(settings, tmp_path, stream)
            running = asyncio.create_task(made.run())
            await until(lambda: made._lines.spooled == 0 and stream.records)
            await crash(running)

    run(test())
    trades = [line for line in stream.decoded("BTC-USDT") if isinstance(line, Trade) and line.exchange == "binance"]
    ids = [trade.trade_id for trade in trades]
    assert ids == list(range(1, ids[-1] + 1))
    assert len(ids) > 500


def test_stop_while_the_stream_is_away_leaves_everything_on_disk(tmp_path: Path) -> None:
    stream = FakeStream(lambda number, records: Throttled("away", 0.01))

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            made = producer(settings_of(binance, coinbase), tmp_path, stream)
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await say(binance, coinbase, 1, 500)
            await until(lambda: made.tape.counters.trades > 200)
            made.stopping.set()
            with pytest.raises(StreamError, match=r"\d+ lines wait on disk until the session is resumed$"):
                await running
            assert made._lines.buffered == 0

    run(test())


def test_damaged_resume_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "producer-1.resume.json").write_text("{")
    with pytest.raises(SessionError, match="remove it"):
        ResumeFile(tmp_path, "producer-1").load(session("ws://x", "ws://y"))


def test_resume_point_has_the_ranges_that_the_log_lacked_at_its_heartbeats(tmp_path: Path) -> None:
    settings, gap = session("ws://x", "ws://y"), ("binance", "BTCUSDT", 5, 9)
    file = ResumeFile(tmp_path, "producer-1")
    for second, left in ((1, [gap]), (2, [])):  # filled between the two, and on its way
        for symbol in SYMBOLS:
            moment = from_us((BASE_MS + second * 1000) * 1000)
            file.said(Heartbeat(heartbeat=moment, symbol=symbol, producer="producer-1", venues=(), peg=None), left)
    file.move_on(dict.fromkeys(SYMBOLS, (BASE_MS + 1000) * 1000), SYMBOLS)
    point = file.load(settings)
    assert point is not None
    assert point.open == (gap,)
    file.move_on(dict.fromkeys(SYMBOLS, (BASE_MS + 2000) * 1000), SYMBOLS)
    point = file.load(settings)
    assert point is not None
    assert point.open == ()


def test_status_that_could_not_be_written_stops_neither_the_resume_point_nor_the_next(tmp_path: Path) -> None:
    stream = FakeStream()

    async def test() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            made = producer(settings_of(binance, coinbase), tmp_path, stream)
            (tmp_path / "status").write_text("in the way")
            running = asyncio.create_task(made.run())
            await until(lambda: binance.sockets and coinbase.sockets)
            await say(binance, coinbase, 1, 1000)
            await until(lambda: (tmp_path / "producer-1.resume.json").exists())
            (tmp_path / "status").unlink()
            await until(lambda: status.read(tmp_path, "producer"))
            await crash(running)

    run(test())
