"""`ctc gaps` over the lake's ledger: many batches' ranges as they stand now."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest

from ctc.arrow import arrow_schema
from ctc.aws.lakehouse import TableAppender, create_tables
from ctc.cli.gaps import COLUMNS, ledger
from ctc.schema import GAPS
from ctc.settings import Settings

START = datetime(2026, 1, 15, 12, tzinfo=UTC)


def row(
    state: str, first: int, last: int, *, native: str = "BTCUSDT", symbol: str = "BTC-USDT", trades: int | None = None
) -> dict[str, object]:
    return {
        "symbol": symbol,
        "exchange": "binance",
        "market": "spot",
        "native_symbol": native,
        "kind": "aggTrade",
        "state": state,
        "first_id": first,
        "last_id": last,
        "trades": last - first + 1 if trades is None else trades,
        "started_at": START + timedelta(seconds=first),
        "ended_at": START + timedelta(seconds=last),
    }


@pytest.mark.emulator
def test_ledger_joins_batches_and_takes_what_came_after_all_off_the_lost(emulator: Settings) -> None:
    create_tables(emulator)
    appender = TableAppender(emulator)
    rows = [
        *(row("received", first, first + 9) for first in range(1, 1001, 10) if first not in (101, 201, 701)),
        row("lost", 101, 110, trades=0),
        row("lost", 201, 210, trades=0),
        row("backfilled", 203, 205),
        row("natural", 206, 206, trades=0),
        row("halted", 500, 501, trades=0),
        row("received", 7, 9, native="ETHUSDT", symbol="ETH-USDT"),
    ]
    random.Random(1).shuffle(rows)
    for batch in range(0, len(rows), 40):
        table = pa.Table.from_pylist(rows[batch : batch + 40], schema=arrow_schema(GAPS))
        appender.append_once("gaps", table, query="lake", run="r", batch_id=batch)
    found = ledger(emulator, "BTC-USDT")
    picked = [tuple(line[COLUMNS.index(name)] for name in ("state", "first_id", "last_id", "ids", "trades")) for line in found]
    assert picked == [
        ("received", 1, 100, 100, 100),
        ("lost", 101, 110, 10, 0),
        ("received", 111, 200, 90, 90),
        ("lost", 201, 202, 2, 0),
        ("backfilled", 203, 205, 3, 3),
        ("natural", 206, 206, 1, 0),
        ("lost", 207, 210, 4, 0),  # what never was is lost no more
        ("received", 211, 700, 490, 490),
        ("halted", 500, 501, 0, 0),
        ("open", 701, 710, 10, 0),
        ("received", 711, 1000, 290, 290),
    ]
    first = found[0]
    assert (first[COLUMNS.index("started_at")], first[COLUMNS.index("ended_at")]) == (
        START + timedelta(seconds=1),
        START + timedelta(seconds=100),
    )
    assert [line[0] for line in ledger(emulator)].count("ETH-USDT") == 1
