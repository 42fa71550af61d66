"""The detectors once more, in batch, over what the lake kept of the log: `raw_trades` and `heartbeats` in log order.

The lines of a symbol are sorted by (shard, sequence number, position) and run through the very fold that the stream runs, so a
batch over a whole session says exactly what the session said (docs/FOLDS.md). A part of a session is warmed up before it begins.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.errors import PySparkException
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.aws.rows import rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.codec import Line
from ctc.detect import ALL_DETECTORS, Outcomes
from ctc.detect.columns import ColumnFold, Columns, Ints
from ctc.errors import LakeError
from ctc.model import Alert, Bar, Heartbeat, Position, Spread, Trade, VenueMark, to_us
from ctc.schema import ANOMALIES, HEARTBEATS, RAW_TRADES, SPREADS, VOLUME_AGGREGATES, Table
from ctc.settings import Settings
from ctc.spark.session import CATALOG

Order = Literal["log", "event-time"]
WARM_UP = timedelta(minutes=65)  # an hour of bars, their lateness, and the first minute, which is not whole
CLOSING = timedelta(minutes=2)  # of heartbeats after the last window: past its lateness and a hole's patience
FOUND = (ANOMALIES, VOLUME_AGGREGATES, SPREADS)
OUTCOMES = "symbol string, clock_us long, outcomes binary"
PLACE = ("shard", "sequence_number", "position")
# What a fold reads of a trade; the rest stays where it is.
READ = ("exchange", "market", "native_symbol", "kind", "trade_id", "price", "quantity", "quote_volume", "side", "timestamp")
BEAT = ("timestamp", "producer", "venues", "peg", "final")
_VENUES = msgspec.json.Decoder(tuple[VenueMark, ...])
_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(Outcomes).decode
_NUMBER = lru_cache(maxsize=1)(int)  # of a record, whose lines follow each other
Batches = Iterable[pa.RecordBatch]


class LogRow(NamedTuple):
    """A line and where it stood: shard, sequence number, position; None where it came by no stream."""

    symbol: str
    place: tuple[Any, Any, Any]
    line: Line


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


def outcomes_of(spark: SparkSession, settings: Settings, span: Span, detectors: frozenset[str] = ALL_DETECTORS) -> DataFrame:
    """Rows of `OUTCOMES`: what the folds said of the lines in log order. Raises LakeError for tables that can't be read as asked."""
    return in_log_order(spark, settings, span).mapInArrow(folder(settings, detectors), OUTCOMES)


def in_log_order(spark: SparkSession, settings: Settings, span: Span) -> DataFrame:
    """Lines (symbol, place, trade or beat) by symbol, each symbol's whole and sorted in one partition."""
    trades = trade_lines(spark, settings, span).where("shard is not null")
    lines = trades.unionByName(beat_lines(spark, settings, span), allowMissingColumns=True)
    # A sequence number has up to 56 digits: as text, the longer one is the larger.
    order: list[Column | str] = ["symbol", "shard", F.octet_length("sequence_number"), "sequence_number", "position"]
    return lines.repartition("symbol").sortWithinPartitions(*order)


def rows_of(outcomes: DataFrame, table: Table, span: Span) -> DataFrame:
    """The rows of one of `FOUND` in these outcomes."""
    columns = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
    return outcomes.select("outcomes").mapInArrow(finder(table, span), columns)


def trade_lines(spark: SparkSession, settings: Settings, span: Span) -> DataFrame:
    """Symbol, place and `trade` of every trade that the span reads, its warm-up among them."""
    found = read_table(spark, settings, RAW_TRADES, span)
    return found.select("symbol", *PLACE, F.struct(*READ).alias("trade"))


def beat_lines(spark: SparkSession, settings: Settings, span: Span) -> DataFrame:
    """Symbol, place and `beat` of every heartbeat that the span reads."""
    found = read_table(spark, settings, HEARTBEATS, span)
    return found.select("symbol", *PLACE, F.struct(*BEAT).alias("beat"))


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


def folder(settings: Settings, detectors: frozenset[str]) -> Callable[[Batches], Iterator[pa.RecordBatch]]:
    """A function from sorted lines (symbol, place, trade or beat) to rows of `OUTCOMES`; holds one batch and one fold at a time."""
    return partial(_fold, settings, detectors)  # a task gets it by name: a nested function would drag this module's decoders along


