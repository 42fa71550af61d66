"""What a benchmark found, as rows; one table of them, in Markdown."""

from __future__ import annotations

from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Table

WIDTH = 240  # Markdown rows must not be folded


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measured figure; `aim` is the project's own, `beside` what was measured in the same run, `ratio` of the two."""

    section: str
    what: str
    value: float
    unit: str
    aim: str = ""
    beside: str = ""
    ratio: float | None = None


def show(rows: list[Row], machine: dict[str, Any]) -> None:
    """Print the machine and the table on stdout."""
    console = Console(width=WIDTH, highlight=False, markup=False)
    console.print("; ".join(f"{name} {value}" for name, value in machine.items()))
    table = Table(box=box.MARKDOWN)
    for title in ("section", "what", "measured", "aim", "beside it, in the same run", "ratio"):
        table.add_column(title, justify="right" if title in ("measured", "ratio") else "left", no_wrap=True)
    for row in rows:
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.section, row.what, f"{_number(row.value)} {row.unit}", row.aim, row.beside, ratio)
    console.print(table)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
