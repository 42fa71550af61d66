"""The detectors once more, in batch, over what the lake kept of the log: `raw_trades` and `heartbeats` in log order.

The lines of a symbol, sorted by (shard, sequence number, position), go through the very fold that the stream runs, so a batch over a
whole session says exactly what the session said (docs/FOLDS.md). A part of a session is warmed up before it begins. A symbol is a
task, which reads and sorts its lines itself (ctc/aws/log.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyspark import SparkFiles
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.aws.log import BEAT, CLOSING, PLACE, READ, WARM_UP, Span, pinned, sorted_lines
from ctc.aws.rows import rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.codec import Line
from ctc.detect import ALL_DETECTORS, Outcomes
from ctc.detect.columns import ColumnFold, Columns, Ints
from ctc.errors import LakeError
from ctc.model import Alert, Bar, Heartbeat, Position, Spread, Trade, VenueMark, to_us
from ctc.schema import ANOMALIES, SPREADS, VOLUME_AGGREGATES, Table
from ctc.settings import Settings
from ctc.spark.session import CATALOG

FOUND = (ANOMALIES, VOLUME_AGGREGATES, SPREADS)
OUTCOMES = "symbol string, clock_us long, outcomes binary"
_VENUES = msgspec.json.Decoder(tuple[VenueMark, ...])
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Outcomes).decode
_NUMBER = lru_cache(maxsize=1)(int)  # of a record, whose lines follow each other
Batches = Iterable[pa.RecordBatch]
Read = Callable[[Settings, Span, str, Path], Batches]  # of ctc.aws.log
OfSymbol = Callable[[str, Batches], Iterator[pa.RecordBatch]]  # a function of a symbol and what was read of it
Place = tuple[Any, Any, Any]  # shard, sequence number, position; None where a line came by no stream


def outcomes_of(spark: SparkSession, settings: Settings, span: Span, detectors: frozenset[str] = ALL_DETECTORS) -> DataFrame:
    """Rows of `OUTCOMES`: what the folds said of the lines in log order. Raises LakeError for tables that can't be read as asked."""
    return by_symbol(spark, settings, msgspec.structs.replace(span, order="log"), folder(settings, detectors), OUTCOMES)


def by_symbol(spark: SparkSession, settings: Settings, span: Span, function: OfSymbol, schema: str, read: Read = sorted_lines) -> DataFrame:
    """What the function gives for what is read of each symbol, one symbol a task. Raises LakeError."""
    symbols = span.symbols or settings.session.symbols
    task = partial(_task, partial(read, settings, pinned(settings, span)), symbols, function)
    return spark.range(0, len(symbols), 1, len(symbols)).mapInArrow(task, schema)


def _task(read: Callable[[str, Path], Batches], symbols: Sequence[str], function: OfSymbol, numbers: Batches) -> Iterator[pa.RecordBatch]:
    for batch in numbers:
        for symbol in (symbols[number] for number in batch.column("id").to_pylist()):
            with tempfile.TemporaryDirectory(dir=SparkFiles.getRootDirectory()) as scratch:
                yield from function(symbol, read(symbol, Path(scratch)))


def rows_of(outcomes: DataFrame, table: Table, span: Span) -> DataFrame:
    """The rows of one of `FOUND` in these outcomes."""
    columns = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
    return outcomes.select("outcomes").mapInArrow(finder(table, span), columns)


def read_table(spark: SparkSession, settings: Settings, table: Table, span: Span) -> DataFrame:
    """A table's rows of the span's symbols and times, as of its version or moment. Raises LakeError."""
    name = f"{CATALOG}.{settings.lake.database}.{table.name}"
    version, moment = span.versions.get(table.name), "" if span.as_of is None else span.as_of.isoformat()
    when = f" version as of {version}" if version is not None else f" timestamp as of '{moment}'" if moment else ""
    try:
        rows = spark.sql(f"select * from {name}{when}")  # noqa: S608 - our own names
    except PySparkException as error:
        raise LakeError(f"{table.name} can't be read{when}: {str(error).splitlines()[0]}; name another state folder or moment") from error
    rows = rows.where(F.col("symbol").isin(*(span.symbols or settings.session.symbols)))
    if span.since is not None:
        rows = rows.where(F.col("timestamp") >= F.lit(span.since - WARM_UP))
    if span.until is not None:
        rows = rows.where(F.col("timestamp") < F.lit(span.until + CLOSING))
    return rows


def folder(settings: Settings, detectors: frozenset[str]) -> OfSymbol:
    """A function to rows of `OUTCOMES`; holds one batch and the fold."""
    return partial(_fold, settings, detectors)  # a task gets it by name: a nested function would drag this module's decoders along


def _fold(settings: Settings, detectors: frozenset[str], symbol: str, batches: Batches) -> Iterator[pa.RecordBatch]:
    fold = ColumnFold(symbol, settings, detectors)
    for batch in batches:
        yield packed(symbol, fold.take_columns(ArrowColumns(symbol, batch)))


