"""`ctc query SQL`: the lake's tables on stdout, as a table, JSON or CSV."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, TextIO

import pyarrow as pa

from ctc.aws.query import LakeReader
from ctc.cli.options import Format
from ctc.cli.output import write
from ctc.settings import Settings


def query(sql: str, format: Format, settings: Settings) -> None:
    """Print the answer; what is not data goes to stderr. Raises ConfigError or LakeError."""
    reader = LakeReader(settings)
    try:
        show(reader.query(sql), format)
    finally:
        reader.close()


def list_named(format: Format) -> None:
    """Print the named queries."""
    from ctc.aws.named import names

    rows = list(names().items())
    write(("name", "what it answers"), rows, format, count=len(rows))


def query_named(
    name: str, since: datetime | None, snapshot: int | None, as_of: datetime | None, format: Format, settings: Settings
) -> None:
    """Print a named query's answer. Raises ConfigError or LakeError."""
    from ctc.aws.named import NamedReader, Values

    reader = NamedReader(settings)
    try:
        show(reader.ask(name, Values(since=since, snapshot=snapshot, moment=as_of)), format)
    finally:
        reader.close()


def show(rows: pa.Table, format: Format, out: TextIO | None = None) -> None:
    """Write a table of Arrow in one of the formats."""
    write(rows.column_names, _rows(rows), format, count=rows.num_rows, out=out)


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in rows.to_batches(max_chunksize=4096):
        yield from zip(*map(_values, batch.columns), strict=True)


def _values(column: pa.Array) -> list[Any]:
    """The column in Python. For times with a zone Arrow imports pandas, a quarter of the command's CPU; the reader's are all of UTC."""
    if not pa.types.is_timestamp(column.type) or column.type.tz != "UTC":
        return list(column.to_pylist())
    moments: list[datetime | None] = column.view(pa.timestamp(column.type.unit)).to_pylist()
    return [moment and moment.replace(tzinfo=UTC) for moment in moments]
