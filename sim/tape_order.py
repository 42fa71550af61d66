"""Trades in the order of their keys, in flat memory: sorted runs on disk, merged as they are read (an external merge sort)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from heapq import merge
from itertools import count, islice
from pathlib import Path

import pyarrow as pa

from ctc.model import from_us, to_us
from sim.compare import TapeTrade

PART = 100_000  # trades a run
CHUNK = 1_000  # trades of a run that are in memory while it is merged
KEY = ("exchange", "native_symbol", "kind", "trade_id")
_COLUMNS = pa.schema(
    [
        *((name, pa.dictionary(pa.int32(), pa.string())) for name in KEY[:3]),
        ("trade_id", pa.int64()),
        *((name, pa.string()) for name in ("price", "quantity", "side")),  # amounts as text: every digit, however many
        ("us", pa.int64()),
    ]
)


def in_order(trades: Iterable[TapeTrade], folder: Path, part: int = PART) -> Iterator[TapeTrade]:
    """The same trades, ascending by key; equal keys in the order in which they came. Its files are the caller's to remove."""
    source = iter(trades)
    runs = []
    for number in count():
        run = sorted(islice(source, part), key=_key)
        if not run:
            break
        runs.append(folder / f"run-{number}.arrow")
        with pa.ipc.new_file(runs[-1], _COLUMNS) as file:
            file.write_table(_table(run), CHUNK)
    with ExitStack() as opened:
        files = [opened.enter_context(pa.ipc.open_file(opened.enter_context(pa.OSFile(str(path))))) for path in runs]
        yield from merge(*map(_trades, files), key=_key)


def _key(trade: TapeTrade) -> tuple[str, str, str, int]:
    return trade[:4]


def _table(run: list[TapeTrade]) -> pa.Table:
    *key, prices, quantities, sides, moments = zip(*run, strict=True)
    return pa.table([*key, map(str, prices), map(str, quantities), sides, map(to_us, moments)], schema=_COLUMNS)


def _trades(file: pa.ipc.RecordBatchFileReader) -> Iterator[TapeTrade]:
    for number in range(file.num_record_batches):
        columns = (column.to_pylist() for column in file.get_batch(number).columns)
        for exchange, native, kind, trade_id, price, quantity, side, us in zip(*columns, strict=True):
            yield TapeTrade(exchange, native, kind, trade_id, Decimal(price), Decimal(quantity), side, from_us(us))
