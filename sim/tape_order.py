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
        *((name, pa.string()) for name in ("exchange", "native_symbol", "kind")),
        ("trade_id", pa.int64()),
        *((name, pa.string()) for name in ("price", "quantity", "side")),  # amounts as text: every digit, however many
        ("us", pa.int64()),
    ]
)


def in_order(trades: Iterable[TapeTrade], folder: Path) -> Iterator[TapeTrade]:
    """The same trades, ascending by key; equal keys in no order. Its files are the caller's to remove."""
    with duckdb.connect(folder / "tape.duckdb", config={"memory_limit": MEMORY, "temp_directory": str(folder)}) as store:
        store.from_arrow(_COLUMNS.empty_table()).create("tape")
        source = iter(trades)
        while part := list(islice(source, PART)):
            store.from_arrow(_table(part)).insert_into("tape")
        for batch in store.execute("select * from tape order by exchange, native_symbol, kind, trade_id").to_arrow_reader(PART):
            for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
                exchange, native, kind, number, price, quantity, side, us = row
                yield TapeTrade(exchange, native, kind, number, Decimal(price), Decimal(quantity), side, from_us(us))


def _table(part: list[TapeTrade]) -> pa.Table:
    *key, prices, quantities, sides, moments = zip(*part, strict=True)
    return pa.table([*key, map(str, prices), map(str, quantities), sides, map(to_us, moments)], schema=_COLUMNS)
