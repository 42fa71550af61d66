"""The log as the lake keeps it: a symbol's trades and heartbeats in their order, a piece at a time.

DuckDB reads and sorts them, where it has no room on disk: Spark makes an object of each decimal at each step (ADR 23).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import duckdb
import msgspec
import pyarrow as pa

from ctc.aws.history import LakeHistory, as_of
from ctc.aws.query import LakeReader, quoted
from ctc.errors import LakeError
from ctc.schema import HEARTBEATS, RAW_TRADES
from ctc.settings import Settings

Order = Literal["log", "event-time"]
WARM_UP = timedelta(minutes=65)  # an hour of bars, their lateness, and the first minute, which is not whole
CLOSING = timedelta(minutes=2)  # of heartbeats after the last window: past its lateness and a hole's patience
PIECE = 100_000  # lines
PLACE = ("shard", "sequence_number", "position")
SPACE = ("exchange", "market", "native_symbol", "kind")
# What a fold reads of a trade; the rest stays where it is.
READ = (*SPACE, "trade_id", "price", "quantity", "quote_volume", "side", "timestamp")
BEAT = ("timestamp", "producer", "venues", "peg", "final")
# Words that come again and again become numbers, in their own order: rows of numbers are sorted in half the time. A sequence number
# has up to 56 digits: as text, the longer one is the larger.
_NAMES = (*SPACE, "side")
_WORDS = {"shard": "shard", "sequence_number": "strlen(sequence_number), sequence_number"} | {name: name for name in _NAMES}
_NO_WORD = ", ".join(f"'' as {name}" for name in _WORDS)  # a type has at least one
_ALL_WORDS = (
    f"create table words as select distinct {', '.join(_WORDS)} from trades "  # noqa: S608 - our own names
    f"union all by name select shard, sequence_number from beats union all by name select {_NO_WORD}"
)
_PLACED = "shard::shards as shard, sequence_number::sequence_numbers as sequence_number, position"
_TRADE = ", ".join(f"{name} := cast({name} as {name}s)" if name in _NAMES else name for name in READ)
_LINES = (
    f"select * from (select {_PLACED}, struct_pack({_TRADE}) as trade from trades "  # noqa: S608 - our own names
    f"union all by name select {_PLACED}, struct_pack({', '.join(BEAT)}) as beat from beats)"
)
_SKIPPED = f"""
    select * from (
        select {", ".join(SPACE)}, lag(trade_id) over by_id as before, trade_id as after,
            epoch_us(lag(timestamp) over by_id) as since, epoch_us(timestamp) as until
        from trades window by_id as (partition by {", ".join(SPACE)} order by trade_id)
    ) where after > before + 1
"""  # noqa: S608 - our own names
_ORDER = {
    "log": "shard, sequence_number, position",
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
    for table in (RAW_TRADES, HEARTBEATS):
        known = commits.get(table.name)
        if known is None:
            raise LakeError(f"there is no table {table.name}; name the state folder of a session")
        found = as_of(known, span.as_of) if span.as_of is not None else known[0] if known else None
        if found is not None:
            versions.setdefault(table.name, found.snapshot_id)
    return msgspec.structs.replace(span, versions=versions, as_of=None)


def sorted_lines(settings: Settings, span: Span, symbol: str, scratch: Path) -> Iterator[pa.RecordBatch]:
    """The symbol's lines in the order of the (pinned) span, its warm-up among them: `PLACE` (null where it came by no stream), and
    `trade` or `beat`, a struct of `READ` or `BEAT`. Words that come again and again are dictionaries of Arrow's.

    Holds `ctc.aws.query.SMALL` of memory and `PIECE` lines; what is beyond lies in the folder meanwhile. Raises LakeError.
    """
    with _reader(settings, span, symbol, scratch) as reader:
        yield from reader.lines(_ORDER[span.order])


def skipped_ids(settings: Settings, span: Span, symbol: str, scratch: Path) -> Iterator[pa.RecordBatch]:
    """Where the symbol's ids do not follow each other, by `SPACE`: the ids on both sides, `before` and `after`, and the microseconds of
    their trades, `since` and `until`. Otherwise as `sorted_lines`."""
    with _reader(settings, span, symbol, scratch) as reader:
        yield from reader.skipped()


@contextmanager
def _reader(settings: Settings, span: Span, symbol: str, scratch: Path) -> Iterator[_LogReader]:
    reader = _LogReader(settings, scratch)
    try:
        reader.choose(span, symbol)
        yield reader
    finally:
        reader.close()


class _LogReader(LakeReader):
    """Reads the lines of one symbol, once."""

    def choose(self, span: Span, symbol: str) -> None:
        """Make the views `trades` and `beats` of the symbol's rows."""
        self._run("set threads = 1; set preserve_insertion_order = false")  # a second one gains nothing, and its buffers have no room
        for table, view in ((RAW_TRADES, "trades"), (HEARTBEATS, "beats")):
            snapshot = span.versions.get(table.name)
            if snapshot is None:
                self._refresh(table.name)
                source, condition = f'"{table.name}"', "false"
            else:
                source, condition = self.as_of(table.name, snapshot), _condition(span, symbol)
            self._run(f"create view {view} as select * from {source} where {condition}")  # noqa: S608 - quoted

    def lines(self, order: str) -> Iterator[pa.RecordBatch]:
        self._run(_ALL_WORDS)
        for name, own in _WORDS.items():
            words = f"select {name} from words where {name} is not null group by 1 order by {own}"  # noqa: S608 - our own names
            self._run(f"create type {name}s as enum ({words})")
        yield from self._run(f"{_LINES} order by {order}").to_arrow_reader(PIECE)

    def skipped(self) -> Iterator[pa.RecordBatch]:
        yield from self._run(_SKIPPED).to_arrow_reader(PIECE)

    def _run(self, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._connection.execute(sql)
        except duckdb.Error as error:
            raise LakeError(f"the lake at {self._where()} can't be read: {error}") from error


def _condition(span: Span, symbol: str) -> str:
    found = [f"symbol = {quoted(symbol)}"]
    if span.order == "log":
        found.append("shard is not null")
    if span.since is not None:
        found.append(f"timestamp >= {quoted((span.since - WARM_UP).isoformat())}::timestamptz")
    if span.until is not None:
        found.append(f"timestamp < {quoted((span.until + CLOSING).isoformat())}::timestamptz")
    return " and ".join(found)
