"""Trades as rows of `raw_trades`, flagged by the rules of data quality; of the stream and of the history alike, and without Spark."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ctc.arrow import arrow_schema
from ctc.model import EXACT, Trade
from ctc.schema import RAW_TRADES

TRADES_ARROW = arrow_schema(RAW_TRADES)
LINEAGE = ("shard", "sequence_number", "position")
TRADE_FIELDS = tuple(name for name in RAW_TRADES.names if name in Trade.__struct_fields__)


class Placed(msgspec.Struct, frozen=True, gc=False):
    """A line and where it stood; None where it came by no stream.

    Not a tuple: hundreds of thousands of those keep Python's garbage collector busy.
    """

    line: Any
    shard: str | None
    sequence_number: str | None
    position: int | None


def trade_columns(kept: list[Placed], late_us: int, tolerance: Decimal) -> pa.RecordBatch:
    """`raw_trades` rows; late and inconsistent ones are flagged (PRD 9.1) and stay."""
    trades: list[Trade] = [place.line for place in kept]
    columns: dict[str, Any] = {name: [getattr(place, name) for place in kept] for name in LINEAGE}
    for name in TRADE_FIELDS:
        columns[name] = [getattr(trade, name) for trade in trades]
    with localcontext(EXACT):
        columns["is_inconsistent"] = [
            trade.price * trade.quantity != trade.quote_volume and not _consistent(trade, tolerance) for trade in trades
        ]
    arrays = {field.name: pa.array(columns[field.name], field.type) for field in TRADES_ARROW if field.name in columns}
    delay = pc.subtract(arrays["ingestion_timestamp"], arrays["timestamp"])
    arrays["is_late"] = pc.greater(delay, pa.scalar(late_us, pa.duration("us")))
    return pa.RecordBatch.from_arrays([arrays[name] for name in TRADES_ARROW.names], schema=TRADES_ARROW)


def _consistent(trade: Trade, tolerance: Decimal) -> bool:
    exact = EXACT.multiply(trade.price, trade.quantity)
    return abs(EXACT.subtract(exact, trade.quote_volume)) <= EXACT.multiply(exact, tolerance)
