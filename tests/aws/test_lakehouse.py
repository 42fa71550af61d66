"""The Iceberg side without Spark: schemas agree, money is exact, each batch is there once."""

from __future__ import annotations

import threading
from decimal import Decimal

import pyarrow as pa
import pytest
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.table import Table as IcebergTable
from pyspark.sql.pandas.types import from_arrow_type
from samples_lake import alert, bar, minute, spread

from ctc.arrow import arrow_schema
from ctc.aws import lakehouse
from ctc.aws.columns import iceberg_schema, partition_spec
from ctc.aws.lakehouse import TableAppender, create_tables, last_batch, rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.errors import LakeError
from ctc.schema import TABLES, Table
from ctc.settings import Settings

ICEBERG_WORDS = {"bigint": "long", "decimal(38,18)": "decimal(38, 18)", "decimal(38,8)": "decimal(38, 8)", "timestamp": "timestamptz"}


@pytest.fixture
def lake(emulator: Settings) -> Settings:
    create_tables(emulator)
    return emulator


def load(settings: Settings, name: str) -> IcebergTable:
    return lakehouse.catalog(settings).load_table((settings.lake.database, name))


def rows_in(settings: Settings, name: str) -> list[dict[str, object]]:
    return load(settings, name).scan().to_arrow().to_pylist()


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_schema_is_the_same_for_spark_iceberg_and_arrow(table: Table) -> None:
    iceberg, arrow = iceberg_schema(table), arrow_schema(table)
    assert [(f.name, str(f.field_type), f.required) for f in iceberg.fields] == [
        (c.name, ICEBERG_WORDS.get(c.type, c.type), c.required) for c in table.columns
    ]
    from_iceberg = schema_to_pyarrow(iceberg, include_field_ids=False)
    assert from_iceberg.names == arrow.names == table.names
    for ours, theirs in zip(arrow, from_iceberg, strict=True):
        assert ours.nullable == theirs.nullable
        assert ours.type == theirs.type or (pa.types.is_string(ours.type) and pa.types.is_large_string(theirs.type))


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_spark_reads_arrow_rows_as_the_columns_it_declares(table: Table) -> None:
    for column, field in zip(table.columns, arrow_schema(table), strict=True):
        assert from_arrow_type(field.type).simpleString() == column.type, column


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_partitions_are_the_day_and_the_symbol_or_role(table: Table) -> None:
    schema = iceberg_schema(table)
    made = [(schema.find_field(f.source_id).name, str(f.transform)) for f in partition_spec(table).fields]
    assert made == [(table.time, "day"), ("role" if table.name == "wallet_scores" else "symbol", "identity")]


def test_rows_of_alerts_names_columns_as_the_table_does() -> None:
    (row,) = rows_of_alerts([alert(rule="whale.split", revision=1)]).to_pylist()
    assert (row["rule"], row["timestamp"], row["revision"]) == ("split", minute(7), 1)
    assert row["price"] == Decimal("62000.2")
    assert row["z_score"] is None


def test_rows_keep_all_eighteen_places() -> None:
    (row,) = rows_of_bars([bar(3)]).to_pylist()
    assert str(row["volume"]) == "1.000000000000000001"
    (row,) = rows_of_spreads([spread(0)]).to_pylist()
    assert str(row["binance_vwap"]) == "62000.12345678"


def test_rows_refuse_what_a_column_would_round() -> None:
    with pytest.raises(LakeError, match=r"anomalies\.price"):
        rows_of_alerts([alert(price=Decimal("0.1234567890123456789"))])
    with pytest.raises(LakeError, match=r"volume_aggregates\.volume"):
        rows_of_bars([bar(0, volume=Decimal(10) ** 21)])


def test_rows_of_nothing_have_the_table_schema() -> None:
    assert rows_of_spreads([]).schema == arrow_schema(TABLES["spreads"])


@pytest.mark.emulator
def test_create_tables_twice_keeps_what_is_there(lake: Settings) -> None:
    TableAppender(lake).append_once("spreads", rows_of_spreads([spread(0)]), query="detect", run="r1", batch_id=0)
    create_tables(lake)
    assert len(rows_in(lake, "spreads")) == 1
    table = load(lake, "raw_trades")
    assert table.format_version == 2
    assert table.properties["write.parquet.compression-codec"] == "zstd"
    assert table.location() == f"s3://{lake.lake.bucket}/{lake.lake.database}/raw_trades"


