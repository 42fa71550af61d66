"""The fold and the reference side by side: what they said in one form, and the first thing that is not the same."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
from log_strategies import SYMBOL, Log

from ctc.detect.fold import SymbolFold
from ctc.model import Alert, from_us
from ctc.settings import Settings
from sim.reference import Result


def without_message(alerts: Iterable[Alert]) -> list[Alert]:
    return [msgspec.structs.replace(alert, message="") for alert in alerts]


def run_fold(pieces: Iterable[Log], chosen: Settings, *, restored: bool, symbol: str = SYMBOL) -> dict[str, Any]:
    """All that a fold says over the pieces, begun anew from its state before each of them if `restored`."""
    fold = SymbolFold(symbol, chosen)
    said: dict[str, Any] = {"alerts": [], "bars": [], "spreads": [], "gaps": []}
    for piece in pieces:
        if restored:
            fold = SymbolFold(symbol, chosen, state=fold.dump())
        found = fold.take(piece)
        said["alerts"] += without_message(found.alerts)
        said["bars"] += found.bars
        said["spreads"] += found.spreads
        said["gaps"] += [(gap.space, gap.first_id, gap.last_id) for gap in found.gaps]
        snapshot = found.snapshot
        said |= {name: getattr(snapshot, name) for name in ("trades", "duplicates", "late", "clock")}
    return said


def expected(result: Result) -> dict[str, Any]:
    """The reference's result in the same form."""
    said = {name: getattr(result, name) for name in ("alerts", "bars", "spreads", "gaps", "trades", "duplicates", "late")}
    return {**said, "clock": None if result.clock is None else from_us(result.clock)}


def first_difference(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Names the first thing that is not the same, empty when all is."""
    for name, value in wanted.items():
        if found[name] == value:
            continue
        if not isinstance(value, list):
            return f"{name}: fold {found[name]!r}, reference {value!r}"
        for index in range(max(len(value), len(found[name]))):
            mine = found[name][index] if index < len(found[name]) else None
            theirs = value[index] if index < len(value) else None
            if mine != theirs:
                return f"{name}[{index}]:\nfold      {mine!r}\nreference {theirs!r}"
    return ""
