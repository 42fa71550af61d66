"""Id ranges over REST, both exchanges' ways: whole, or with what is left and why."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from fakes_exchange import BASE_MS, FakeExchange, run

from ctc.exchanges import HISTORIES, exchange
from ctc.model import from_us
from ctc.settings import load_profile
from ctc.sources.history import HistoryClient

NATIVES = {"binance": "BTCUSDT", "coinbase": "BTC-USD"}
NAMES = sorted(NATIVES)


def client(server: FakeExchange, name: str, **settings: object) -> HistoryClient:
    own = msgspec.structs.replace(load_profile("sim").exchanges[name], rest=server.rest, rest_per_s=1000, **settings)
    return HistoryClient(HISTORIES[name](exchange(name)), own, received=lambda: None)


def ids(filled) -> list[int]:
    return [trade.trade_id for trade in filled.trades]


@pytest.mark.parametrize("name", NAMES)
def test_fill_pages_through_a_range_and_to_the_newest(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: number for number in range(1, 3501)}
            asked = client(server, name)
            middle = await asked.fill(NATIVES[name], 100, 2600)
            newest = await asked.fill(NATIVES[name], 2001, None)
            nothing = await asked.fill(NATIVES[name], 3501, None)
            await asked.close()
        assert ids(middle) == list(range(100, 2601))
        assert ids(newest) == list(range(2001, 3501))
        assert all(trade.is_backfilled and trade.raw_event_payload.startswith("{") for trade in middle.trades)
        assert [(filled.holes, filled.left, filled.trouble) for filled in (middle, newest, nothing)] == [([], [], "")] * 3
        assert ids(nothing) == []

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_hole_is_natural_only_between_ids_that_the_exchange_shows(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: number for number in (1, 2, 5, 6, 9)}
            asked = client(server, name)
            between = await asked.fill(NATIVES[name], 2, 8)
            late = await asked.fill(NATIVES[name], 7, 12)
            await asked.close()
        assert (ids(between), between.holes, between.left) == ([2, 5, 6], [(3, 4), (7, 8)], [])
        assert (ids(late), late.holes, late.left) == ([9], [(7, 8)], [(10, 12)])
        assert "does not show them yet" in late.trouble

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_refusal_leaves_what_was_not_read_and_is_not_hammered(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: number for number in range(1, 10)}
            server.refusals = [(429, {})]
            asked = client(server, name)
            refused = await asked.fill(NATIVES[name], 2, 5)
            again = await asked.fill(NATIVES[name], 2, 5)
            await asked.close()
        assert refused.left == again.left == [(2, 5)]
        assert "HTTP 429" in refused.trouble
        assert "asked for no requests for another" in again.trouble
        assert asked.requests == 1  # the second was not even made

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_gap_past_the_bound_is_filled_in_parts(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: number for number in range(1, 6001)}
            asked = client(server, name, fill_max_trades=2000)
            have: set[int] = set()
            left: list[tuple[int, int | None]] = [(10, 5500)]
            rounds = 0
            while left:
                filled = await asked.fill(NATIVES[name], *left.pop())
                have |= set(ids(filled))
                left += filled.left
                rounds += 1
            await asked.close()
        assert have == set(range(10, 5501))
        assert 2 <= rounds <= 4

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_market_without_an_id_is_read_from_a_time_on(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: 10 * number for number in range(1, 2500)}
            asked = client(server, name)
            found = await asked.since(NATIVES[name], from_us((BASE_MS + 1000) * 1000))
            await asked.close()
        assert ids(found) == list(range(100, 2500))
        assert found.trouble == ""

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_page_that_is_none_is_trouble_in_words(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            asked = client(server, name)
            server._rest = lambda target: _answer(b'{"message": "maintenance"}')
            found = await asked.fill(NATIVES[name], 1, 5)
            await asked.close()
        assert found.left == [(1, 5)]
        assert "not a page of trades" in found.trouble

    def _answer(body: bytes):
        from http import HTTPStatus

        from websockets.datastructures import Headers
        from websockets.http11 import Response

        return Response(200, HTTPStatus.OK.phrase, Headers({"Content-Length": str(len(body)), "Connection": "close"}), body)

    run(test())


def test_requests_keep_their_distance() -> None:
    times: list[float] = []

    async def test() -> None:
        async with FakeExchange() as server:
            server.history["BTCUSDT"] = {number: number for number in range(1, 10)}
            own = msgspec.structs.replace(load_profile("sim").exchanges["binance"], rest=server.rest, rest_per_s=50)
            asked = HistoryClient(HISTORIES["binance"](exchange("binance")), own, received=lambda: None)
            loop = asyncio.get_running_loop()
            began = loop.time()
            await asyncio.gather(*(asked.fill("BTCUSDT", 1, 3) for _ in range(6)))
            times.append(loop.time() - began)
            await asked.close()

    run(test())
    assert times[0] >= 5 / 50


def test_kind_without_a_history_by_time_says_so() -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            asked = client(server, "binance", kind="trade")
            found = await asked.since("BTCUSDT", from_us(BASE_MS * 1000))
            await asked.close()
        assert found.trades == []
        assert "binance has no trade history by time" in found.trouble

    run(test())


def test_market_that_trades_as_fast_as_its_pages_come_is_read_to_a_time_and_no_further() -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history["BTCUSDT"] = {number: number for number in range(1, 8001)}  # eight full pages, and it may go on for ever
            asked = client(server, "binance")
            until = from_us((BASE_MS + 1500) * 1000)
            by_id = await asked.fill("BTCUSDT", 1, None, until)
            by_time = await asked.since("BTCUSDT", from_us(BASE_MS * 1000), until)
            await asked.close()
        assert ids(by_id) == ids(by_time) == list(range(1, 2001))  # whole pages
        assert (by_id.holes, by_id.left, by_id.trouble) == ([], [], "")
        assert asked.requests == 4

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_what_is_newer_by_little_costs_a_page_and_what_is_newer_by_more_is_left_to_its_ids(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: number for number in range(1, 5001)}
            asked = client(server, name)
            little = await asked.recent(NATIVES[name], 4500, from_us((BASE_MS + 5000) * 1000))
            assert (ids(little), asked.requests) == (list(range(4500, 5001)), 1)
            far = await asked.recent(NATIVES[name], 10, from_us((BASE_MS + 50) * 1000))
            assert (bool(ids(far)), asked.requests) == (name == "binance", 2)
            await asked.close()

    run(test())


@pytest.mark.parametrize("name", NAMES)
def test_holes_that_follow_each_other_cost_one_page(name: str) -> None:
    async def test() -> None:
        async with FakeExchange() as server:
            server.history[NATIVES[name]] = {number: number for number in range(1, 5001) if number != 1500}
            asked = client(server, name)
            found = [await asked.fill(NATIVES[name], first, first + 1) for first in range(1000, 1900, 20)]
            assert [ids(filled) for filled in found] == [
                [number for number in (first, first + 1) if number != 1500] for first in range(1000, 1900, 20)
            ]
            assert [filled.holes for filled in found if filled.holes] == [[(1500, 1500)]]
            assert not any(filled.left or filled.trouble for filled in found)
            assert asked.requests == 1
            beyond = await asked.fill(NATIVES[name], 2500, 2500)  # not in that page
            assert (ids(beyond), asked.requests) == ([2500], 2)
            await asked.close()

    run(test())
