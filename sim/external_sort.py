"""Rows of Arrow in order, in flat memory: sorted runs on disk, merged as they are read (an external merge sort).

DuckDB's own sort is not used where there are millions: over the text columns of a day's 4 million trades it asks for more than 1 GB,
and reading a day's 9.3 million back from its file crashed the process (1.5.5).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from heapq import merge
from operator import itemgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa

RUN = 200_000  # rows that are sorted at once
CHUNK = 500  # rows of a run that are in memory while it is merged
_OPTIONS = pa.ipc.IpcWriteOptions(compression="lz4")
Batches = Iterable[pa.RecordBatch]


def in_order(batches: Batches, keys: Sequence[str], folder: Path, run: int = RUN) -> Iterator[tuple[Any, ...]]:
    """The rows as tuples of their columns, ascending by two or more keys that are never null; equal ones in no order.

    All batches are of one schema. Runs lie in `folder` meanwhile.
    """
    with ExitStack() as opened:
        place = Path(opened.enter_context(TemporaryDirectory(prefix="runs-", dir=folder)))
        paths = [_write(table, keys, place / f"{number}.arrow") for number, table in enumerate(_tables(batches, run))]
        if not paths:
            return
        files = [opened.enter_context(pa.ipc.open_file(opened.enter_context(pa.OSFile(str(path))))) for path in paths]
        yield from merge(*map(_rows, files), key=itemgetter(*map(files[0].schema.names.index, keys)))


def _tables(batches: Batches, size: int) -> Iterator[pa.Table]:
    held, rows = list[pa.RecordBatch](), 0
    for batch in batches:
        held.append(batch)
        rows += batch.num_rows
        if rows >= size:
            yield pa.Table.from_batches(held)
            held, rows = [], 0
    if rows:
        yield pa.Table.from_batches(held)


def _write(table: pa.Table, keys: Sequence[str], path: Path) -> Path:
    with pa.ipc.new_file(path, table.schema, options=_OPTIONS) as file:
        file.write_table(table.sort_by([(key, "ascending") for key in keys]), CHUNK)
    return path


def _rows(file: pa.ipc.RecordBatchFileReader) -> Iterator[tuple[Any, ...]]:
    for number in range(file.num_record_batches):
        yield from zip(*(column.to_pylist() for column in file.get_batch(number).columns), strict=True)
