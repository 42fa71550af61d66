"""Rows on stdout, as a table, JSON or CSV: decimals keep every digit, times are ISO with Z.

`write` takes all rows at once, `Rows` rows that come one by one. A table fits the terminal; into a pipe it goes
whole and without colours, unless COLUMNS says how wide it may be.
"""

from __future__ import annotations

import csv
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

import msgspec

from ctc.cli.options import Format
from ctc.settings import machine

if TYPE_CHECKING:
    from rich.console import Console  # tables alone need what rich brings

WIDEST = 48  # characters of one cell on screen
NARROWEST = 20  # to which a cell of text gives way before a column is left out
COUNTED = 100_000  # rows that are counted beyond the screen's, at most: a second's work where they are read meanwhile
_BETWEEN = 2  # columns
_AROUND = 5  # lines of a screen that the table's head and the prompt take
Row = Sequence[Any]


def write(
    names: Sequence[str],
    rows: Iterable[Row],
    format: Format,
    *,
    out: TextIO | None = None,
    wrap: str | None = None,
) -> None:
    """Write rows; what is not data, such as what did not fit on the screen, goes to stderr.

    In a table the column `wrap` goes on in the next line instead of being cut.
    """
    out = out or sys.stdout
    if format == "json":
        _json(names, rows, out)
    elif format == "csv":
        _csv(names, rows, out)
    else:
        from rich.console import Console

        _table(names, rows, Console(file=out), Console(stderr=True), wrap)


class Rows:
    """Rows as they come, each on its way before the next: a line of JSON, of CSV, or of a table without a frame.

    Times and amounts of a table are the caller's texts; its last column takes what room the terminal has left.
    """

    def __init__(self, names: Sequence[str], widths: Sequence[int], format: Format, out: TextIO | None = None) -> None:
        """A negative width is that of a column of numbers; the last column needs none."""
        from rich.console import Console

        self._names, self._widths, self._format = names, widths, format
        self._out = out or sys.stdout
        self._screen = Console(file=self._out, highlight=False)
        self._begun = False

    def add(self, row: Row, styles: Mapping[str, str] | None = None) -> None:
        """Write one row; `styles` colours columns of a table by name, on a terminal that shows colours."""
        if self._format == "json":
            self._out.write(msgspec.json.encode(_exact(dict(zip(self._names, row, strict=True)))).decode() + "\n")
        elif self._format == "csv":
            self.begin()
            csv.writer(self._out, lineterminator="\n").writerow([_text(value) for value in row])
        else:
            self.begin()
            self._line([_clean(_text(value)) for value in row], styles or {})
        self._out.flush()

    def note(self, text: str, style: str = "") -> None:
        """Write a line of a table that is no row of it."""
        from rich.text import Text

        self._screen.print(Text(_clean(text), style), soft_wrap=True)
        self._out.flush()

    def begin(self) -> None:
        """Write the head of a table or of CSV, once."""
        if self._begun or self._format == "json":
            return
        self._begun = True
        if self._format == "csv":
            csv.writer(self._out, lineterminator="\n").writerow(self._names)
        else:
            self._line(self._names, dict.fromkeys(self._names, "bold"))
        self._out.flush()

    def _line(self, cells: Sequence[str], styles: Mapping[str, str]) -> None:
        from rich.text import Text

        line = Text()
        for name, cell, width in zip(self._names, cells, self._widths, strict=False):
            line.append(cell.rjust(-width) if width < 0 else cell.ljust(width), styles.get(name, "")).append(" " * _BETWEEN)
        room = self._screen.width - line.cell_len if _bounded(self._screen) else 0
        parts = textwrap.wrap(cells[-1], room) if room >= NARROWEST else [cells[-1]]
        line.append(f"\n{' ' * line.cell_len}".join(parts), styles.get(self._names[-1], ""))
        line.rstrip()
        self._screen.print(line, soft_wrap=True)


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


def _table(names: Sequence[str], rows: Iterable[Row], screen: Console, notes: Console, wrap: str | None) -> None:
    """As much as the terminal holds, and a word about the rest; all of it into a pipe."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    bounded = _bounded(screen)
    left = iter(rows)
    shown = list(islice(left, max(screen.size.height - _AROUND, 5))) if bounded else list(left)
    cells = [[_clean(_text(value)[: 4 * WIDEST] if bounded else _text(value)) for value in row] for row in shown]
    numbers = [all(_numeric(row[index]) for row in shown) for index in range(len(names))]
    wanted = [max(map(len, column)) for column in zip(names, *cells, strict=True)]
    widths = _fitting(wanted, numbers, screen.size.width) if bounded else wanted
    table = RichTable(box=SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for name, width, number in zip(names, widths, numbers, strict=False):
        folded, last = name == wrap, len(table.columns) == len(widths) - 1
        table.add_column(
            name,
            no_wrap=not folded,
            overflow="fold" if folded else "ellipsis",
            justify="right" if number else "left",
            min_width=width,
            max_width=None if last else width,  # else a text pushes the columns on its right off the screen
        )
    for row in cells:
        table.add_row(*(Text(text) for text in row[: len(widths)]))
    (screen if bounded else Console(file=screen.file, width=sum(widths) + _BETWEEN * len(widths))).print(table)
    hidden = sum(1 for _ in islice(left, COUNTED))
    if hidden == COUNTED:
        notes.print(f"{hidden:,} more rows, or more than that; --format json or csv gives all")
    elif hidden:
        notes.print(f"{hidden:,} more rows; --format json or csv gives all {hidden + len(shown):,}")
    if absent := names[len(widths) :]:
        notes.print(f"{len(absent)} columns did not fit: {', '.join(absent)}")


def _bounded(screen: Console) -> bool:
    return screen.is_terminal or bool(machine("COLUMNS"))


def _fitting(wanted: Sequence[int], numbers: Sequence[bool], room: int) -> list[int]:
    """Widths of as many columns, from the left, as fit, at least one; text gives way, numbers are never cut."""

    def at_most(widest: int, columns: int) -> list[int]:
        return [width if number else min(width, widest) for width, number in zip(wanted[:columns], numbers, strict=False)]

    columns = len(wanted)
    while columns > 1 and sum(at_most(NARROWEST, columns)) + _BETWEEN * (columns - 1) > room:
        columns -= 1
    widest = WIDEST
    while widest > NARROWEST and sum(at_most(widest, columns)) + _BETWEEN * (columns - 1) > room:
        widest -= 1
    return at_most(widest, columns)


def _clean(text: str) -> str:
    """Without what would move a terminal's cursor or change its colours: data may come from anyone."""
    return text if text.isprintable() else "".join(each if each.isprintable() else " " if each.isspace() else "\ufffd" for each in text)


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
        case dict() | list() | tuple():
            return msgspec.json.encode(_exact(value)).decode()
    return str(value)


def _plain(value: Decimal) -> str:
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _moment(value: datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat()
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
