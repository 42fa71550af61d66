"""Hyperliquid, simulated: its protocol over a real socket, and its tape through producer and lake, each trade once, wallets and all."""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from fakes_exchange import run, until
from fakes_stream import FakeStream, beats_of
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from ctc.exchanges import exchange
from ctc.model import EXACT, from_us, to_us
from ctc.producer.clock import clock_of
from ctc.producer.heartbeats import Venues
from ctc.producer.live import LiveFeed
from ctc.producer.main import Producer
from ctc.settings import Settings, load_profile
from ctc.spark.lake import LakeFold, from_ipc
from sim.exchange import hyperliquid
from sim.exchange.engine import Engine
from sim.exchange.tape import read_tape
from sim.exchange.venues import Hyperliquid
from sim.market import Market
from sim.plan import FIXED_START, Plan, make_plan
from sim.tape import tape_of

SYMBOLS = {"BTC-PERP": "BTC", "ETH-PERP": "ETH", "SOL-PERP": "SOL"}
ROW = ("coin", "trade_id", "timestamp", "price", "quantity", "quote_volume", "side", "buyer", "seller", "hash")


def settings_for(port: int = 9445, **values: object) -> Settings:
    own = {f"exchanges.hyperliquid.{name}": value for name, value in values.items()}
    session = {"session.symbols": list(SYMBOLS), "session.exchanges": ["hyperliquid"], "producer.patience_s": 60}
    return load_profile("sim", {**session, "exchanges.hyperliquid.ws": f"ws://127.0.0.1:{port}", **own})


def plan_of(minutes: int, rate: float, **options: Any) -> Plan:
    return make_plan(5, FIXED_START, minutes * 60, settings_for(), rate=rate, anomalies=False, **options)


@asynccontextmanager
async def served(plan: Plan, state: Path) -> AsyncIterator[tuple[Engine, Hyperliquid, int]]:
    """The venue on a port of its own, its market running once all coins are subscribed to."""
    engine = Engine(plan, state)
    venue = Hyperliquid(engine.listings.values(), engine)
    engine.venues = [venue]
    server = await venue.start(0)
    market = asyncio.create_task(engine.run())
    try:
        yield engine, venue, server.sockets[0].getsockname()[1]
    finally:
        market.cancel()
        await asyncio.gather(market, return_exceptions=True)
        engine.close()
        server.close()
        await server.wait_closed()


