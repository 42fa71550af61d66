"""Rows on stdout, as a table, JSON or CSV: decimals keep every digit, times are ISO with Z."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import Any, TextIO

import msgspec
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ctc.cli.options import Format

WIDEST = 48  # characters of one cell on screen
_AROUND = 5  # lines of a screen that the table's frame and the prompt take
Row = Sequence[Any]


def write(names: Sequence[str], rows: Iterable[Row], format: Format, *, count: int, out: TextIO | None = None) -> None:
    """Write `count` rows; what is not data, such as what did not fit on the screen, goes to stderr."""
    out = out or sys.stdout
    if format == "json":
        _json(names, rows, out)
    elif format == "csv":
        _csv(names, rows, out)
    else:
        _table(names, rows, count, Console(file=out), Console(stderr=True))


def _json(names: Sequence[str], rows: Iterable[Row], out: TextIO) -> None:
    """A JSON array with one row a line."""
    out.write("[")
    index = -1
    for index, row in enumerate(rows):
        out.write(",\n" if index else "\n")
        out.write(msgspec.json.encode(_exact(dict(zip(names, row, strict=True)))).decode())
    out.write("\n]\n" if index >= 0 else "]\n")


def _csv(names: Sequence[str], rows: Iterable[Row], out: TextIO) -> None:
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([_text(value) for value in row] for row in rows)


def _table(names: Sequence[str], rows: Iterable[Row], count: int, screen: Console, notes: Console) -> None:
    """As much as the terminal holds, and a word about the rest."""
    shown = list(islice(rows, max(screen.size.height - _AROUND, 5)))
    cells = [[_text(value) for value in row] for row in shown]
    widths = [min(max(map(len, column)), WIDEST) + 3 for column in zip(names, *cells, strict=True)]
    columns = _fitting(widths, screen.size.width - 1)
    table = RichTable()
    for index, name in enumerate(names[:columns]):
        numbers = all(_numeric(row[index]) for row in shown)
        table.add_column(name, no_wrap=True, overflow="ellipsis", justify="right" if numbers else "left")
    for row in cells:
        table.add_row(*(Text(text[: 4 * WIDEST].replace("\n", " ")) for text in row[:columns]))
    screen.print(table)
    if hidden := count - len(shown):
        notes.print(f"{hidden:,} more rows; --format json or csv gives all {count:,}")
    if left := names[columns:]:
        notes.print(f"{len(left)} columns did not fit: {', '.join(left)}")


def _fitting(widths: list[int], room: int) -> int:
    """How many columns, from the left, fit; at least one."""
    used = 0
    for index, width in enumerate(widths):
        used += width
        if used > room and index:
            return index
    return len(widths)


def _numeric(value: Any) -> bool:
    return value is None or (isinstance(value, int | float | Decimal) and not isinstance(value, bool))


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
