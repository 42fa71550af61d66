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
from sim.timeline import Taken, timeline


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


def reference(
    log: Iterable[tuple[Position, Line]],
    symbol: str,
    settings: Settings,
) -> Result:
    """The whole log of one symbol, in any order of its lines (they are sorted by position first)."""
    alerts: list[Alert] = []
    with localcontext(EXACT):
        seen = timeline(log, settings)
        whales = Whales(symbol, settings, alerts)
        volume = Volume(symbol, settings, alerts)
        spreads = Spreads(symbol, settings, alerts)
        for event in seen.events:
            if isinstance(event, Taken):
                whales.trade(event)
                volume.trade(event)
                spreads.trade(event)
                continue
            volume.mark(event)
            spreads.mark(event)
            whales.close(event)
            volume.close(event)
            spreads.close(event)
    return Result(
        symbol=symbol,
        alerts=alerts,
        bars=volume.bars,
        spreads=spreads.rows,
        gaps=seen.gaps,
        trades=seen.trades,
        duplicates=seen.duplicates,
        late=volume.late,
        clock=seen.clock,
    )
