"""The log as the lake keeps it: a symbol's trades and heartbeats in their order, a piece at a time.

DuckDB reads and sorts them, where it has no room on disk. To have Spark do that takes six times as long: a row of three decimals
becomes an object at each step there (docs/BENCH.md, A whole day).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import msgspec
import pyarrow as pa

from ctc.aws.history import LakeHistory, as_of
from ctc.aws.query import LakeReader
from ctc.errors import LakeError
from ctc.schema import HEARTBEATS, RAW_TRADES, Table
from ctc.settings import Settings

Order = Literal["log", "event-time"]
WARM_UP = timedelta(minutes=65)  # an hour of bars, their lateness, and the first minute, which is not whole
CLOSING = timedelta(minutes=2)  # of heartbeats after the last window: past its lateness and a hole's patience
PIECE = 100_000  # lines
PLACE = ("shard", "sequence_number", "position")
# What a fold reads of a trade; the rest stays where it is.
READ = ("exchange", "market", "native_symbol", "kind", "trade_id", "price", "quantity", "quote_volume", "side", "timestamp")
BEAT = ("timestamp", "producer", "venues", "peg", "final")
_LINES = ((RAW_TRADES, "trade", READ), (HEARTBEATS, "beat", BEAT))
_ORDER = {
    # A sequence number has up to 56 digits: as text, the longer one is the larger.
    "log": "shard, strlen(sequence_number), sequence_number, position",
    "event-time": "coalesce(trade.timestamp, beat.timestamp), trade is not null, "
    "trade.exchange, trade.native_symbol, trade.kind, trade.trade_id, beat.producer",
}


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Which part of the lake: symbols (empty: the session's), findings of windows and events in [since, until), tables as of a moment.

    `versions` are snapshots by table, and win over `as_of`. Log order leaves out what has no place in the log (rows of the job
    `history`); event time takes every trade in the order of the exchanges' times (ctc/spark/event_time.py).
    Robust alerts shortly after `since` can differ from a whole run's where a cooldown began before the warm-up did.
    """

    symbols: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    as_of: datetime | None = None
    order: Order = "log"
    versions: dict[str, int] = {}

    def holds(self, moment: datetime) -> bool:
        """Whether a finding of this moment is asked for."""
        return (self.since is None or moment >= self.since) and (self.until is None or moment < self.until)


def pinned(settings: Settings, span: Span) -> Span:
    """The span with the snapshots of both tables that it means now; none of a table that held nothing then. Raises LakeError."""
    commits, versions = LakeHistory(settings).commits(), dict(span.versions)
    for table, *_ in _LINES:
        known = commits.get(table.name)
        if known is None:
            raise LakeError(f"there is no table {table.name}; name the state folder of a session")
        found = as_of(known, span.as_of) if span.as_of is not None else known[0] if known else None
        if found is not None:
            versions.setdefault(table.name, found.snapshot_id)
    return msgspec.structs.replace(span, versions=versions, as_of=None)


def sorted_lines(settings: Settings, span: Span, symbol: str, scratch: Path) -> Iterator[pa.RecordBatch]:
    """The symbol's lines in the order of the (pinned) span, its warm-up among them: `PLACE` (null where it came by no stream), and
    `trade` or `beat`, a struct of `READ` or `BEAT`.

    Holds `ctc.aws.query.SMALL` of memory and `PIECE` lines; what is beyond lies in the folder meanwhile. Raises LakeError.
    """
    reader = LakeReader(settings, scratch)
    try:
        parts = " union all by name ".join(_part(reader, span, symbol, *each) for each in _LINES)
        yield from reader.batches(f"select * from ({parts}) order by {_ORDER[span.order]}", rows=PIECE)  # noqa: S608 - quoted
    finally:
        reader.close()


def _part(reader: LakeReader, span: Span, symbol: str, table: Table, line: str, columns: tuple[str, ...]) -> str:
    conditions = [f"symbol = {_literal(symbol)}"]
    if span.order == "log":
        conditions.append("shard is not null")
    if span.since is not None:
        conditions.append(f"timestamp >= {_literal((span.since - WARM_UP).isoformat())}::timestamptz")
    if span.until is not None:
        conditions.append(f"timestamp < {_literal((span.until + CLOSING).isoformat())}::timestamptz")
    snapshot = span.versions.get(table.name)
    if snapshot is None:
        conditions.append("false")
    source = f'"{table.name}"' if snapshot is None else reader.as_of(table.name, snapshot)
    return f"select {', '.join(PLACE)}, struct_pack({', '.join(columns)}) as {line} from {source} where {' and '.join(conditions)}"  # noqa: S608


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
