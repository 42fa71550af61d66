"""What the job `history` tells the ledger stands in both copies of it, and once: the half of the job that needs no JVM."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from fakes_hot import MemoryMetrics
from streamed import ask, settings_for

from ctc.arrow import arrow_schema
from ctc.aws import hot
from ctc.aws.historical import HistoryShelf
from ctc.aws.lakehouse import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.schema import GAPS
from ctc.settings import Settings
from ctc.sources.past import Market, Progress
from ctc.spark.historical import tell_hot, tell_natural

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
SPACE = "binance|spot|BTCUSDT|aggTrade"


def test_rows_of_the_ledger_are_told_as_they_are() -> None:
    exchange, market, native, kind = SPACE.split("|")
    names = {"symbol": "BTC-USDT", "exchange": exchange, "market": market, "native_symbol": native, "kind": kind}
    row = {**names, "state": "backfilled", "first_id": 5, "last_id": 8, "trades": 4, "started_at": AT, "ended_at": AT}
    metrics = MemoryMetrics()
    tell_hot(metrics, "history#run", pa.Table.from_pylist([row, {**row, "symbol": "ETH-USDT"}], schema=arrow_schema(GAPS)))
    for symbol in ("BTC-USDT", "ETH-USDT"):
        found = metrics.ledger(symbol)
        assert found is not None
        (span,) = found.spaces[SPACE].noted
        assert (span.state, span.first_id, span.last_id, span.trades, span.started_at) == ("backfilled", 5, 8, 4, AT)


@pytest.mark.emulator
def test_holes_of_the_history_are_natural_in_both_copies_once(emulator: Settings) -> None:
    settings = settings_for(emulator)
    create_tables(settings)
    hot.create_tables(settings)
    market, holes = Market("binance", "spot", "BTC-USDT", "BTCUSDT", "aggTrade"), [(5, 6), (9, 9)]
    HistoryShelf(settings).note(market, Progress(holes=holes, at=AT))
    assert tell_natural(settings) == 2
    assert tell_natural(settings) == 0
    HistoryShelf(settings).note(market, Progress(holes=[*holes, (20, 22)], at=AT))
    assert tell_natural(settings) == 1
    found = DynamoMetrics(settings).ledger("BTC-USDT")
    assert found is not None
    assert found.spaces[SPACE].ids == {"natural": 6}
    told = ask(settings, "select first_id, last_id from gaps where state = 'natural' order by first_id")
    assert [(row["first_id"], row["last_id"]) for row in told] == [(5, 6), (9, 9), (20, 22)]
    assert [(span.first_id, span.last_id) for span in found.spaces[SPACE].noted] == [(5, 6), (9, 9), (20, 22)]
