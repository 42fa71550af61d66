"""What every alert has in common: its id, its severity, its threshold's arithmetic (docs/FOLDS.md, Every alert)."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from decimal import Decimal

import msgspec

from ctc.detect.messages import sentence
from ctc.model import EXACT, NAMESPACE, Alert
from ctc.settings import Band

PLACES = Decimal("1E-8")


class Fired(msgspec.Struct, gc=False, frozen=True, array_like=True):
    """Where and when an early alert fired: its completion keeps both. No lineage where a heartbeat fired it."""

    detected_us: int
    event_us: int
    shard: str | None = None
    sequence_number: str | None = None
    position: int | None = None


def alert_id(rule: str, exchange: str, symbol: str, key: str) -> str:
    """The same finding has the same id, whoever makes it and however often."""
    return str(uuid.uuid5(NAMESPACE, f"{rule}|{exchange}|{symbol}|{key}"))


def severity(bands: Iterable[Band], measure: Decimal) -> str:
    """The name of the last band whose lower bound is at most the measure."""
    found = ""
    for name, bound in bands:
        if bound <= measure:
            found = name
    return found


def round8(value: Decimal) -> Decimal:
    """Half-even to 8 places: how a ratio leaves the folds."""
    return EXACT.quantize(value, PLACES)


def worded(alert: Alert) -> Alert:
    """The alert with its message, made from its other fields."""
    return msgspec.structs.replace(alert, message=sentence(alert))
