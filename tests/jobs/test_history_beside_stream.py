"""`history` and the stream's sink on one table, in every order: each trade once, and the stream's row where both had it."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa
import pytest
from fakes_hot import MemoryMetrics, MemoryQuality
from log_strategies import SYMBOL
from pyspark.sql import DataFrame, SparkSession
from streamed import RUN, Record, ask, say, settings_for, stream

from ctc.aws.historical import HistoryShelf
from ctc.aws.lakehouse import BATCH_PROPERTY, QUERY_PROPERTY, RUN_PROPERTY
from ctc.codec import read_record
from ctc.errors import LakeError
from ctc.model import Trade
from ctc.quality.counts import Totals
from ctc.schema import RAW_TRADES, Table
from ctc.settings import Settings
from ctc.sources.past import Market
from ctc.spark import branches, historical, once
from ctc.spark.historical import merge
from ctc.spark.lake import PACKED, LakeFold, from_ipc
from ctc.spark.once import commit_once
from ctc.spark.sinks import LakeSink
from ctc.spark.tables import full_name

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
PIECES = 12
Given = dict[str, list[Record]]


class Nobody:
    """CloudWatch is not asked."""

    def publish(self, totals: Totals) -> None:
        assert totals.processed


class Lake:
    """The query `lake` from its fold on: batches of a log, and the sink that takes them.

    In a Spark session of its own, as a query has one: what Iceberg keeps in it of a table knows nothing of the job's.
    """

    def __init__(self, spark: SparkSession, settings: Settings, batches: Sequence[Given]) -> None:
        self.settings, self._spark = settings, spark.newSession()
        self.reports: list[dict[str, Any]] = []
        self._folds: dict[str, LakeFold] = {}
        self._batches = [self._packed(given) for given in batches]
        self.trades = pa.concat_tables(from_ipc(row.trade_rows) for rows in self._batches for row in rows if row.trade_rows)
        self.restart()

    def _packed(self, given: Given) -> list[Any]:
        rows = []
        for symbol, some in given.items():
            rows += self._folds.setdefault(symbol, LakeFold(symbol, self.settings, None)).take(list(some))
        return rows

    def restart(self) -> None:
        """A new process takes the batches from now on."""
        self._sink = LakeSink(self.settings, MemoryMetrics(), MemoryQuality(), Nobody(), lambda _, told: self.reports.append(told))

    def write(self, *numbers: int) -> None:
        """The sink is given these batches."""
        self._spark.sparkContext.setLocalProperty("sql.streaming.queryId", RUN)
        for number in numbers:
            self._sink(self._spark.createDataFrame(self._batches[number], PACKED), number)

    def put(self, number: int, rows: pa.Table) -> None:
        """A commit of these rows, as the sink makes it."""
        properties = {QUERY_PROPERTY: "lake", RUN_PROPERTY: RUN, BATCH_PROPERTY: str(number)}
        commit_once(self._spark.createDataFrame(rows), full_name(self.settings, RAW_TRADES.name), properties, lambda: False)

    def holds(self) -> None:
        """`raw_trades` is what the stream alone would have left."""
        rows = ask(self.settings, "select * from raw_trades order by event_id")
        assert rows == sorted(self.trades.to_pylist(), key=lambda row: str(row["event_id"]))


def past_trades(batches: Sequence[Given]) -> list[Trade]:
    """What Binance's history has of them."""
    lines = (line for given in batches for _, _, data, _ in given[SYMBOL] for line in read_record(data, frozenset({SYMBOL})))
    return list({line.event_id: line for line in lines if isinstance(line, Trade) and line.exchange == "binance"}.values())


def shelve(settings: Settings, trades: Sequence[Trade]) -> None:
    """As the job's first half does."""
    one = trades[0]
    HistoryShelf(settings).put(Market(one.exchange, one.market, one.symbol, one.native_symbol, one.kind), one.trade_id, trades)


def merged(spark: SparkSession, settings: Settings) -> int:
    (done,) = merge(spark, settings, (SYMBOL,), None, None, say)
    return done.merged


@pytest.fixture
def batches(emulator: Settings) -> list[Given]:
    """Four batches of a log; the tables are made."""
    _, parts = stream(settings_for(emulator))
    return list(parts)


@pytest.fixture
def lake(spark: SparkSession, emulator: Settings, batches: list[Given]) -> Lake:
    """The first of them are written, and the history of all of them lies in files."""
    made = Lake(spark, settings_for(emulator), batches)
    made.write(0, 1)
    shelve(made.settings, past_trades(batches))
    return made


def test_batches_after_the_merge_take_its_places(spark: SparkSession, lake: Lake) -> None:
    brought = merged(spark, lake.settings)
    assert brought
    assert ask(lake.settings, "select count(*) n from raw_trades where shard is null") == [{"n": brought}]
    lake.write(2, 3)
    lake.holds()
    assert lake.reports[-1]["totals"]["trades"] == lake.trades.num_rows
    assert merged(spark, lake.settings) == 0
    lake.holds()


