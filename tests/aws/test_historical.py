"""Files of past trades and their partitions in Glue, on the emulator."""

from __future__ import annotations

import msgspec
import pytest
from fakes_exchange import BASE_MS, row_up
from past import serving

from ctc.aws.clients import client
from ctc.aws.historical import TABLE, HistoryShelf, register
from ctc.aws.lakehouse import create_tables
from ctc.aws.load import Wanted, load_history
from ctc.exchanges import HISTORIES, exchange
from ctc.model import Trade
from ctc.settings import Settings
from ctc.sources.past import Market, Progress

pytestmark = pytest.mark.emulator
DAY_MS = 86_400_000
DAYS = {1: "2023-11-14", 2: "2023-11-15", 3: "2023-11-16"}  # one trade each, by id
MARKET = Market("binance", "spot", "BTC-USDT", "BTCUSDT", "aggTrade")


def trades() -> list[Trade]:
    history = HISTORIES["binance"](exchange("binance", {"BTCUSDT": "BTC-USDT"}))
    page = [row_up(number, (number - 1) * DAY_MS) for number in DAYS]
    return history.trades(msgspec.json.encode(page), "BTCUSDT", "aggTrade", None)


def registered(settings: Settings) -> list[tuple[str, ...]]:
    found = client("glue", settings).get_partitions(DatabaseName=settings.lake.database, TableName=TABLE)["Partitions"]
    return sorted(tuple(each["Values"]) for each in found)


@pytest.mark.parametrize("noted", [True, False])
def test_days_of_a_process_that_died_before_it_registered_them_are_registered_by_the_next(emulator: Settings, noted: bool) -> None:
    create_tables(emulator)
    dead, progress = HistoryShelf(emulator), Progress()
    dead.put(MARKET, 1, trades()[:2])
    if noted:
        progress.done.add(1, 2)
        dead.note(MARKET, progress)
    with serving(emulator, {"BTCUSDT": {number: BASE_MS + (number - 1) * DAY_MS for number in DAYS}}) as settings:
        wanted = Wanted(exchanges=("binance",), symbols=("BTC-USDT",), first=1, last=3)
        (loaded,) = load_history(settings, wanted, lambda _: None)
        assert (loaded.known, loaded.trades) == ((2, 1) if noted else (0, 3))
        assert registered(settings) == [("BTC-USDT", day) for day in DAYS.values()]
        load_history(settings, wanted, lambda _: None)
        assert registered(settings) == [("BTC-USDT", day) for day in DAYS.values()]


def test_only_what_is_not_registered_is_registered(emulator: Settings) -> None:
    create_tables(emulator)
    assert register(emulator) == 0
    HistoryShelf(emulator).put(MARKET, 1, trades()[:1])
    assert register(emulator) == 1
    HistoryShelf(emulator).put(MARKET, 1, trades())
    assert register(emulator) == 2
    assert register(emulator) == 0
    assert registered(emulator) == [("BTC-USDT", day) for day in DAYS.values()]
