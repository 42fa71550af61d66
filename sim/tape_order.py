"""Trades in the order of their keys, in flat memory: DuckDB sorts them, on disk where they are many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from itertools import islice
from pathlib import Path

import duckdb
import pyarrow as pa

from ctc.model import from_us, to_us
from sim.compare import TapeTrade

PART = 20_000
MEMORY = "256MB"
_COLUMNS = pa.schema(
    [
        ("market", pa.int32()),
        ("trade_id", pa.int64()),
        *((name, pa.string()) for name in ("price", "quantity", "side")),  # amounts as text: every digit, however many
        ("us", pa.int64()),
    ]
)
Market = tuple[str, str, str]


def in_order(trades: Iterable[TapeTrade], folder: Path) -> Iterator[TapeTrade]:
    """The same trades, ascending by key; equal keys in no order. Its files are the caller's to remove.

    Market by market, so that only numbers are sorted: 48 s, not 75, for 9.3 million (of a crash in here tells docs/REPLAY.md).
    """
    markets: dict[Market, int] = {}
    with duckdb.connect(folder / "tape.duckdb", config={"memory_limit": MEMORY, "temp_directory": str(folder)}) as store:
        store.from_arrow(_COLUMNS.empty_table()).create("tape")
        source = iter(trades)
        while part := list(islice(source, PART)):
            store.from_arrow(_table(part, markets)).insert_into("tape")
        for market in sorted(markets):
            own = store.execute("select * exclude (market) from tape where market = ? order by trade_id", [markets[market]])
            for batch in own.to_arrow_reader(PART):
                for number, price, quantity, side, us in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                    yield TapeTrade(*market, number, Decimal(price), Decimal(quantity), side, from_us(us))


def _table(part: list[TapeTrade], markets: dict[Market, int]) -> pa.Table:
    *key, numbers, prices, quantities, sides, moments = zip(*part, strict=True)
    own = [markets.setdefault(market, len(markets)) for market in zip(*key, strict=True)]
    return pa.table([own, numbers, map(str, prices), map(str, quantities), sides, map(to_us, moments)], schema=_COLUMNS)