def test_a_merge_between_the_look_and_the_append(spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    append, brought = once._append, list[int]()

    def late(rows: DataFrame, name: str, base: str, properties: dict[str, str]) -> None:
        if not brought:
            brought.append(merged(spark, lake.settings))
        append(rows, name, base, properties)

    monkeypatch.setattr(once, "_append", late)
    lake.write(2)
    assert brought[0]
    lake.write(3)
    lake.holds()


def test_a_commit_whose_answer_was_lost_is_not_made_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    append = once._append

    def twice(*given: Any) -> None:
        append(*given)
        append(*given)

    monkeypatch.setattr(once, "_append", twice)
    lake.write(2, 3)
    lake.holds()


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_process_that_dies_at_its_commit(spark: SparkSession, lake: Lake, monkeypatch: pytest.MonkeyPatch, when: str) -> None:
    merged(spark, lake.settings)
    commit = LakeSink._commit

    def killed(self: LakeSink, table: Table, rows: DataFrame, run: str, batch_id: int) -> None:
        if when == "after":
            commit(self, table, rows, run, batch_id)
        raise RuntimeError("killed at its commit")

    monkeypatch.setattr(LakeSink, "_commit", killed)
    with pytest.raises(RuntimeError, match="killed at its commit"):
        lake.write(2)
    monkeypatch.setattr(LakeSink, "_commit", commit)
    counted = "select count(*) n, count(distinct event_id) ids from raw_trades"
    assert all(row["n"] == row["ids"] for row in ask(lake.settings, counted))
    lake.restart()
    lake.write(2, 3)
    lake.holds()


def pieces(rows: pa.Table) -> Iterator[pa.Table]:
    size = -(-rows.num_rows // PIECES)
    return (rows.slice(start, size) for start in range(0, rows.num_rows, size))


def test_a_merge_beside_commits_every_four_tenths_of_a_second(spark: SparkSession, emulator: Settings, batches: list[Given]) -> None:
    lake = Lake(spark, settings_for(emulator), batches)
    shelve(lake.settings, past_trades(batches))
    began, done = threading.Event(), threading.Event()
    failed: list[BaseException] = []

    def write() -> None:
        try:
            for number, piece in enumerate(pieces(lake.trades)):
                lake.put(number, piece)
                began.set()
                done.wait(0.4)
        except BaseException as error:
            failed.append(error)
            raise

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert began.wait(60)
        merge(spark, lake.settings, (SYMBOL,), None, None, say)
    except LakeError as error:
        assert "others committed" in str(error)  # noqa: PT017 - either end is allowed, nothing else
    finally:
        done.set()
        writer.join()
    assert not failed
    merged(spark, lake.settings)
    lake.holds()


def test_later_attempts_look_only_at_what_came_since(
    spark: SparkSession, emulator: Settings, batches: list[Given], monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(spark, settings_for(emulator), batches)
    past = past_trades(batches)
    shelve(lake.settings, past)
    waiting = list(enumerate(pieces(lake.trades)))
    lake.put(*waiting.pop(0))
    forward, whole, looked = branches._fast_forward, historical.rows_at, list[Any]()

    def overtaken(*given: Any) -> bool:
        if len(waiting) > PIECES - 4:
            lake.put(*waiting.pop(0))
        return forward(*given)

    def counted(*given: Any) -> DataFrame:
        looked.append(given)
        return whole(*given)

    monkeypatch.setattr(branches, "_fast_forward", overtaken)
    monkeypatch.setattr(historical, "rows_at", counted)
    brought = merged(spark, lake.settings)
    assert len(waiting) == PIECES - 4
    assert len(looked) == 1
    there = ask(lake.settings, "select count(distinct event_id) ids, count(*) n, count(*) - count(shard) own from raw_trades")
    assert there[0]["ids"] == there[0]["n"]
    assert there[0]["own"] == brought
    left = {row["event_id"] for _, piece in waiting for row in piece.to_pylist()}
    assert brought == sum(trade.event_id in left for trade in past)
    for number, piece in waiting:
        lake.put(number, piece)
    lake.holds()


def test_a_merge_heals_what_an_older_stream_doubled(spark: SparkSession, emulator: Settings) -> None:
    made, parts = stream(settings_for(emulator))
    batches = list(parts)
    kept = Lake(spark, made.settings, batches)
    shelve(made.settings, past_trades(batches))
    for given in batches[:2]:
        made.write(given)  # appends without looking, as the older version's sink did
    brought = merged(spark, made.settings)
    for given in batches[2:]:
        made.write(given)
    doubled = "select count(*) n from (select event_id from raw_trades group by event_id having count(*) > 1)"
    assert ask(made.settings, doubled) == [{"n": brought}]
    told: list[str] = []
    (done,) = merge(spark, made.settings, (SYMBOL,), None, None, told.append)
    assert done.merged == 0
    assert f"removing history's copies of {brought:,} trades that the stream has written as well" in told
    kept.holds()
