"""The newest hours of each listing's trades in memory: what REST pages and `last_match` are cut from."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import NamedTuple

from sim.market import Columns, Minute

MINUTES = 360


class Row(NamedTuple):
    """A trade of the past: ids, time (us), ticks, lots, whether the taker bought, and the print ids inside."""

    id: int
    at: int
    price: int
    quantity: int
    buy: bool
    first: int
    last: int


class History:
    """Single prints and aggregate trades by listing; only what is older than `position` (us) is shown."""

    def __init__(self, minutes: int = MINUTES) -> None:
        self._minutes = minutes
        self._pages: dict[tuple[str, bool], deque[Columns]] = {}
        self.position = 0

    def add(self, minute: Minute) -> None:
        """Take in a generated minute; the oldest goes when there are too many."""
        for aggregate, columns_by_name in ((False, minute.prints), (True, minute.aggregates)):
            for name, columns in columns_by_name.items():
                pages = self._pages.setdefault((name, aggregate), deque(maxlen=self._minutes))
                pages.append(columns)

    def from_id(self, name: str, aggregate: bool, first: int, limit: int, until_us: int | None = None) -> list[Row]:
        """Up to `limit` trades with that id and the next ones."""
        found: list[Row] = []
        for columns in self._pages.get((name, aggregate), ()):
            if columns.first_id + len(columns) <= first or not len(columns):
                continue
            start = max(0, first - columns.first_id)
            found += self._rows(columns, start, min(len(columns), start + limit - len(found)), until_us)
            if len(found) >= limit:
                break
        return found

    def from_time(self, name: str, aggregate: bool, start_us: int, limit: int, until_us: int | None = None) -> list[Row]:
        """Up to `limit` trades at that time or later."""
        for columns in self._pages.get((name, aggregate), ()):
            if len(columns) and columns.at[-1] >= start_us:
                first = bisect_left(columns.at, start_us)
                return self.from_id(name, aggregate, columns.first_id + first, limit, until_us)
        return []

    def before(self, name: str, aggregate: bool, limit: int, below_id: int | None = None, until_us: int | None = None) -> list[Row]:
        """The newest `limit` trades, oldest first; of those with an id below `below_id` and not after `until_us`."""
        found: list[Row] = []
        for columns in reversed(self._pages.get((name, aggregate), ())):
            end = len(columns) if below_id is None else max(0, min(len(columns), below_id - columns.first_id))
            if not end:
                continue
            end = min(end, self._shown(columns, until_us))
            found = self._rows(columns, max(0, end - (limit - len(found))), end, until_us) + found
            if len(found) >= limit:
                break
        return found

    def _shown(self, columns: Columns, until_us: int | None) -> int:
        """How many of the columns' trades lie before the market's time (and not after `until_us`)."""
        border = self.position if until_us is None else min(self.position, until_us + 1)
        return bisect_left(columns.at, border)

    def _rows(self, columns: Columns, start: int, end: int, until_us: int | None) -> list[Row]:
        part = slice(start, min(end, self._shown(columns, until_us)))
        fields = (columns.at, columns.price, columns.quantity, columns.buy, columns.first, columns.last)
        values = zip(*(field[part].tolist() for field in fields), strict=True)
        return [Row(columns.first_id + start + step, *row) for step, row in enumerate(values)]
