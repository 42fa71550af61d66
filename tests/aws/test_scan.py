"""Rows of the lake without DuckDB: the same that DuckDB reads."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import pyarrow as pa
import pytest
from samples_lake import alert, bar, minute

from ctc.aws import lakehouse
from ctc.aws.lakehouse import TableAppender, create_tables, rows_of_alerts, rows_of_bars
from ctc.aws.query import LakeReader
from ctc.aws.scan import LakeScan
from ctc.errors import LakeError, StoreError
from ctc.schema import ANOMALIES, RAW_TRADES, VOLUME_AGGREGATES
from ctc.settings import Settings

pytestmark = pytest.mark.emulator
COLUMNS = ("quote_volume", "window_start", "symbol")


@pytest.fixture
def lake(emulator: Settings) -> Settings:
    """Bars of ten minutes in two files."""
    create_tables(emulator)
    appender = TableAppender(emulator)
    for batch, minutes in enumerate((range(6), range(6, 10))):
        rows = rows_of_bars(bar(each) for each in minutes)
        appender.append_once("volume_aggregates", rows, query="detect", run="r", batch_id=batch)
    return emulator


def rows(batches: list[pa.RecordBatch]) -> list[dict[str, object]]:
    return sorted((row for batch in batches for row in batch.to_pylist()), key=lambda row: str(row["window_start"]))


def test_rows_are_those_that_duckdb_reads(lake: Settings) -> None:
    found = list(LakeScan(lake).batches(VOLUME_AGGREGATES, COLUMNS))
    assert {tuple(batch.schema.names) for batch in found} == {COLUMNS}
    reader = LakeReader(lake)
    assert rows(found) == reader.query(f"select {', '.join(COLUMNS)} from volume_aggregates order by window_start").to_pylist()
    reader.close()


def test_time_is_from_one_moment_on_and_before_another(lake: Settings) -> None:
    found = rows(list(LakeScan(lake).batches(VOLUME_AGGREGATES, COLUMNS, minute(2), minute(7))))
    assert [row["window_start"] for row in found] == [minute(each) for each in range(2, 7)]
    assert not list(LakeScan(lake).batches(VOLUME_AGGREGATES, COLUMNS, minute(10)))


def test_table_is_read_as_it_was_at_the_first_question(lake: Settings) -> None:
    scan = LakeScan(lake)
    before = rows(list(scan.batches(VOLUME_AGGREGATES, COLUMNS)))
    TableAppender(lake).append_once("volume_aggregates", rows_of_bars([bar(20)]), query="detect", run="r", batch_id=2)
    assert rows(list(scan.batches(VOLUME_AGGREGATES, COLUMNS))) == before
    assert len(rows(list(LakeScan(lake).batches(VOLUME_AGGREGATES, COLUMNS)))) == len(before) + 1


def test_table_without_snapshot_has_no_rows(lake: Settings) -> None:
    assert not list(LakeScan(lake).batches(ANOMALIES, ["alert_id"]))
    TableAppender(lake).append_once("anomalies", rows_of_alerts([alert()]), query="detect", run="r", batch_id=0)
    assert [batch.num_rows for batch in LakeScan(lake).batches(ANOMALIES, ["alert_id"])] == [1]


def test_columns_that_differ_are_counted_and_more_of_them_are_not(lake: Settings) -> None:
    table = lakehouse.catalog(lake).load_table((lake.lake.database, "volume_aggregates"))
    with table.update_schema() as change:
        change.add_column("market_cap_rank", table.schema().find_type("trade_count"))
    assert LakeScan(lake).differing(VOLUME_AGGREGATES) == 0
    with table.update_schema(allow_incompatible_changes=True) as change:
        change.delete_column("volume")
        change.make_column_optional("quote_volume")
    assert LakeScan(lake).differing(VOLUME_AGGREGATES) == 2
    assert LakeScan(lake).differing(RAW_TRADES) == 0


def test_table_and_files_that_are_not_there_are_errors_of_the_lake(lake: Settings) -> None:
    nowhere = msgspec.structs.replace(lake, lake=msgspec.structs.replace(lake.lake, database="nowhere"))
    with pytest.raises(LakeError, match=r"there is no table nowhere\.anomalies"):
        LakeScan(nowhere).differing(ANOMALIES)
    scan = LakeScan(lake)
    assert scan.differing(VOLUME_AGGREGATES) == 0
    (file, *_) = [task.file.file_path for task in scan._table(VOLUME_AGGREGATES).scan().plan_files()]
    lakehouse.clients.client("s3", lake).delete_object(Bucket=lake.lake.bucket, Key=file.split("/", 3)[3])
    with pytest.raises(StoreError, match=r"reading the table .*volume_aggregates: it is not there"):
        list(scan.batches(VOLUME_AGGREGATES, COLUMNS, minute(0) - timedelta(days=1)))
