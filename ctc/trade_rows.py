"""Trades as rows of `raw_trades`, flagged by the rules of data quality, and of `wallet_trades`; of the stream and of the history
alike, and without Spark."""

from __future__ import annotations

from decimal import Decimal, localcontext
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ctc.arrow import arrow_schema
from ctc.model import EXACT, Trade
from ctc.schema import RAW_TRADES, WALLET_TRADES

TRADES_ARROW = arrow_schema(RAW_TRADES)
WALLETS_ARROW = arrow_schema(WALLET_TRADES)
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


def wallet_columns(kept: list[Placed]) -> pa.RecordBatch | None:
    """`wallet_trades` rows of the trades that name their wallets; None where none does."""
    rows = [_wallet_row(place) for place in kept if place.line.parties is not None]
    return pa.RecordBatch.from_pylist(rows, schema=WALLETS_ARROW) if rows else None


def _wallet_row(place: Placed) -> dict[str, Any]:
    trade: Trade = place.line
    named = msgspec.structs.asdict(trade.parties) if trade.parties is not None else {}
    own = {name: getattr(trade, name) for name in WALLETS_ARROW.names if name in Trade.__struct_fields__}
    return {**own, **named, "coin": trade.native_symbol, **{name: getattr(place, name) for name in LINEAGE}}


def _consistent(trade: Trade, tolerance: Decimal) -> bool:
    exact = EXACT.multiply(trade.price, trade.quantity)
    return abs(EXACT.subtract(exact, trade.quote_volume)) <= EXACT.multiply(exact, tolerance)
