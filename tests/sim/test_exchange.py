"""The simulated exchanges over real sockets: protocols, order, pace, REST, resume."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from ctc import status
from ctc.errors import ExchangeError, SessionError, SetupError
from ctc.exchanges import exchange
from ctc.exchanges.binance_history import BinanceHistory
from ctc.model import to_us
from ctc.settings import load_profile
from ctc.sources.history import HistoryClient
from ctc.sources.rest import MINUTE_S, Rest
from sim.exchange.engine import Engine
from sim.exchange.http import Weights
from sim.exchange.tape import TapeRow, read_tape
from sim.exchange.venues import SUBSCRIBE_WITHIN_S, Binance, Coinbase
from sim.plan import FIXED_START, Plan, make_plan

SETTINGS = load_profile("sim")
STREAMS = [f"{symbol}@{kind}" for symbol in ("btcusdt", "ethusdt", "solusdt") for kind in ("aggTrade", "miniTicker")]
PRODUCTS = ["BTC-USD", "ETH-USD", "SOL-USD", "USDT-USD"]
SUBSCRIBE = {"type": "subscribe", "product_ids": PRODUCTS, "channels": ["matches", "heartbeat"]}
DEADLINE_S = 60


def _plan(minutes: int = 2, **options: Any) -> Plan:
    return make_plan(5, FIXED_START, minutes * 60, SETTINGS, **options)


class Running:
    """An engine with both venues on ports of their own, and what two subscribers have received."""

    def __init__(self, engine: Engine, ports: dict[str, int]) -> None:
        self.engine = engine
        self.ports = ports
        self.binance: list[dict[str, Any]] = []
        self.coinbase: list[dict[str, Any]] = []

    def ws(self, name: str, path: str = "") -> connect:
        return connect(f"ws://127.0.0.1:{self.ports[name]}{path}", compression=None, close_timeout=0.1)  # unread frames hold a closing back

    async def get(self, name: str, path: str, **query: Any) -> httpx.Response:
        async with httpx.AsyncClient() as client:
            return await client.get(f"http://127.0.0.1:{self.ports[name]}{path}", params=query)

    async def follow_binance(self) -> None:
        async with self.ws("binance", "/stream?streams=" + "/".join(STREAMS)) as link:
            async for text in link:
                self.binance.append(json.loads(text))

    async def follow_coinbase(self) -> None:
        async with self.ws("coinbase") as link:
            await link.send(json.dumps(SUBSCRIBE))
            async for text in link:
                self.coinbase.append(json.loads(text))


@asynccontextmanager
async def running(state: Path, plan: Plan, *, follow: bool = True, **options: Any) -> AsyncIterator[Running]:
    """Serve the plan; the market runs until it ends or the block does."""
    server_options = {name: options.pop(name) for name in ("ping_s", "pong_s") if name in options}
    weights, subscribe_within_s = options.pop("weights", None), options.pop("subscribe_within_s", SUBSCRIBE_WITHIN_S)
    engine = Engine(plan, state, **options)
    listings = engine.listings.values()
    venues = (
        Binance((item for item in listings if item.exchange == "binance"), engine, weights),
        Coinbase((item for item in listings if item.exchange == "coinbase"), engine, subscribe_within_s=subscribe_within_s),
    )
    engine.venues = list(venues)
    servers = [await venue.start(0, **server_options) for venue in venues]
    found = Running(engine, {venue.name: server.sockets[0].getsockname()[1] for venue, server in zip(venues, servers, strict=True)})
    tasks = [asyncio.create_task(engine.run())]
    if follow:
        tasks += [asyncio.create_task(found.follow_binance()), asyncio.create_task(found.follow_coinbase())]
    try:
        yield found
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        engine.close()
        for server in servers:
            server.close()
            await server.wait_closed()


async def until(condition: Callable[[], bool]) -> None:
    """Return when it is so; fail after the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110 - conditions are on what arrives over sockets and in files
            await asyncio.sleep(0.005)


