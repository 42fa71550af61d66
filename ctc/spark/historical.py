"""The second half of the job `history`: its files into `raw_trades`, each trade once beside what the stream wrote, and the gap ledger.

A trade is known by its `event_id`, which the stream's and the history's share. The merge is written to a branch and becomes main only
where nobody has committed meanwhile (ctc/spark/branches.py); what the stream brings later takes the merge's place (ctc/spark/once.py).
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from pyspark import StorageLevel
from pyspark.sql import DataFrame, SparkSession, Window
from pyspark.sql import functions as F

from ctc.arrow import arrow_schema
from ctc.aws.historical import HistoryShelf, files, read
from ctc.aws.history import Commit, LakeHistory
from ctc.aws.lakehouse import QUERY_PROPERTY, RUN_PROPERTY, TableAppender
from ctc.aws.metrics import DynamoMetrics
from ctc.errors import LakeError
from ctc.model import IdSpan, from_us, id_space
from ctc.ports import MetricStore
from ctc.quality.ids import Intervals
from ctc.schema import GAPS, RAW_TRADES
from ctc.settings import Settings
from ctc.spark.branches import publish
from ctc.spark.lake import TRADES_DDL
from ctc.spark.once import expect_history, within
from ctc.spark.tables import Say, full_name, rows_at, with_properties

QUERY, NATURAL = "history", "history-natural"
BRANCH = "ctc_history"
_COPIES = "ctc_history_copies"
SPACE = ("symbol", "exchange", "market", "native_symbol", "kind")
KEPT = StorageLevel.DISK_ONLY  # millions of trades: in memory they leave too little of it to read the table's large files beside them
_NEAR = timedelta(days=1)  # a trade's two copies have one time; a day is for exchanges that tell it more finely in one of them


class Merged(msgspec.Struct, frozen=True):
    """What the merge did: trades in the files, those of them that were new, and ranges that the ledger was told."""

    symbol: str
    files: int
    trades: int
    merged: int


def merge(spark: SparkSession, settings: Settings, symbols: Sequence[str], first: date | None, last: date | None, say: Say) -> list[Merged]:
    """Merge the files of these symbols and days, symbol by symbol; then the ledger. Run again, it merges nothing twice."""
    tell_ledger(spark, settings)  # of a merge whose process died before it could
    done = []
    for symbol in symbols:
        keys = list(files(settings, [symbol], first, last))
        if keys:
            done.append(_merge(spark, settings, symbol, keys, say))
            tell_ledger(spark, settings)
    tell_natural(settings)
    return done


def _merge(spark: SparkSession, settings: Settings, symbol: str, keys: list[str], say: Say) -> Merged:
    past = rows_of_files(spark, settings, keys).dropDuplicates(["event_id"]).persist(KEPT)
    additions = None
    try:
        moments = F.unix_micros("timestamp")
        bounds = past.agg(F.count("*").alias("n"), F.min(moments).alias("low"), F.max(moments).alias("high")).collect()[0]
        if not bounds.n:
            return Merged(symbol, len(keys), 0, 0)
        expect_history(spark, full_name(settings, RAW_TRADES.name))
        near = f"symbol = '{symbol}' and {within('timestamp', from_us(bounds.low) - _NEAR, from_us(bounds.high) + _NEAR)}"
        say(f"merging {bounds.n:,} trades of {symbol} from {len(keys)} files into raw_trades")
        additions = _Additions(spark, settings, past, near, say)
        publish(spark, settings, RAW_TRADES.name, BRANCH, additions.write, say)
    finally:
        past.unpersist()
        if additions is not None:
            additions.close()
    return Merged(symbol, len(keys), bounds.n, additions.merged)


class _Additions:
    """The files' trades that main lacks, put in; history's copies of what the stream has written as well, taken out.

    The latter are an older version's, whose stream appended without looking. A second attempt keeps what the first one found, and looks
    only at rows that came since, so that it fits between two commits of the stream.
    """

    def __init__(self, spark: SparkSession, settings: Settings, past: DataFrame, near: str, say: Say) -> None:
        self._spark, self._settings, self._near, self._say = spark, settings, near, say
        self._name = full_name(settings, RAW_TRADES.name)
        self._new, self._copies = past, past.limit(0)
        self._base: int | None = None
        self.merged, self.removed = 0, 0

    def close(self) -> None:
        """Let go of what is kept."""
        self._new.unpersist()
        self._copies.unpersist()

    def write(self, target: str, base: int | None) -> None:
        """As `publish` asks for. Raises LakeError when the branch does not hold the rows that it should."""
        self._look(base)
        if self.removed:
            self._copies.createOrReplaceTempView(_COPIES)
            doubled = f"event_id in (select event_id from {_COPIES})"  # noqa: S608 - our own names
            self._spark.sql(f"delete from {target} where shard is null and {self._near} and {doubled}")  # noqa: S608
        if self.merged:
            properties = {QUERY_PROPERTY: QUERY, RUN_PROPERTY: uuid.uuid4().hex[:12]}
            with_properties(self._new.sortWithinPartitions("timestamp"), target, properties).append()
        if self.merged or self.removed:
            self._check(base)

    def _look(self, base: int | None) -> None:
        if base is None:
            self.merged = self._new.count()
        elif self._base is None:
            there = rows_at(self._spark, self._settings, RAW_TRADES.name, base).where(self._near)
            self._leave_out(there)
            self._find_copies(there)
        elif base != self._base:
            reader = self._spark.read.option("start-snapshot-id", self._base).option("end-snapshot-id", base)
            self._leave_out(reader.table(f"{self._name}.changes").where(self._near))  # what went since was at the base, or made room
        self._base = base

    def _leave_out(self, there: DataFrame) -> None:
        new = self._new.join(there.select("event_id"), "event_id", "left_anti").select(*RAW_TRADES.names).persist(KEPT)
        self.merged = new.count()
        self._new.unpersist()
        self._new = new

    def _find_copies(self, there: DataFrame) -> None:
        counted = there.groupBy("event_id").agg(F.count_if(F.col("shard").isNull()).alias("copies"), F.count("shard").alias("placed"))
        self._copies = counted.where("copies > 0 and placed > 0").persist(KEPT)
        self.removed = self._copies.agg(F.coalesce(F.sum("copies"), F.lit(0))).collect()[0][0]
        if self.removed:
            self._say(f"removing history's copies of {self.removed:,} trades that the stream has written as well")

    def _check(self, base: int | None) -> None:
        listed = self._spark.sql(
            f"select s.snapshot_id, bigint(s.summary['total-records']) total from {self._name}.snapshots s "  # noqa: S608 - our own names
            f"left join {self._name}.refs r on s.snapshot_id = r.snapshot_id where r.name = '{BRANCH}' or s.snapshot_id = {base or 0}"
        )
        totals = {row.snapshot_id: row.total for row in listed.collect()}
        wanted = totals.pop(base, 0) + self.merged - self.removed
        if list(totals.values()) != [wanted]:
            raise LakeError(f"raw_trades would hold {totals} rows, not {wanted}: nothing was merged, run it again")


def rows_of_files(spark: SparkSession, settings: Settings, keys: Sequence[str]) -> DataFrame:
    """Rows of `raw_trades`; the tasks read the files by S3's own interface, as Spark has no file system for it outside of EMR."""
    listed = spark.createDataFrame([(key,) for key in keys], "key string").repartition(min(len(keys), 64))
    return listed.mapInArrow(partial(_read, settings), TRADES_DDL)


