"""The tape, the lake's trades and the lake's log, each in its order, a few at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from heapq import merge
from itertools import islice
from operator import itemgetter
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ctc.aws.query import LakeReader
from ctc.codec import Line
from ctc.model import EXACT, Heartbeat, Position, Trade, VenueMark, from_us, to_us
from ctc.trade_rows import TRADE_FIELDS
from sim.compare import TapeTrade
from sim.external_sort import in_order

PAYLOAD = "raw_event_payload"
VENUES = msgspec.json.Decoder(tuple[VenueMark, ...])
# A sequence number has up to 56 digits: as text, the longer one is the larger.
_LOG = ("shard", "digits", "sequence_number", "position")
_TAPE = pa.schema(
    [
        *((name, pa.string()) for name in ("exchange", "native_symbol", "kind")),
        ("trade_id", pa.int64()),
        *((name, pa.string()) for name in ("price", "quantity", "side")),  # amounts as text: every digit, however many
        ("us", pa.int64()),
    ]
)
_TAPE_KEY = tuple(_TAPE.names[:4])
PART = 20_000


def log_of(lake: LakeReader, symbol: str, folder: Path) -> Iterator[tuple[Position, Line]]:
    """One symbol's log as the lake holds it: trades and heartbeats with their places, in the log's order, a few at a time.

    Trades come without the frame that they were read from, which no fold looks at. What is sorted lies in `folder` meanwhile.
    """
    return merge(_trades_of(lake, symbol, folder), _heartbeats_of(lake, symbol, folder), key=itemgetter(0))


def _trades_of(lake: LakeReader, symbol: str, folder: Path) -> Iterator[tuple[Position, Line]]:
    own = tuple(name for name in TRADE_FIELDS if name != PAYLOAD)
    for row in _logged(lake, "raw_trades", own, symbol, folder):
        yield _place(row), Trade(**{name: plain(row[name]) for name in own}, raw_event_payload="")


def _heartbeats_of(lake: LakeReader, symbol: str, folder: Path) -> Iterator[tuple[Position, Line]]:
    for row in _logged(lake, "heartbeats", ("timestamp", "producer", "venues", "peg", "final"), symbol, folder):
        yield (
            _place(row),
            Heartbeat(
                heartbeat=plain(row["timestamp"]),
                symbol=symbol,
                producer=row["producer"],
                venues=VENUES.decode(row["venues"]),
                peg=plain(row["peg"]),
                final=row["final"],
            ),
        )


def _logged(lake: LakeReader, table: str, columns: tuple[str, ...], symbol: str, folder: Path) -> Iterator[dict[str, Any]]:
    names = ("shard", "sequence_number", "position", *columns)
    sql = f"select {', '.join(names)}, length(sequence_number) as digits from {table} where symbol = $symbol and shard is not null"  # noqa: S608 - our own words
    for row in in_order(lake.batches(sql, {"symbol": symbol}), _LOG, folder):
        yield dict(zip(names, row, strict=False))


def lake_trades(lake: LakeReader, folder: Path) -> Iterator[TapeTrade]:
    """`raw_trades` as the tape has them, ascending by key; what is sorted lies in `folder` meanwhile."""
    batches = lake.batches(f"select {', '.join(TapeTrade._fields)} from raw_trades")  # noqa: S608 - our own columns
    for row in in_order(batches, (*_TAPE_KEY, "price", "quantity", "timestamp"), folder):
        yield TapeTrade(*map(plain, row))


def sorted_tape(trades: Iterable[TapeTrade], folder: Path) -> Iterator[TapeTrade]:
    """The same trades, ascending by key; what is sorted lies in `folder` meanwhile."""
    for exchange, native, kind, number, price, quantity, side, us in in_order(_batches(trades), _TAPE_KEY, folder):
        yield TapeTrade(exchange, native, kind, number, Decimal(price), Decimal(quantity), side, from_us(us))


def _batches(trades: Iterable[TapeTrade]) -> Iterator[pa.RecordBatch]:
    source = iter(trades)
    while part := list(islice(source, PART)):
        *key, prices, quantities, sides, moments = zip(*part, strict=True)
        columns = (*key, map(str, prices), map(str, quantities), sides, map(to_us, moments))
        yield pa.record_batch([pa.array(column, kind) for column, kind in zip(columns, _TAPE.types, strict=True)], schema=_TAPE)


def _place(row: Mapping[str, Any]) -> Position:
    return Position(row["shard"], int(row["sequence_number"]), row["position"])


def plain(value: Any) -> Any:
    """Moments in UTC, amounts without the zeros of their column."""
    if isinstance(value, datetime):
        return value.astimezone(UTC)
    return EXACT.normalize(value) if isinstance(value, Decimal) else value
