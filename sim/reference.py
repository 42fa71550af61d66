"""The oracle: what the folds must say about a symbol's log, computed again from docs/FOLDS.md, slowly and plainly.

It shares nothing with `ctc.detect`; the scorecard and the property tests compare the two, field for field.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import localcontext

import msgspec

from ctc.codec import Line
from ctc.model import EXACT, Alert, Bar, Position, Spread
from ctc.settings import Settings
from sim.reference_rules import Spreads, Whales
from sim.reference_volume import Volume
from sim.timeline import Counted, Taken, Timeline


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a symbol's log comes to: alerts in the order they are said (every revision), closed bars and spreads.

    `gaps` are (space, first id, last id) declared lost; `clock` is in microseconds. Messages are empty.
    """

    symbol: str
    alerts: list[Alert]
    bars: list[Bar]
    spreads: list[Spread]
    gaps: list[tuple[str, int, int]]
    trades: int
    duplicates: int
    late: int
    clock: int | None


class Reference:
    """The oracle of one symbol's log, piece by piece; of what has passed it keeps a bit an id, and what it said."""

    def __init__(self, symbol: str, settings: Settings) -> None:
        self._symbol = symbol
        self._alerts: list[Alert] = []
        self._timeline = Timeline(settings)
        self._whales = Whales(symbol, settings, self._alerts)
        self._volume = Volume(symbol, settings, self._alerts)
        self._spreads = Spreads(symbol, settings, self._alerts)

    def take(self, lines: Iterable[tuple[Position, Line]]) -> None:
        """The next lines, in the order of the log."""
        with localcontext(EXACT):
            for position, line in lines:
                for event in self._timeline.take(position, line):
                    self._see(event)

    def _see(self, event: Taken | Counted) -> None:
        if isinstance(event, Taken):
            self._whales.trade(event)
            self._volume.trade(event)
            self._spreads.trade(event)
            return
        self._volume.mark(event)
        self._spreads.mark(event)
        self._whales.close(event)
        self._volume.close(event)
        self._spreads.close(event)

    def result(self) -> Result:
        """What the log came to so far."""
        return Result(
            symbol=self._symbol,
            alerts=self._alerts,
            bars=self._volume.bars,
            spreads=self._spreads.rows,
            gaps=self._timeline.gaps,
            trades=self._timeline.trades,
            duplicates=self._timeline.duplicates,
            late=self._volume.late,
            clock=self._timeline.clock,
        )


def reference(log: Iterable[tuple[Position, Line]], symbol: str, settings: Settings) -> Result:
    """The whole log of one symbol, in any order of its lines (they are sorted by position first)."""
    oracle = Reference(symbol, settings)
    oracle.take(sorted(log, key=lambda entry: entry[0]))
    return oracle.result()