def play(scene: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(scene())


async def ask(link: ClientConnection, body: object) -> Any:
    """The next answer to a request, past any market data."""
    await link.send(body if isinstance(body, str) else json.dumps(body))
    async with asyncio.timeout(DEADLINE_S):
        while True:
            answer = json.loads(await link.recv())
            if not {"stream", "e"} & answer.keys():
                return answer


def _trades(seen: Running) -> set[tuple[str, int]]:
    binance = {(frame["data"]["s"], frame["data"]["a"]) for frame in seen.binance if frame["data"]["e"] == "aggTrade"}
    return binance | {(frame["product_id"], frame["trade_id"]) for frame in seen.coinbase if frame["type"] == "match"}


def _both_ended(seen: Running) -> bool:
    """The last marks (10 s after the end) have come."""
    assert seen.engine.plan.end is not None
    last = to_us(seen.engine.plan.end + timedelta(seconds=10))
    binance = seen.binance and seen.binance[-1]["data"]["E"] * 1000 == last
    return bool(binance and seen.coinbase and seen.coinbase[-1].get("time") == "2026-01-15T12:02:10.000000Z")


def test_exchange_sends_the_whole_tape_in_order_with_marks(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan()) as seen:
            await until(lambda: _both_ended(seen))
            await until(lambda: seen.engine.phase == "ended")
        tape = list(read_tape(tmp_path))
        assert _trades(seen) == {(row.native_symbol, row.trade_id) for row in tape}
        assert len(tape) == seen.engine.trades > 1_000
        assert [row.time_us for row in tape] == sorted(row.time_us for row in tape)
        _check_binance(seen.binance, tape)
        _check_coinbase(seen.coinbase, tape)

    play(scene)


def _check_binance(frames: list[dict[str, Any]], tape: list[TapeRow]) -> None:
    times = [frame["data"]["E"] for frame in frames]
    assert times == sorted(times)
    assert all(frame["stream"] == f"{frame['data']['s'].lower()}@{frame['stream'].split('@')[1]}" for frame in frames)
    tickers = [frame["data"]["E"] for frame in frames if frame["data"]["e"] == "24hrMiniTicker" and frame["data"]["s"] == "BTCUSDT"]
    assert tickers == list(range(tickers[0], tickers[0] + 131_000, 1000))
    rows = {(row.native_symbol, row.trade_id): row for row in tape}
    for frame in frames:
        data = frame["data"]
        if data["e"] == "aggTrade":
            row = rows[data["s"], data["a"]]
            assert (data["p"], data["q"], data["T"] * 1000) == (row.price, row.quantity, row.time_us)
            assert data["m"] == (row.side == "sell")  # the buyer was the maker: the taker sold
            assert data["f"] <= data["l"]
    newest = [frame for frame in frames if frame["data"]["s"] == "BTCUSDT"]
    price = next(frame["data"]["p"] for frame in reversed(newest) if frame["data"]["e"] == "aggTrade")
    assert newest[-1]["data"]["c"] == price


def _check_coinbase(frames: list[dict[str, Any]], tape: list[TapeRow]) -> None:
    assert frames[0]["type"] == "subscriptions"
    first = [frame for frame in frames if frame["type"] == "last_match"]
    assert {frame["product_id"] for frame in first} == set(PRODUCTS)
    assert all(frame["time"] < "2026-01-15T12:00" for frame in first)
    flow = [frame for frame in frames if frame["type"] in ("match", "heartbeat")]
    assert [frame["time"] for frame in flow] == sorted(frame["time"] for frame in flow)
    newest = {frame["product_id"]: frame["trade_id"] for frame in first}
    sequences = dict.fromkeys(PRODUCTS, 0)
    rows = {(row.native_symbol, row.trade_id): row for row in tape}
    for frame in flow:
        product = frame["product_id"]
        assert frame["sequence"] >= sequences[product]
        sequences[product] = frame["sequence"]
        if frame["type"] == "heartbeat":
            assert frame["last_trade_id"] == newest[product]
            continue
        assert frame["trade_id"] == newest[product] + 1
        newest[product] = frame["trade_id"]
        row = rows[product, frame["trade_id"]]
        assert (frame["price"], frame["size"]) == (row.price, row.quantity)
        assert frame["side"] == {"buy": "sell", "sell": "buy"}[row.side]  # the maker's


def test_exchange_waits_until_every_market_is_subscribed(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen:
            begun = seen.engine.market_us
            async with seen.ws("binance", "/ws/btcusdt@trade") as link:
                await until(lambda: "binance:BTCUSDT" not in seen.engine.missing())
                assert set(seen.engine.missing()) > {"binance:SOLUSDT", "coinbase:USDT-USD"}
                assert await ask(link, {"method": "SUBSCRIBE", "params": STREAMS, "id": 7}) == {"result": None, "id": 7}
                assert seen.engine.phase == "waiting"
                assert seen.engine.market_us == begun
                async with seen.ws("coinbase") as other:
                    await other.send(json.dumps(SUBSCRIBE))
                    await until(lambda: seen.engine.market_us > begun)
                    assert seen.engine.phase == "running"

    play(scene)


def test_binance_answers_requests_and_errors_as_the_real_one(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen, seen.ws("binance", "/ws") as link:
            assert await ask(link, {"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade", "nosuch@trade"], "id": 1}) == {
                "result": None,
                "id": 1,
            }
            listed = await ask(link, {"method": "LIST_SUBSCRIPTIONS", "id": "a"})
            assert listed == {"result": ["btcusdt@aggTrade", "nosuch@trade"], "id": "a"}
            assert await ask(link, {"method": "UNSUBSCRIBE", "params": ["nosuch@trade"], "id": 2}) == {"result": None, "id": 2}
            assert (await ask(link, {"method": "LIST_SUBSCRIPTIONS", "id": 3}))["result"] == ["btcusdt@aggTrade"]

    play(scene)


@pytest.mark.parametrize(
    ("request_", "code", "id_"),
    [
        ("{oops", 3, None),
        ({"method": "SUBSCRIBE", "params": ["not a stream"], "id": 4}, 2, 4),
        ({"method": "SUBSCRIBE", "params": [], "id": 4}, 2, 4),
        ({"method": "BUY", "params": [], "id": 4}, 2, 4),
        ({"method": "SUBSCRIBE", "params": "btcusdt@trade", "id": 4}, 2, 4),
        ({"what": 1}, 0, None),
        ([1], 2, None),
        ({"id": 9}, 2, 9),
        ({"method": "SET_PROPERTY", "params": ["combined", "yes"], "id": 5}, 1, 5),
    ],
)
def test_binance_refuses_bad_requests(tmp_path: Path, request_: object, code: int, id_: object) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen, seen.ws("binance", "/ws") as link:
            answer = await ask(link, request_)
            assert answer["error"]["code"] == code
            assert answer["error"]["msg"]
            assert answer["id"] == id_

    play(scene)


def test_binance_cuts_off_who_sends_too_many_requests(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen, seen.ws("binance", "/ws") as link:
            for number in range(8):
                await link.send(json.dumps({"method": "LIST_SUBSCRIPTIONS", "id": number}))
            async with asyncio.timeout(DEADLINE_S):
                await link.wait_closed()
            assert link.close_code == 1008

    play(scene)


def test_binance_raw_streams_have_no_envelope_and_can_be_combined(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen, seen.ws("binance", "/ws/btcusdt@trade/ethusdt@trade") as link:
            await ask(link, {"method": "SUBSCRIBE", "params": ["solusdt@trade"], "id": 1})
            async with seen.ws("coinbase") as other:
                await other.send(json.dumps(SUBSCRIBE))
                frame = json.loads(await link.recv())
                assert frame["e"] == "trade"
                assert {"E", "s", "t", "p", "q", "T", "m", "M"} == frame.keys() - {"e"}
                reading = asyncio.create_task(_read(other))
                await ask(link, {"method": "SET_PROPERTY", "params": ["combined", True], "id": 2})
                assert "stream" in json.loads(await link.recv())
                reading.cancel()

    play(scene)


async def _read(link: ClientConnection) -> None:
    async for _ in link:
        continue


@pytest.mark.parametrize(
    ("request_", "reason"),
    [
        ({"type": "subscribe", "product_ids": ["LOOM-USDC"], "channels": ["matches"]}, "LOOM-USDC is not a valid product"),
        ({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": []}, "No channels provided"),
        ({"type": "subscribe", "channels": ["matches"]}, " is not a valid product"),
        (
            {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["full"]},
            "level2, level3, and full channels now require authentication.",
        ),
        ({"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["nosuch"]}, "nosuch is not a valid channel"),
        ("{oops", "Malformed JSON"),
    ],
)
def test_coinbase_refuses_bad_requests_with_a_reason(tmp_path: Path, request_: object, reason: str) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen, seen.ws("coinbase") as link:
            assert await ask(link, request_) == {"type": "error", "message": "Failed to subscribe", "reason": reason}

    play(scene)


def test_coinbase_subscriptions_add_up_and_can_be_left(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen, seen.ws("coinbase") as link:
            one = {"name": "heartbeat", "product_ids": ["ETH-USD"]}
            first = await ask(link, {"type": "subscribe", "channels": [one]})
            assert first == {"type": "subscriptions", "channels": [{**one, "account_ids": None}]}
            both = await ask(link, {"type": "subscribe", "product_ids": ["BTC-USD"], "channels": ["matches"]})
            assert [channel["name"] for channel in both["channels"]] == ["heartbeat", "matches"]
            assert json.loads(await link.recv())["type"] == "last_match"
            left = await ask(link, {"type": "unsubscribe", "channels": [one]})
            assert [channel["name"] for channel in left["channels"]] == ["matches"]

    play(scene)


def test_coinbase_closes_who_does_not_subscribe(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False, subscribe_within_s=0.3) as seen, seen.ws("coinbase") as link:
            with pytest.raises(ConnectionClosed):
                await link.recv()

    play(scene)


def test_binance_drops_who_does_not_answer_pings(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False, ping_s=0.05, pong_s=0.1) as seen:
            reader, writer = await asyncio.open_connection("127.0.0.1", seen.ports["binance"])
            key = "dGhlIHNhbXBsZSBub25jZQ=="
            head = f"GET /ws HTTP/1.1\r\nHost: sim\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
            writer.write((head + "Sec-WebSocket-Version: 13\r\n\r\n").encode())
            async with asyncio.timeout(DEADLINE_S):
                assert b"101" in await reader.readuntil(b"\r\n\r\n")
                rest = await reader.read()  # returns once the server has closed
            assert rest[0] == 0x89  # a ping
            writer.close()

    play(scene)


def test_exchange_late_subscriber_gets_only_what_is_new(tmp_path: Path) -> None:
    async def scene() -> None:
        plan = _plan(pace=60.0, minutes=10)
        async with running(tmp_path, plan) as seen:
            await until(lambda: len(seen.binance) > 200)
            async with seen.ws("binance", "/ws/btcusdt@aggTrade") as link:
                before = seen.engine.market_us // 1000 - 3_000
                first = json.loads(await link.recv())
            assert first["T"] >= before
            assert first["T"] > to_us(plan.start) // 1000

    play(scene)


def test_rest_pages_through_the_same_trades_as_the_socket(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan()) as seen:
            await until(lambda: _both_ended(seen))
            told = [frame["data"] for frame in seen.binance if frame["data"]["e"] == "aggTrade" and frame["data"]["s"] == "ETHUSDT"]
            assert await _all_pages(seen, "ETHUSDT", told[0]["a"]) == [{key: trade[key] for key in "apqflTmM"} for trade in told]
            newest = (await seen.get("binance", "/api/v3/aggTrades", symbol="ETHUSDT", limit=3)).json()
            assert [row["a"] for row in newest] == [trade["a"] for trade in told[-3:]]
            window = (
                await seen.get("binance", "/api/v3/aggTrades", symbol="ETHUSDT", startTime=told[10]["T"], endTime=told[20]["T"])
            ).json()
            assert {row["a"] for row in window} == {trade["a"] for trade in told if told[10]["T"] <= trade["T"] <= told[20]["T"]}
            single = (await seen.get("binance", "/api/v3/trades", symbol="ETHUSDT", limit=1000)).json()
            assert [row["id"] for row in single] == list(range(told[-1]["l"] - 999, told[-1]["l"] + 1))
            assert single[0].keys() == {"id", "price", "qty", "quoteQty", "time", "isBuyerMaker", "isBestMatch"}
            by_id = {"symbol": "ETHUSDT", "fromId": single[500]["id"], "limit": 100}
            assert (await seen.get("binance", "/api/v3/historicalTrades", **by_id)).json() == single[500:600]
            await _check_coinbase_pages(seen)

    play(scene)


async def _all_pages(seen: Running, symbol: str, first: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while page := (await seen.get("binance", "/api/v3/aggTrades", symbol=symbol, fromId=first, limit=400)).json():
        found += page
        first = page[-1]["a"] + 1
    return found


async def _check_coinbase_pages(seen: Running) -> None:
    told = [frame["trade_id"] for frame in seen.coinbase if frame["type"] == "match" and frame["product_id"] == "BTC-USD"]
    found: list[int] = []
    query: dict[str, Any] = {"limit": 50}
    while rows := (answer := await seen.get("coinbase", "/products/BTC-USD/trades", **query)).json():
        found += [row["trade_id"] for row in rows]
        query["after"] = answer.headers["cb-after"]
    assert found == told[::-1]
    assert (await seen.get("coinbase", "/products/NO-USD/trades")).status_code == 404


@pytest.mark.parametrize(
    ("path", "query", "status_", "code"),
    [
        ("/api/v3/aggTrades", {"symbol": "NOSUCH"}, 400, -1121),
        ("/api/v3/aggTrades", {}, 400, -1102),
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "limit": "x"}, 400, -1100),
        ("/api/v3/aggTrades", {"symbol": "BTCUSDT", "fromId": 1, "startTime": 1}, 400, -1128),
        ("/api/v3/trades", {"symbol": "BTCUSDT", "fromId": 1}, 400, -1104),
        ("/api/v3/nosuch", {}, 404, -1000),
    ],
)
def test_rest_errors_have_the_exchange_codes(tmp_path: Path, path: str, query: dict[str, Any], status_: int, code: int) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen:
            answer = await seen.get("binance", path, **query)
            assert (answer.status_code, answer.json()["code"]) == (status_, code)

    play(scene)


def test_rest_tells_who_asks_too_much_to_wait_then_bans(tmp_path: Path) -> None:
    async def scene() -> None:
        now = [1_000.0]
        async with running(tmp_path, _plan(), follow=False, weights=Weights(8, lambda: now[0])) as seen:

            async def call() -> httpx.Response:
                return await seen.get("binance", "/api/v3/aggTrades", symbol="BTCUSDT")

            assert [(await call()).status_code for _ in range(3)] == [200, 200, 429]
            assert (await call()).headers["retry-after"] == "60"
            answers = [await call() for _ in range(10)]
            assert answers[-1].status_code == 418
            assert answers[-1].json()["code"] == -1003
            now[0] += 200
            assert (await call()).status_code == 200

    play(scene)


def client(seen: Running, per_s: int, **options: Any) -> Rest:
    return Rest("binance", f"http://127.0.0.1:{seen.ports['binance']}", per_s, limits=BinanceHistory.limits, **options)


@pytest.mark.parametrize(("kind", "weight"), [("aggTrade", 4), ("trade", 25)])
def test_client_spaces_its_requests_by_what_the_exchange_counts(tmp_path: Path, kind: str, weight: int) -> None:
    async def scene() -> None:
        weights, per_s, requests = Weights(), 40, 5
        async with running(tmp_path, _plan(), follow=False, weights=weights) as seen:
            at = f"http://127.0.0.1:{seen.ports['binance']}"
            own = msgspec.structs.replace(SETTINGS.exchanges["binance"], rest=at, rest_per_s=per_s, kind=kind)
            history = HistoryClient(BinanceHistory(exchange("binance")), own, received=lambda: None)
            began = asyncio.get_running_loop().time()
            for number in range(requests):
                await history.fill("BTCUSDT", 10**12 + number, 10**12 + number)  # not there yet
            took = asyncio.get_running_loop().time() - began
            assert history.requests == requests
            await history.close()
        assert weights.take("127.0.0.1", 0)[0] == requests * weight
        assert took >= (requests - 1) * (weight / 4) / per_s

    play(scene)


def test_client_near_the_limit_asks_nothing_for_a_minute(tmp_path: Path) -> None:
    """Most of the weight is another process's at the same address; the exchange has nothing to refuse."""

    async def scene() -> None:
        now = [1_000.0]
        weights, path = Weights(clock=lambda: now[0]), "/api/v3/aggTrades?symbol=BTCUSDT"
        async with running(tmp_path, _plan(), follow=False, weights=weights) as seen:
            rest = client(seen, 1_000, monotonic=lambda: now[0])
            job = client(seen, 1_000, monotonic=lambda: now[0], longest_wait_s=MINUTE_S)
            weights.take("127.0.0.1", 5_390)
            await rest.get(path)
            await rest.get(path)
            await rest.get(path)  # 5,402 of 6,000
            with pytest.raises(ExchangeError, match=r"another 60 s: this address has used 5,402 of its 6,000 in this minute") as held:
                await rest.get(path)
            assert (rest.requests, held.value.retry_after) == (3, 60)
            await job.get(path)
            now[0] += 59.9  # a job waits for the rest of the minute; a socket's back-fill does for a moment
            assert weights.take("127.0.0.1", 0)[0] == 5_406
            began = asyncio.get_running_loop().time()
            waiting = asyncio.create_task(job.get(path))
            await rest.get(path)
            await waiting
            assert asyncio.get_running_loop().time() - began >= 0.09
            now[0] += 60
            await rest.get(path)
            assert weights.take("127.0.0.1", 0)[0] == 4
            await rest.close()
            await job.close()

    play(scene)


def test_client_waits_as_long_as_a_refusal_says(tmp_path: Path) -> None:
    async def scene() -> None:
        now, path = [1_000.0], "/api/v3/aggTrades?symbol=BTCUSDT"
        async with running(tmp_path, _plan(), follow=False, weights=Weights(8, lambda: now[0])) as seen:
            rest = client(seen, 1_000, monotonic=lambda: now[0], longest_wait_s=MINUTE_S)
            await rest.get(path)
            await rest.get(path)
            now[0] += 20
            with pytest.raises(ExchangeError, match=r"HTTP 429.*next try in 40 s"):
                await rest.get(path)
            now[0] += 39.9
            began = asyncio.get_running_loop().time()
            waiting = asyncio.create_task(rest.get(path))
            await asyncio.sleep(0)  # it waits by now
            now[0] += 0.1
            await waiting
            assert asyncio.get_running_loop().time() - began >= 0.09
            await rest.close()

    play(scene)


def test_exchange_resumed_prints_what_it_would_have_printed(tmp_path: Path) -> None:
    async def scene() -> None:
        plan = _plan()
        async with running(tmp_path / "whole", plan) as seen:
            await until(lambda: _both_ended(seen))
        async with running(tmp_path / "cut", plan) as first:
            await until(lambda: first.engine.trades > 300)
        stood = first.engine.trades
        async with running(tmp_path / "cut", plan, resume=True) as second:
            assert second.engine.trades == stood
            await until(lambda: _both_ended(second))
        assert list(read_tape(tmp_path / "cut")) == list(read_tape(tmp_path / "whole"))
        assert _trades(second) == {(row.native_symbol, row.trade_id) for row in list(read_tape(tmp_path / "cut"))[stood:]}
        assert (tmp_path / "cut" / "truth.json").read_bytes() == (tmp_path / "whole" / "truth.json").read_bytes()

    play(scene)


def test_exchange_resume_after_a_kill_drops_what_was_not_saved(tmp_path: Path) -> None:
    async def scene() -> None:
        plan = _plan()
        async with running(tmp_path, plan) as seen:
            await until(lambda: seen.engine.trades > 300)
            seen.engine.save()
        with (tmp_path / "tape.ndjson.zst").open("ab") as tape:
            tape.write(b"\x28\xb5\x2f\xfdhalf a frame")
        async with running(tmp_path, plan, resume=True) as again:
            await until(lambda: _both_ended(again))
        rows = list(read_tape(tmp_path))
        assert len(rows) == again.engine.trades == len({(row.native_symbol, row.trade_id) for row in rows})

    play(scene)


def test_exchange_catches_up_with_the_wall_clock_then_keeps_to_it(tmp_path: Path) -> None:
    async def scene() -> None:
        plan = _plan(pace="catchup", minutes=10)
        wall = [to_us(plan.start) / 1e6 + 30.0]
        async with running(tmp_path, plan, wall=lambda: wall[0]) as seen:
            await until(lambda: seen.engine.market_us == int(wall[0] * 1e6))
            wall[0] += 0.25
            await until(lambda: seen.engine.market_us == int(wall[0] * 1e6))
            assert all(frame["data"]["E"] <= wall[0] * 1000 for frame in seen.binance)

    play(scene)


def test_exchange_tells_how_it_is(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan()) as seen:
            keeper = asyncio.create_task(seen.engine.keep())
            await until(lambda: _both_ended(seen))
            await until(lambda: (status.read(tmp_path, "exchange") or {}).get("phase") == "ended")
            told = status.read(tmp_path, "exchange")
            keeper.cancel()
        assert told is not None
        assert told["connections"] == {"binance": 1, "coinbase": 1}
        assert told["trades"] == seen.engine.trades
        assert told["market_time"] == "2026-01-15T12:02:10Z"

    play(scene)


def test_exchange_port_in_use_is_explained(tmp_path: Path) -> None:
    async def scene() -> None:
        async with running(tmp_path, _plan(), follow=False) as seen:
            with pytest.raises(SetupError, match=r"exchanges\.binance\.ws"):
                await seen.engine.venues[0].start(seen.ports["binance"])

    play(scene)


def test_exchange_without_a_past_cannot_resume(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="start it anew"):
        Engine(_plan(), tmp_path, resume=True)