def _fold(settings: Settings, detectors: frozenset[str], batches: Batches) -> Iterator[pa.RecordBatch]:
    fold: ColumnFold | None = None
    current = ""
    for batch in batches:
        for symbol, part in by_symbol(batch):
            if fold is None or symbol != current:
                fold, current = ColumnFold(symbol, settings, detectors), symbol
            yield packed(symbol, fold.take_columns(ArrowColumns(part)))


def by_symbol(batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
    """A batch whose symbols follow each other, cut into one for each."""
    starts = pc.run_end_encode(batch.column("symbol"))
    begin = 0
    for symbol, end in zip(starts.values.to_pylist(), starts.run_ends.to_pylist(), strict=True):
        yield symbol, batch.slice(begin, end - begin)
        begin = end


class ArrowColumns(Columns):
    """The lines of one symbol (symbol, place, trade or beat) in their order."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch, self.count = batch, batch.num_rows
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
        beats = _beats(beat.filter(valid), _objects(batch.column("symbol").filter(valid)))
        self.beats = list(zip(np.flatnonzero(valid).tolist(), beats, strict=True))

    def _coded(self, *names: str) -> tuple[Ints, list[Any]]:
        """For each trade the index of what it has in these columns, and what that is."""
        codes, shape = np.zeros(len(self.lines), np.int64), 1
        values: list[tuple[str, ...]] = [()]
        for name in names:
            column = self._trade.field(name).dictionary_encode()
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
        for place, line in _pairs(self._batch.take(pa.array(self.lines[numbers]))) if len(numbers) else ():
            assert isinstance(line, Trade)
            yield place, line

    def between(self, start: int, end: int) -> Iterator[tuple[Position, Line]]:
        """The lines from `start` to before `end`."""
        return _pairs(self._batch.slice(start, end - start))


def _words(amounts: pa.Decimal128Array) -> npt.NDArray[np.uint32]:
    """Amounts as rows of four unsigned words, the lowest first."""
    _, data = amounts.buffers()
    words = np.frombuffer(data, np.uint32).reshape(-1, 4)
    return words[amounts.offset : amounts.offset + len(amounts)]


def _pairs(batch: pa.RecordBatch) -> Iterator[tuple[Position, Line]]:
    return ((_position(*row.place), row.line) for row in rows_in(batch))


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


def rows_in(batch: pa.RecordBatch) -> Iterator[LogRow]:
    """The lines of a batch (symbol, place, trade or beat), in its order.

    Made column by column: value by value, Arrow takes several times as long for a line as the folds do.
    """
    trade, beat = batch.column("trade"), batch.column("beat")
    symbols, *places = (_objects(batch.column(name)) for name in ("symbol", *PLACE))
    is_trade, is_beat = trade.is_valid(), beat.is_valid()
    trades = _trades(trade.filter(is_trade), _objects(batch.column("symbol").filter(is_trade)))
    beats = _beats(beat.filter(is_beat), _objects(batch.column("symbol").filter(is_beat)))
    for symbol, place, one in zip(symbols, zip(*places, strict=True), _objects(is_trade), strict=True):
        yield LogRow(symbol, place, next(trades) if one else next(beats))


def _trades(rows: pa.StructArray, symbols: list[str]) -> Iterator[Trade]:
    columns = (_objects(rows.field(name)) for name in READ)
    for symbol, exchange, market, native, kind, number, price, quantity, quote_volume, side, at in zip(symbols, *columns, strict=True):
        yield Trade(
            event_id="", exchange=exchange, market=market, symbol=symbol, native_symbol=native, quote_currency="", kind=kind,
            trade_id=number, price=price, quantity=quantity, quote_volume=quote_volume, side=side, timestamp=at,
            ingestion_timestamp=at, raw_event_payload="",
        )  # fmt: skip


def _beats(rows: pa.StructArray, symbols: list[str]) -> Iterator[Heartbeat]:
    columns = (_objects(rows.field(name)) for name in BEAT)
    for symbol, at, producer, venues, peg, final in zip(symbols, *columns, strict=True):
        yield Heartbeat(heartbeat=at, symbol=symbol, producer=producer, venues=_VENUES.decode(venues), peg=peg, final=final)


def _objects(column: pa.Array) -> list[Any]:
    """What `to_pylist` gives, several times as fast."""
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
