"""`ctc query SQL`: the lake's tables on stdout, as a table, JSON or CSV."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal, TextIO

import msgspec
import pyarrow as pa
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ctc.aws.query import LakeReader, check_read_only
from ctc.settings import load_state

Format = Literal["table", "json", "csv"]
WIDEST = 48  # characters of one cell on screen
_AROUND = 5  # lines of a screen that the table's frame and the prompt take


def query(sql: str, format: Format, state: Path) -> None:
    """Print the answer; what is not data goes to stderr. Raises ConfigError or LakeError."""
    check_read_only(sql)
    reader = LakeReader(load_state(state))
    try:
        show(reader.query(sql), format)
    finally:
        reader.close()


def show(rows: pa.Table, format: Format, out: TextIO | None = None) -> None:
    """Write rows in one of the formats; decimals keep every digit, times are ISO with Z."""
    out = out or sys.stdout
    if format == "json":
        _json(rows, out)
    elif format == "csv":
        _csv(rows, out)
    else:
        _table(rows, Console(file=out), Console(stderr=True))


def _rows(rows: pa.Table) -> Iterator[tuple[Any, ...]]:
    for batch in rows.to_batches(max_chunksize=4096):
        yield from zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _json(rows: pa.Table, out: TextIO) -> None:
    """A JSON array with one row a line."""
    out.write("[")
    for index, row in enumerate(_rows(rows)):
        out.write(",\n" if index else "\n")
        out.write(msgspec.json.encode(_exact(dict(zip(rows.column_names, row, strict=True)))).decode())
    out.write("\n]\n" if rows.num_rows else "]\n")


def _csv(rows: pa.Table, out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(rows.column_names)
    writer.writerows([_text(value) for value in row] for row in _rows(rows))


def _table(rows: pa.Table, screen: Console, notes: Console) -> None:
    """As much as the terminal holds, and a word about the rest."""
    height = max(screen.size.height - _AROUND, 5)
    shown = rows.slice(0, height)
    cells = [[_text(value) for value in row] for row in _rows(shown)]
    widths = [min(max(map(len, column)), WIDEST) + 3 for column in zip(rows.column_names, *cells, strict=True)]
    columns = _fitting(widths, screen.size.width - 1)
    table = RichTable()
    for name, kind in zip(rows.column_names[:columns], rows.schema.types, strict=False):
        table.add_column(name, no_wrap=True, overflow="ellipsis", justify="right" if _numeric(kind) else "left")
    for row in cells:
        table.add_row(*(Text(text[: 4 * WIDEST].replace("\n", " ")) for text in row[:columns]))
    screen.print(table)
    if hidden := rows.num_rows - shown.num_rows:
        notes.print(f"{hidden:,} more rows; --format json or csv gives all {rows.num_rows:,}")
    if left := rows.column_names[columns:]:
        notes.print(f"{len(left)} columns did not fit: {', '.join(left)}")


def _fitting(widths: list[int], room: int) -> int:
    """How many columns, from the left, fit; at least one."""
    used = 0
    for index, width in enumerate(widths):
        used += width
        if used > room and index:
            return index
    return len(widths)


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _exact(value: Any) -> Any:
    """The value for a JSON encoder: a decimal as a number of all its digits, without an exponent."""
    match value:
        case Decimal():
            return msgspec.Raw(_plain(value).encode())
        case datetime():
            return _moment(value)
        case dict():
            return {key: _exact(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_exact(inner) for inner in value]
    return value


def _text(value: Any) -> str:
    match value:
        case None:
            return ""
        case Decimal():
            return _plain(value)
        case datetime():
            return _moment(value)
        case date():
            return value.isoformat()
        case bool():
            return str(value).lower()
        case dict() | list():
            return msgspec.json.encode(_exact(value)).decode()
    return str(value)


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
