"""One row a market trade where a market's recordings hold its trades as well as aggregates of them.

An aggregate says which trades are in it, `f` to `l`. It is left out when one of them is there as a trade itself; all
others are the only rows of their trades.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ctc.codec import JSON_TROUBLE
from ctc.model import Trade
from ctc.quality.ids import Intervals

Market = tuple[str, str, str]
Held = Mapping[Market, Intervals]

TRADE, AGGREGATE = "trade", "aggTrade"


class _Ids(msgspec.Struct, gc=False):
    first: Any = msgspec.field(name="f", default=None)
    last: Any = msgspec.field(name="l", default=None)
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)


_IDS = msgspec.json.Decoder(_Ids)


def why_left_out(trade: Trade, held: Held) -> str:
    """The name under which a row is counted as skipped, "" for a row to keep.

    `held` has the ids of the `trade` rows of each market that has both kinds. An aggregate without `f` and `l` of
    such a market is left out: nothing says that its trades aren't there.
    """
    if trade.kind != AGGREGATE:
        return ""
    ids = held.get((trade.exchange, trade.market, trade.native_symbol))
    if ids is None:
        return ""
    inside = ids_inside(trade)
    if inside is None:
        return f"{trade.exchange} {AGGREGATE} (without f and l, of a market whose trades are here)"
    return "" if ids.missing(*inside) == [inside] else f"{trade.exchange} {AGGREGATE} (of trades that are here themselves)"


def ids_inside(aggregate: Trade) -> tuple[int, int] | None:
    """The first and last trade id of an aggregate, from its frame, REST body or archive row; None where it has none."""
    payload = aggregate.raw_event_payload
    first, last = _of_frame(payload) if payload.startswith("{") else _of_row(payload)
    return (first, last) if type(first) is int and type(last) is int and 0 <= first <= last else None


def _of_frame(payload: str) -> tuple[Any, Any]:
    try:
        found = _IDS.decode(payload)
        if bytes(found.data)[:1] == b"{":
            found = _IDS.decode(found.data)
    except JSON_TROUBLE:
        return None, None
    return found.first, found.last


def _of_row(payload: str) -> tuple[int | None, int | None]:
    cells = payload.split(",")
    return (int(cells[3]), int(cells[4])) if len(cells) > 4 and cells[3].isdecimal() and cells[4].isdecimal() else (None, None)
