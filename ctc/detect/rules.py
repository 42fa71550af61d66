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
MAX_AMOUNT = Decimal("99999999999999999999.999999999999999999")  # of a decimal(38,18) column
MAX_RATIO = Decimal("999999999999999999999999999999.99999999")  # of a decimal(38,8) column
MIN_RATIO = MAX_RATIO.copy_negate()


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
    """Half-even to 8 places, within what its column holds: how a ratio leaves the folds."""
    return EXACT.quantize(max(MIN_RATIO, min(value, MAX_RATIO)), PLACES)


def amount(total: Decimal) -> Decimal:
    """A sum of amounts, within what its column holds: absurd prints can't stop a writer."""
    return min(total, MAX_AMOUNT)


def worded(alert: Alert) -> Alert:
    """The alert with its message, made from its other fields."""
    return msgspec.structs.replace(alert, message=sentence(alert))