def printed(plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Every trade of the plan's market as a row of `wallet_trades`."""
    market = Market(plan)
    state = market.first_state()
    for _ in range(int((plan.end - plan.start).total_seconds()) // 60):  # type: ignore[operator]
        minute, state = market.step(state)
        for name, item in market.listings.items():
            columns, sides = minute.prints[name], minute.wallets[name]
            for place in range(len(columns)):
                taker, maker = sides.addresses[sides.taker[place]], sides.addresses[sides.maker[place]]
                buy = bool(columns.buy[place])
                price = Decimal(int(columns.price[place])).scaleb(-item.price_digits)
                quantity = Decimal(int(columns.quantity[place])).scaleb(-item.lot_digits)
                yield (
                    item.native, item.shown_id(columns.first_id + place), from_us(int(columns.at[place])), price, quantity,
                    EXACT.multiply(price, quantity), "buy" if buy else "sell", taker if buy else maker, maker if buy else taker,
                    "0x" + sha256(f"{name} {columns.order[place]}".encode()).hexdigest(),
                )  # fmt: skip


def folded(settings: Settings, stream: FakeStream) -> tuple[list[tuple[Any, ...]], int, int]:
    """Rows of `wallet_trades` that the lake makes of the stream's records, in pieces; how many of `raw_trades`, and duplicates."""
    found, raw, twice = [], 0, 0
    for symbol in SYMBOLS:
        records = [("shard", str(number), record.data, 0) for number, record in enumerate(stream.records) if record.key == symbol]
        state = None
        for start in range(0, len(records), 7):
            fold = LakeFold(symbol, settings, state)
            for row in fold.take(records[start : start + 7]):
                assert row.rejects == 0
                raw, twice = raw + row.trades, twice + row.duplicates
                rows = from_ipc(row.wallet_rows).to_pylist() if row.wallet_rows else []
                assert len(rows) == row.wallets == row.trades
                assert {(each["exchange"], each["symbol"]) for each in rows} <= {("hyperliquid", symbol)}
                found += [tuple(each[name] for name in ROW) for each in rows]
            state = fold.dump()
    return found, raw, twice


def produced(settings: Settings, plan: Plan, state: Path, stream: FakeStream, dead: FakeStream) -> Producer:
    clock, venues = clock_of(settings.producer), Venues.of(settings)
    feed = LiveFeed(settings, venues, clock, until_us=to_us(plan.end), rng=random.Random(5))  # type: ignore[arg-type]
    return Producer(settings, state, feed, venues=venues, clock=clock, trades=stream, dead=dead)


def calm_moments(plan: Plan, apart_s: int) -> list[int]:
    """Times (us) around which, 30 s before and 90 s after, no coin has more trades than a new subscriber is shown again."""
    tape = [(trade.native_symbol, to_us(trade.timestamp)) for trade in tape_of(plan)]
    found: list[int] = []
    for us in range(to_us(plan.start) + 60_000_000, to_us(plan.end) - 120_000_000, 10_000_000):  # type: ignore[arg-type]
        near = Counter(coin for coin, at in tape if us - 30_000_000 <= at < us + 90_000_000)
        if max(near.values(), default=0) <= hyperliquid.NEWEST and (not found or us - found[-1] >= apart_s * 1_000_000):
            found.append(us)
    return found


@pytest.mark.parametrize(
    ("plan", "reconnect_after_s", "cut"),
    [(plan_of(10, 1.0, pace=150.0), 1, False), (plan_of(20, 0.08), 85_800, True)],
    ids=["replaced", "cut"],
)
def test_tape_is_in_the_lake_exactly_once_through_duplicates_and_reconnects(
    tmp_path: Path, plan: Plan, reconnect_after_s: int, cut: bool
) -> None:
    """Replaced connections overlap. One that is cut loses what is on its way, while the market (at full speed) stands still, and is shown
    the newest 30 trades again."""
    cuts = calm_moments(plan, 180)[:4] if cut else []
    assert len(cuts) == (4 if cut else 0)
    stream, dead = FakeStream(), FakeStream()
    connects: list[int] = []

    async def test() -> None:
        async with served(plan, tmp_path) as (engine, venue, port):
            made = produced(settings_for(port, reconnect_after_s=reconnect_after_s), plan, tmp_path, stream, dead)
            running = asyncio.create_task(made.run())
            for moment in cuts:
                await until(lambda: engine.market_us >= moment and not engine.missing(), 60)  # noqa: B023
                for subscriber in tuple(venue.subscribers):
                    subscriber.link.transport.abort()
            await running
            connects.append(made._feed.status()["hyperliquid"]["connects"])

    run(test(), 120)
    rows, raw, twice = folded(settings_for(), stream)
    expected = sorted(printed(plan))
    assert sorted(rows) == expected
    assert raw == len(expected) == len(list(read_tape(tmp_path))) > 200
    assert twice > 30
    assert connects[0] >= (len(cuts) + 1 if cut else 3)
    beats = beats_of(stream.decoded("BTC-PERP"))
    assert beats[-1].final
    assert any(not beat.venues[0].connected for beat in beats[1:-1]) is cut
    assert {beat.venues[0].last_id for beat in beats} == {None}
    assert not dead.records


def subscriber(port: int, path: str = "/ws") -> connect:
    return connect(f"ws://127.0.0.1:{port}{path}", compression=None, close_timeout=0.1)  # unread frames hold a closing back


async def ask(link: Any, body: object) -> dict[str, Any]:
    await link.send(body if isinstance(body, str) else json.dumps(body))
    return dict(json.loads(await link.recv()))


def wanted(coin: str, channel: str = "trades", method: str = "subscribe") -> dict[str, Any]:
    return {"method": method, "subscription": {"type": channel, "coin": coin}}


def test_venue_answers_as_hyperliquid_does_and_shows_the_newest_trades_again(tmp_path: Path) -> None:
    async def test() -> None:
        async with served(plan_of(2, 1.0), tmp_path) as (engine, _, port):
            async with subscriber(port) as link, subscriber(port) as other:
                assert await ask(link, {"method": "ping"}) == {"channel": "pong"}
                assert await ask(link, wanted("BTC")) == {"channel": "subscriptionResponse", "data": wanted("BTC")}
                assert await ask(link, wanted("BTC")) == {
                    "channel": "error",
                    "data": 'Already subscribed: {"type":"trades","coin":"BTC"}',
                }
                for body, words in (
                    (wanted("DOGE"), "Invalid subscription"),
                    (wanted("BTC", "userFills"), "Invalid subscription"),
                    ("{", "Error parsing JSON"),
                    ({"method": "subscribe"}, "Error parsing JSON"),
                    (wanted("ETH", method="unsubscribe"), "Already unsubscribed"),
                ):
                    answer = await ask(link, body)
                    assert answer["channel"] == "error"
                    assert answer["data"].startswith(words)
                assert engine.phase == "waiting"
                for coin in ("ETH", "SOL"):
                    await link.send(json.dumps(wanted(coin)))
                frames = []
                while (
                    sum(len(frame["data"]) for frame in frames if frame["channel"] == "trades" and frame["data"][0]["coin"] == "BTC") < 40
                ):
                    frames.append(json.loads(await link.recv()))
                assert await ask(other, wanted("BTC")) == {"channel": "subscriptionResponse", "data": wanted("BTC")}
                again = json.loads(await other.recv())
                tape = [trade.trade_id for trade in tape_of(engine.plan) if trade.native_symbol == "BTC"]
                shown = [trade["tid"] for trade in again["data"]]
                assert len(shown) == 30
                assert any(tape[start : start + 30] == shown for start in range(len(tape)))
            with pytest.raises(InvalidStatus, match="404"):
                await subscriber(port, "/elsewhere")

    run(test())


def test_frames_are_read_as_the_recorded_ones_are() -> None:
    """Fields and their forms are those of the recording; a frame holds one coin's trades of one millisecond, a book comes each second."""
    market = Market(plan_of(2, 1.0))
    minute, _ = market.step(market.first_state())
    item, reader = market.listings["hyperliquid:BTC"], exchange("hyperliquid", {"BTC": "BTC-PERP"})
    feed = hyperliquid.feed(minute, item, "trades")
    for key, frame in zip(feed.keys.tolist(), feed.frames, strict=True):
        reading = reader.read(frame)
        assert {to_us(trade.timestamp) * 2 for trade in reading.trades} == {key}
        for trade in json.loads(frame)["data"]:
            assert list(trade) == ["coin", "side", "px", "sz", "time", "hash", "tid", "users"]
            assert trade["px"].endswith(".0")
            assert not trade["sz"].endswith("00")
            assert 0 <= trade["tid"] < 1 << 50
    books = hyperliquid.feed(minute, item, "l2Book")
    assert [reader.read(frame).kind for frame in books.frames] == ["l2Book"] * 61
    assert [to_us(reader.read(frame).event_time or FIXED_START) * 2 - 1 for frame in books.frames] == books.keys.tolist()
