"""Past trades onto a shelf: whole, once, resumable where a process died, and patient with an exchange that refuses."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import msgspec
import pytest
from fakes_exchange import BASE_MS, FakeExchange, run

from ctc.errors import ExchangeError
from ctc.exchanges import HISTORIES, exchange
from ctc.model import Trade, from_us
from ctc.settings import load_profile
from ctc.sources.history import HistoryClient
from ctc.sources.past import Market, Progress, ids_between, load, pieces

MARKETS = {
    "binance": Market("binance", "spot", "BTC-USDT", "BTCUSDT", "aggTrade"),
    "coinbase": Market("coinbase", "spot", "BTC-USDT", "BTC-USD", "match"),
}
SYMBOLS = frozenset({"BTC-USDT"})
NAMES = sorted(MARKETS)


class Memory:
    """A shelf whose process dies after so many calls."""

    def __init__(self) -> None:
        self.pieces: dict[int, list[Trade]] = {}
        self.kept = Progress()
        self.dies_after = 1 << 30

    def _call(self) -> None:
        self.dies_after -= 1
        if self.dies_after < 0:
            raise KeyboardInterrupt

    def progress(self, market: Market) -> Progress:
        return msgspec.msgpack.decode(msgspec.msgpack.encode(self.kept), type=Progress)

    def put(self, market: Market, first: int, trades: Sequence[Trade]) -> None:
        self._call()
        self.pieces[first] = list(trades)

    def note(self, market: Market, progress: Progress) -> None:
        self._call()
        self.kept = msgspec.msgpack.decode(msgspec.msgpack.encode(progress), type=Progress)

    def ids(self) -> list[int]:
        return sorted(trade.trade_id for some in self.pieces.values() for trade in some)


def client(server: FakeExchange, name: str) -> HistoryClient:
    profile = load_profile("sim")
    own = msgspec.structs.replace(profile.exchanges[name], rest=server.rest, rest_per_s=10_000)
    canonical = {native: symbol for symbol, native in own.symbols.items()}
    return HistoryClient(HISTORIES[name](exchange(name, canonical)), own, received=lambda: from_us(BASE_MS * 1000 + 10**9))


def say(_: str) -> None:
    """Nobody listens."""


@pytest.mark.parametrize("name", NAMES)
def test_range_is_loaded_once_also_where_the_process_died(name: str) -> None:
    async def test() -> None:
        market, shelf = MARKETS[name], Memory()
        async with FakeExchange() as server:
            server.history[market.native] = {number: number for number in range(1, 45_001) if number % 7_000}
            for dies_after in (1, 2, 3, 1 << 30):
                asked = client(server, name)
                shelf.dies_after = dies_after
                try:
                    await load(asked, shelf, market, 10, 44_000, SYMBOLS, say)
                except KeyboardInterrupt:
                    continue
                finally:
                    await asked.close()
            before = len(server.asked)
            again = client(server, name)
            done = await load(again, shelf, market, 10, 44_000, SYMBOLS, say)
            await again.close()
        assert shelf.ids() == [number for number in range(10, 44_001) if number % 7_000]
        assert done.trades == done.requests == len(server.asked) - before == 0
        assert sorted(shelf.kept.holes) == [(number, number) for number in range(7_000, 44_000, 7_000)]
        assert all(trade.is_backfilled and trade.symbol == "BTC-USDT" for some in shelf.pieces.values() for trade in some)

    run(test(), 240)


@pytest.mark.parametrize("name", NAMES)
def test_times_become_ids(name: str) -> None:
    async def test() -> None:
        market = MARKETS[name]
        start = from_us(BASE_MS * 1000)
        async with FakeExchange() as server:
            server.history[market.native] = {number: number * 10 for number in range(500, 9_001) if not 3_000 < number < 3_400}
            asked = client(server, name)
            for since, until, wanted in (
                (5_000, None, (500, 9_000)),
                (20_000, 30_000, (2_000, 2_999)),
                (20_001, 30_001, (2_001, 3_399)),
                (89_995, None, (9_000, 9_000)),
                (90_001, None, None),
            ):
                moments = [None if ms is None else start + timedelta(milliseconds=ms) for ms in (since, until)]
                assert await ids_between(asked, market.native, *moments) == wanted, (since, until)
            await asked.close()

    run(test())


def test_exchange_that_does_not_give_them_is_an_error_that_says_what_to_do() -> None:
    async def test() -> None:
        market, shelf = MARKETS["binance"], Memory()
        async with FakeExchange() as server:
            server.history[market.native] = {number: number for number in range(1, 100)}
            asked = client(server, "binance")
            with pytest.raises(ExchangeError, match="ids 100 to 150 can't be had"):
                await load(asked, shelf, market, 1, 150, SYMBOLS, say)
            await asked.close()
        assert shelf.kept.done.starts == []

    run(test())


def test_pieces_are_cut_at_the_same_ids_whoever_asks() -> None:
    assert list(pieces(5, 45_000)) == [(5, 19_999), (20_000, 39_999), (40_000, 45_000)]
    assert list(pieces(20_000, 39_999)) == [(20_000, 39_999)]
    assert list(pieces(5, 4)) == []