class ArrowColumns(Columns):
    """A symbol's lines as `sorted_lines` gives them."""

    def __init__(self, symbol: str, batch: pa.RecordBatch) -> None:
        self._symbol, self._batch, self.count = symbol, batch, batch.num_rows
        trade, beat = batch.column("trade"), batch.column("beat")
        self.lines = np.flatnonzero(trade.is_valid())
        self._trade = trade.filter(trade.is_valid())
        self.ids = self._trade.field("trade_id").to_numpy()
        self.us = self._trade.field("timestamp").cast(pa.int64()).to_numpy()
        self.quantity, self.quote_volume = (_words(self._trade.field(name)) for name in ("quantity", "quote_volume"))
        self.exchange, exchanges = self._coded("exchange")
        self.exchanges = [name for (name,) in exchanges]
        self.space, self.spaces = self._coded("exchange", "market", "native_symbol", "kind")
        self.lane, self.lanes = self._coded("exchange", "native_symbol", "side")
        valid = beat.is_valid()
        self.beats = list(zip(np.flatnonzero(valid).tolist(), _beats(symbol, beat.filter(valid)), strict=True))

    def _coded(self, *names: str) -> tuple[Ints, list[Any]]:
        """For each trade the index of what it has in these columns, and what that is."""
        codes, shape = np.zeros(len(self.lines), np.int64), 1
        values: list[tuple[str, ...]] = [()]
        for name in names:
            column = self._trade.field(name).dictionary_encode()  # nothing to do where it comes as one
            own = column.dictionary.to_pylist()
            codes = codes * len(own) + column.indices.to_numpy()
            values = [(*value, each) for value in values for each in own]
            shape *= len(own)
        there = np.flatnonzero(np.bincount(codes, minlength=shape))
        index = np.zeros(shape, np.int64)
        index[there] = np.arange(len(there))
        return index[codes], [values[each] for each in there]

    def trades(self, numbers: Ints) -> Iterator[tuple[Position, Trade]]:
        """These trades and their places in the log."""
        for place, line in self._pairs(self._batch.take(pa.array(self.lines[numbers]))) if len(numbers) else ():
            assert isinstance(line, Trade)
            yield place, line

    def between(self, start: int, end: int) -> Iterator[tuple[Position, Line]]:
        """The lines from `start` to before `end`."""
        return self._pairs(self._batch.slice(start, end - start))

    def _pairs(self, batch: pa.RecordBatch) -> Iterator[tuple[Position, Line]]:
        return ((_position(*place), line) for place, line in rows_in(self._symbol, batch))


def _words(amounts: pa.Decimal128Array) -> npt.NDArray[np.uint32]:
    """Amounts as rows of four unsigned words, the lowest first."""
    _, data = amounts.buffers()
    words = np.frombuffer(data, np.uint32).reshape(-1, 4)
    return words[amounts.offset : amounts.offset + len(amounts)]


def _position(shard: str, number: str, line: int) -> Position:
    return Position(shard, _NUMBER(number), line)


def packed(symbol: str, said: Outcomes) -> pa.RecordBatch:
    """A row of `OUTCOMES`."""
    clock = said.snapshot.clock
    return pa.RecordBatch.from_pydict(
        {
            "symbol": [symbol],
            "clock_us": pa.array([None if clock is None else to_us(clock)], pa.int64()),
            "outcomes": [_ENCODE(said)],
        }
    )


def rows_in(symbol: str, batch: pa.RecordBatch) -> Iterator[tuple[Place, Line]]:
    """The lines of a batch in its order, and where each stood.

    Made column by column: value by value, Arrow takes several times as long for a line as the folds do.
    """
    trade, beat = batch.column("trade"), batch.column("beat")
    is_trade, is_beat = trade.is_valid(), beat.is_valid()
    trades, beats = _trades(symbol, trade.filter(is_trade)), _beats(symbol, beat.filter(is_beat))
    places = zip(*(_objects(batch.column(name)) for name in PLACE), strict=True)
    for place, one in zip(places, _objects(is_trade), strict=True):
        yield place, next(trades) if one else next(beats)


def _trades(symbol: str, rows: pa.StructArray) -> Iterator[Trade]:
    columns = (_objects(rows.field(name)) for name in READ)
    for exchange, market, native, kind, number, price, quantity, quote_volume, side, at in zip(*columns, strict=True):
        yield Trade(
            event_id="", exchange=exchange, market=market, symbol=symbol, native_symbol=native, quote_currency="", kind=kind,
            trade_id=number, price=price, quantity=quantity, quote_volume=quote_volume, side=side, timestamp=at,
            ingestion_timestamp=at, raw_event_payload="",
        )  # fmt: skip


def _beats(symbol: str, rows: pa.StructArray) -> Iterator[Heartbeat]:
    columns = (_objects(rows.field(name)) for name in BEAT)
    for at, producer, venues, peg, final in zip(*columns, strict=True):
        yield Heartbeat(heartbeat=at, symbol=symbol, producer=producer, venues=_VENUES.decode(venues), peg=peg, final=final)


def _objects(column: pa.Array) -> list[Any]:
    """What `to_pylist` gives, several times as fast."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_integer(column.type) and column.null_count:
        return list(column.to_pylist())  # numpy would make them floats
    found: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return [moment.replace(tzinfo=UTC) for moment in found] if pa.types.is_timestamp(column.type) else found


def finder(table: Table, span: Span) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """A function from packed outcomes to the table's rows that the span asks for; of alerts the final ones, as in the lake."""
    return partial(_find, table, span)


def _find(table: Table, span: Span, batches: Batches) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for blob in batch.column(0):
            yield from _columns(table, _DECODE(blob.as_buffer()), span).to_batches()


def _columns(table: Table, outcomes: Outcomes, span: Span) -> pa.Table:
    if table.name == ANOMALIES.name:
        return rows_of_alerts(alert for alert in outcomes.alerts if alert.final and span.holds(_moment(alert)))
    if table.name == VOLUME_AGGREGATES.name:
        return rows_of_bars(bar for bar in outcomes.bars if span.holds(_moment(bar)))
    return rows_of_spreads(spread for spread in outcomes.spreads if span.holds(_moment(spread)))


def _moment(found: Alert | Bar | Spread) -> datetime:
    """Where in time a finding belongs: its window's start, else its event."""
    if found.window_start is None:
        return found.event_time
    return found.window_start
