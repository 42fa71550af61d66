"""What requests may say: each parameter's type, with how it is read and refused."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import Path, Query
from pydantic import BeforeValidator

from ctc.api import problems
from ctc.api.models import FieldError
from ctc.model import from_us, to_us
from ctc.ports import Place
from ctc.settings import Settings

MAX_LIMIT = 200
ADDRESS = "0[xX][0-9a-fA-F]{40}"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_LOST_PLUS = re.compile(r"(?<=\d) (?=\d\d:?\d\d$)")


def moment(value: Any) -> Any:
    """A moment from ISO 8601 text, UTC where it has no zone; raises ValueError for anything else."""
    if not isinstance(value, str):
        return value
    try:
        # A "+" that was not escaped arrives as a space.
        found = datetime.fromisoformat(_LOST_PLUS.sub("+", value.strip()))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("must be an ISO 8601 moment such as 2026-01-15T12:30:00Z") from None


def to_cursor(place: Place | None) -> str | None:
    """A place as text for URLs."""
    return None if place is None else f"{to_us(place.detected_at)}.{place.alert_id}"


def place_of(cursor: str) -> Place:
    """The place that `to_cursor` wrote."""
    us, _, alert_id = cursor.partition(".")
    return Place(from_us(int(us)), alert_id)


_MOMENT: dict[str, Any] = {"examples": ["2026-01-15T12:30:00Z"]}
Type = Annotated[Literal["volume_spike", "whale", "spread"] | None, Query(description="Only alerts of this type.")]
Severity = Annotated[Literal["low", "medium", "high", "critical"] | None, Query(description="Only of this severity.")]
Kind = Annotated[Literal["single", "split"] | None, Query(description="Only single prints, or only split orders.")]
Symbol = Annotated[str | None, Query(description="Only of this symbol.", examples=["BTC-USDT"])]
Exchange = Annotated[str | None, Query(description="Only of this exchange; spreads are Binance's against Coinbase.", examples=["binance"])]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="At most this many.")]
Cursor = Annotated[
    str | None,
    Query(
        description="Go on behind an earlier answer: its `next`. The other parameters stay the same.",
        pattern=f"^[0-9]{{1,16}}\\.{UUID}$",
        examples=["1768480241000000.0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11"],
    ),
]
Since = Annotated[
    datetime | None,
    BeforeValidator(moment),
    Query(
        description="Only detected after this moment (ISO 8601). Default: the 24 h before the stream's clock.",
        **_MOMENT,
    ),
]
Until = Annotated[datetime | None, BeforeValidator(moment), Query(description="Only detected at this moment or before it.", **_MOMENT)]
From = Annotated[
    datetime | None, BeforeValidator(moment), Query(description="Windows that start here or later. Default: 2 h before `until`.", **_MOMENT)
]
To = Annotated[
    datetime | None,
    BeforeValidator(moment),
    Query(description="Windows that start before this moment. Default: the stream's clock. At most 24 h after `since`.", **_MOMENT),
]
WithTrades = Annotated[bool, Query(description="With the trades behind it, which are read from the lake and take longer.")]
SymbolPath = Annotated[str, Path(description="A canonical symbol.", examples=["BTC-USDT"])]
AlertId = Annotated[
    str,
    Path(
        description="An alert's id.",
        pattern=f"^{UUID}$",
        examples=["0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11"],
    ),
]

Role = Annotated[Literal["taker", "maker"] | None, Query(description="Only scores of this role.")]
Horizon = Annotated[int | None, Query(ge=1, le=86_400, description="Only scores at this many seconds after the trade.", examples=[300])]
Flagged = Annotated[bool | None, Query(description="Only scores that are flagged, or only those that are not.")]
AfterWallet = Annotated[
    str | None,
    Query(
        description="Go on behind an earlier answer: its `next`. The other parameters stay the same.",
        pattern=f"^{ADDRESS}$",
        examples=["0x31ca8395cf837de08b24da3f660e77761dfb974b"],
    ),
]
Address = Annotated[
    str,
    Path(description="A wallet's public address.", pattern=f"^{ADDRESS}$", examples=["0x31ca8395cf837de08b24da3f660e77761dfb974b"]),
]


class Names:
    """The session's symbols and exchanges, and the refusal of others."""

    def __init__(self, settings: Settings) -> None:
        self._known = {"symbol": settings.session.symbols, "exchange": settings.session.exchanges}

    def asked(self, parameter: Literal["symbol", "exchange"], value: str | None) -> str | None:
        """The name as the session spells it. Raises Refused (422) where it has none such."""
        if value is None:
            return None
        known = self._known[parameter]
        name = value.upper() if parameter == "symbol" else value.lower()
        if name not in known:
            error = FieldError(location="query", parameter=parameter, detail=f"the {parameter}s are {', '.join(known)}")
            raise problems.Refused(problems.INVALID, f"can't use: {parameter}", [error])
        return name

    def symbol(self, value: str) -> str:
        """The symbol of a path. Raises Refused (404) for an unknown one."""
        name, known = value.upper(), self._known["symbol"]
        if name not in known:
            raise problems.Refused(problems.UNKNOWN_SYMBOL, f"the symbols are {', '.join(known)}")
        return name