def _read(settings: Settings, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for key in batch.column(0).to_pylist():
            yield from read(settings, key).to_batches(max_chunksize=20_000)


def tell_ledger(spark: SparkSession, settings: Settings) -> int:
    """Tell the ledger `backfilled` of what merges brought and it does not know of yet, each merge once; how many merges.

    The hot ledger first: a process that dies in between tells it the same again.
    """
    appender, metrics, told = TableAppender(settings), DynamoMetrics(settings), 0
    commits = LakeHistory(settings).commits()
    known = {commit.run for commit in commits.get(GAPS.name, []) if commit.query == QUERY}
    for commit in commits.get(RAW_TRADES.name, []):
        if commit.query == QUERY and commit.run is not None and commit.run not in known:
            rows = spans_of(_added(spark, settings, commit)).toArrow().cast(arrow_schema(GAPS))
            tell_hot(metrics, f"{QUERY}#{commit.run}", rows)
            told += appender.append_once(GAPS.name, rows, query=QUERY, run=commit.run, batch_id=0)
    return told


def _added(spark: SparkSession, settings: Settings, commit: Commit) -> DataFrame:
    """The rows of one append."""
    name = full_name(settings, RAW_TRADES.name)
    parents = spark.sql(f"select parent_id from {name}.snapshots where snapshot_id = {commit.snapshot_id}").collect()  # noqa: S608
    if parents[0].parent_id is None:
        return rows_at(spark, settings, RAW_TRADES.name, commit.snapshot_id)
    reader = spark.read.format("iceberg").option("start-snapshot-id", parents[0].parent_id)
    return reader.option("end-snapshot-id", commit.snapshot_id).load(name)


def spans_of(trades: DataFrame) -> DataFrame:
    """`gaps` rows: runs of neighbouring ids."""
    ordered = Window.partitionBy(*SPACE).orderBy("trade_id")
    return (
        trades.withColumn("island", F.col("trade_id") - F.row_number().over(ordered))
        .groupBy(*SPACE, "island")
        .agg(
            F.min("trade_id").alias("first_id"),
            F.max("trade_id").alias("last_id"),
            F.count("*").alias("trades"),
            F.min("timestamp").alias("started_at"),
            F.max("timestamp").alias("ended_at"),
        )
        .withColumn("state", F.lit("backfilled"))
        .select(*GAPS.names)
    )


def tell_natural(settings: Settings) -> int:
    """Tell the ledger `natural` of ids that the exchange's history skips; each range once. How many ranges."""
    symbols = {
        (name, own.market, native, own.kind): symbol for name, own in settings.exchanges.items() for symbol, native in own.symbols.items()
    }
    appender, metrics, told = TableAppender(settings), DynamoMetrics(settings), 0
    for name, progress in HistoryShelf(settings).markets():
        space = next((key for key in symbols if "-".join((key[0], key[1], key[2], key[3])) == name), None)
        if space is None or not progress.holes:
            continue
        known = appender.last_batch(GAPS.name, NATURAL, name) or 0
        rows = _natural_rows(space, symbols[space], progress.holes[known:], progress.at)
        tell_hot(metrics, f"{NATURAL}#{name}#{known:08}", rows)
        told += appender.append_once(GAPS.name, rows, query=NATURAL, run=name, batch_id=len(progress.holes)) and rows.num_rows
    return told


def tell_hot(metrics: MetricStore, teller: str, rows: pa.Table) -> None:
    """The same rows for `GET /gaps`, beside what the stream's every batch puts there."""
    spans: dict[str, list[IdSpan]] = {}
    for row in rows.to_pylist():
        symbol, *names = (row.pop(name) for name in SPACE)
        spans.setdefault(symbol, []).append(IdSpan(space=id_space(*names), **row))
    for symbol, own in spans.items():
        metrics.tell_ledger(symbol, teller, own)


def _natural_rows(space: tuple[str, str, str, str], symbol: str, holes: list[tuple[int, int]], at: Any) -> pa.Table:
    exchange, market, native, kind = space
    same = {
        "symbol": symbol,
        "exchange": exchange,
        "market": market,
        "native_symbol": native,
        "kind": kind,
        "state": "natural",
        "trades": 0,
    }
    ids = Intervals([], [])
    for hole in holes:
        ids.add(*hole)
    rows = [
        {**same, "first_id": low, "last_id": high, "started_at": at, "ended_at": at} for low, high in zip(ids.starts, ids.ends, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=arrow_schema(GAPS))
