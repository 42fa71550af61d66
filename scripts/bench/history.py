"""Pages of past trades to the Parquet pieces of the job `history`, without network and store, beside `json.loads` of the same pages."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from bench.table import Row
from ctc.aws.historical import piece_files
from ctc.exchanges import HISTORIES, exchange
from ctc.exchanges.history import PAGE, TradeHistory
from ctc.settings import Settings, load_profile
from ctc.sources.past import PIECE, Market, by_the_rules
from sim.exchange import binance, coinbase, http
from sim.exchange.history import History
from sim.market import Market as Simulated
from sim.plan import FIXED_START, make_plan

RUNS = 3
SEED, SYMBOL, RATE = 7, "BTC-USDT", 20.0
SIMULATORS = {"binance": binance, "coinbase": coinbase}
Page = tuple[int, bytes]  # its lowest id, and the body


def history(rows: int) -> list[Row]:
    """For each exchange with a history: rows a CPU-second, best of 3."""
    settings = load_profile("sim")
    return [_measured(settings, name, rows) for name in settings.session.exchanges if name in HISTORIES]


def _measured(settings: Settings, name: str, rows: int) -> Row:
    market, reader = market_of(settings, name)
    pages = pages_of(settings, market, reader, rows)
    done = sum(trades for trades, _ in pieces_of(settings, market, reader, pages))

    def load() -> None:
        for _, page in pages:
            json.loads(page)

    pieces, loads = _seconds(lambda: list(pieces_of(settings, market, reader, pages)), load)
    return Row(
        section="history", what=f"{done:,} rows of {name}'s pages to Parquet pieces", value=done / pieces, unit="rows/s",
        beside=f"json.loads of the pages: {done / loads:,.0f} rows/s", ratio=loads / pieces,
    )  # fmt: skip


def market_of(settings: Settings, name: str) -> tuple[Market, TradeHistory]:
    """The exchange's market of `SYMBOL`, and the reader of its pages."""
    own = settings.exchanges[name]
    market = Market(name, own.market, SYMBOL, own.symbols[SYMBOL], own.kind)
    return market, HISTORIES[name](exchange(name, {market.native: SYMBOL}, own.market))


def pieces_of(settings: Settings, market: Market, reader: TradeHistory, pages: list[Page]) -> Iterator[tuple[int, list[bytes]]]:
    """What `ctc.sources.past.load` and its shelf make of the pages, a piece after the other: its trades, and its files."""
    received, each = datetime.now(UTC), PIECE // PAGE
    for start in range(0, len(pages), each):
        some = pages[start : start + each]
        trades = [trade for _, page in some for trade in reader.trades(page, market.native, market.kind, received)]
        kept, _ = by_the_rules(trades, frozenset({market.symbol}))
        yield len(kept), [body for _, _, body in piece_files(market, some[0][0], kept, settings)]


def pages_of(settings: Settings, market: Market, reader: TradeHistory, rows: int) -> list[Page]:
    """The simulated exchange's answers to the requests that the job makes, until they hold so many rows, by ascending ids."""
    answer = _exchange(settings, market, rows)
    number = "a" if market.exchange == "binance" else "trade_id"
    found: list[list[dict[str, Any]]] = []
    path = reader.path(market.native, market.kind, since=FIXED_START)
    while sum(len(page) for page in found) < rows:
        found.append(answer(path or ""))
        ids = [row[number] for row in found[-1]]
        goes_on = {"first": max(ids) + 1} if reader.upward else {"below": min(ids)}
        path = reader.path(market.native, market.kind, **goes_on)
    return sorted((min(row[number] for row in page), msgspec.json.encode(page)) for page in found)


def _exchange(settings: Settings, market: Market, rows: int) -> Callable[[str], list[dict[str, Any]]]:
    """How the simulated exchange answers when its history holds more than so many rows of the market."""
    simulated = Simulated(make_plan(SEED, FIXED_START, None, settings, rate=RATE))
    listed = {item.native: item for item in simulated.listings.values() if item.exchange == market.exchange}
    past, state, held = History(10_000), simulated.first_state(), 0
    while held < rows + PAGE:
        minute, state = simulated.step(state)
        past.add(minute)
        past.position = minute.end_us
        held += len((minute.aggregates if market.kind == "aggTrade" else minute.prints)[listed[market.native].name])
    rest = SIMULATORS[market.exchange].rest
    return lambda target: list(rest(*http.parse(target), listed, past)[1])


def _seconds(*works: Callable[[], object]) -> list[float]:
    """CPU-seconds of each, best of `RUNS`; they take turns, so that a busy moment hits both."""
    best = [float("inf")] * len(works)
    for _ in range(RUNS):
        for index, work in enumerate(works):
            began = time.process_time()
            work()
            best[index] = min(best[index], time.process_time() - began)
    return best