@pytest.mark.emulator
def test_appender_commits_each_batch_once(lake: Settings) -> None:
    appender = TableAppender(lake)
    rows = rows_of_spreads([spread(0), spread(1, symbol="ETH-USDT")])
    assert appender.append_once("spreads", rows, query="detect", run="r1", batch_id=4)
    assert not appender.append_once("spreads", rows, query="detect", run="r1", batch_id=4)
    assert not TableAppender(lake).append_once("spreads", rows, query="detect", run="r1", batch_id=3), "after a restart"
    assert TableAppender(lake).append_once("spreads", rows, query="detect", run="r2", batch_id=0), "another run"
    assert len(rows_in(lake, "spreads")) == 4
    assert (last_batch(load(lake, "spreads"), "detect", "r1"), appender.last_batch("spreads", "detect", "r2")) == (4, 0)
    assert appender.last_batch("spreads", "detect", "r3") is None


@pytest.mark.emulator
def test_appender_makes_no_snapshot_for_no_rows(lake: Settings) -> None:
    assert not TableAppender(lake).append_once("spreads", rows_of_spreads([]), query="detect", run="r1", batch_id=0)
    assert load(lake, "spreads").current_snapshot() is None


@pytest.mark.emulator
def test_appender_keeps_decimals_and_times(lake: Settings) -> None:
    TableAppender(lake).append_once("volume_aggregates", rows_of_bars([bar(30)]), query="detect", run="r1", batch_id=0)
    (row,) = rows_in(lake, "volume_aggregates")
    assert row == rows_of_bars([bar(30)]).to_pylist()[0]


@pytest.mark.emulator
def test_two_writers_lose_nothing(lake: Settings) -> None:
    def write(run: str) -> None:
        appender = TableAppender(lake)
        for batch in range(4):
            appender.append_once("spreads", rows_of_spreads([spread(batch)]), query="detect", run=run, batch_id=batch)

    writers = [threading.Thread(target=write, args=(run,)) for run in ("r1", "r2")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
    assert len(rows_in(lake, "spreads")) == 8


@pytest.mark.emulator
def test_commit_whose_answer_is_lost_is_not_made_again(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    appender = TableAppender(lake)
    real = appender._catalog.commit_table
    answers = iter([CommitFailedException("the answer was lost")])

    def commit_then_fail(*arguments: object) -> object:
        made = real(*arguments)  # type: ignore[arg-type]
        for trouble in answers:
            raise trouble
        return made

    monkeypatch.setattr(appender._catalog, "commit_table", commit_then_fail)
    appender.append_once("spreads", rows_of_spreads([spread(0)]), query="detect", run="r1", batch_id=0)
    appender.append_once("spreads", rows_of_spreads([spread(1)]), query="detect", run="r1", batch_id=1)
    assert len(rows_in(lake, "spreads")) == 2


@pytest.mark.emulator
def test_failed_commit_asks_the_table_again(lake: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    appender = TableAppender(lake)
    real = appender._catalog.commit_table

    def commit_then_die(*arguments: object) -> object:
        real(*arguments)  # type: ignore[arg-type]
        raise OSError("connection reset")

    monkeypatch.setattr(appender._catalog, "commit_table", commit_then_die)
    with pytest.raises(LakeError, match="try the batch again"):
        appender.append_once("spreads", rows_of_spreads([spread(0)]), query="detect", run="r1", batch_id=0)
    monkeypatch.setattr(appender._catalog, "commit_table", real)
    assert not appender.append_once("spreads", rows_of_spreads([spread(0)]), query="detect", run="r1", batch_id=0)
    assert len(rows_in(lake, "spreads")) == 1


@pytest.mark.emulator
def test_appender_names_a_table_that_is_not_there(emulator: Settings) -> None:
    with pytest.raises(LakeError, match="spreads"):
        TableAppender(emulator).append_once("spreads", rows_of_spreads([spread(0)]), query="detect", run="r1", batch_id=0)
