"""Values as people read them: exact where it is asked for, short otherwise, times in UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pandas as pd


def number(value: Any, places: int = 2) -> str:
    """Rounded, with commas; a dash for what was not measured."""
    return "-" if value is None else f"{value:,.{places}f}"


def dollars(value: Any) -> str:
    return "-" if value is None else f"${value:,.0f}"


def percent(value: Any, places: int = 4) -> str:
    return "-" if value is None else f"{value:,.{places}f} %"


def plain(value: Any) -> str:
    """Exact, without an exponent or empty places."""
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
    if isinstance(value, datetime):
        return moment(value)
    return "" if value is None else str(value)


def moment(value: datetime) -> str:
    """Date and time in UTC, with the milliseconds that it has."""
    text = value.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds").removesuffix("+00:00")
    return text.removesuffix(".000")


def frame(rows: Iterable[msgspec.Struct], columns: Sequence[str]) -> pd.DataFrame:
    """Structs as a table with these columns."""
    return pd.DataFrame([{name: getattr(row, name) for name in columns} for row in rows], columns=list(columns))


def exact(table: pd.DataFrame) -> pd.DataFrame:
    """The same with every decimal as text, all its digits, none more."""
    decimals = [name for name in table.columns if any(isinstance(value, Decimal) for value in table[name])]
    return table.assign(**{name: table[name].map(plain) for name in decimals})


def escaped(text: str) -> str:
    """Text that Markdown takes literally: what an exchange sent must not become a link, a picture or a formula here."""
    return "".join(f"\\{letter}" if letter in "\\`*_{}[]()<>#+-.!|$~:&^=" else letter for letter in text)


def hexdump(raw: bytes, most: int = 1024) -> str:
    """The first bytes as offset, hexadecimal and ASCII, as `xxd` writes them."""
    lines = []
    for start in range(0, min(len(raw), most), 16):
        part = raw[start : start + 16]
        letters = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:08x}  {part.hex(' '):<47}  {letters}")
    return "\n".join([*lines, *([f"... {len(raw) - most:,} bytes more"] if len(raw) > most else [])])
