"""Named queries: Athena's dialect in the files, the same answers by DuckDB and by Spark, time travel included."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession
from streamed import Stream

from ctc.aws.history import LakeHistory
from ctc.aws.log import Span
from ctc.aws.named import SINCE, NamedReader, Values, names, snapshot_at, spark_name, text, turned
from ctc.detect import ALL_DETECTORS
from ctc.errors import ConfigError
from ctc.settings import ROOT, load_profile
from ctc.spark.reprocess import reprocess
from ctc.spark.session import CATALOG

LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
EMPTY = {"quality-by-reason"}  # the small lake has no refused records


def plain(value: Any) -> Any:
    return value.normalize() if isinstance(value, Decimal) else dict(value) if isinstance(value, list) else value


def rows_of(table: Any) -> list[tuple[Any, ...]]:
    return [tuple(plain(value) for value in row.values()) for row in table.to_pylist()]


@pytest.mark.spark
@pytest.mark.emulator
@pytest.mark.timeout(1200)
def test_spark_and_duckdb_give_the_same_answers(spark: SparkSession, streamed: Stream) -> None:
    settings = streamed.settings
    reprocess(spark, settings, settings, Span(), ALL_DETECTORS, lambda _: None)
    commits = LakeHistory(settings).commits()
    older = commits["raw_trades"][2]
    values = Values(since=LONG_AGO, snapshot=older.snapshot_id, moment=commits["raw_trades"][1].at)
    reader, seen = NamedReader(settings), {}
    for name in names():
        sql = turned(
            text(name, settings, values),
            "spark",
            lambda at: spark_name(settings, CATALOG, at),
            lambda table, moment: snapshot_at(commits[table], table, moment),
        )
        by_duckdb = reader.ask(name, values)
        by_spark = spark.sql(sql).toArrow()
        assert rows_of(by_duckdb) == rows_of(by_spark), name
        assert by_duckdb.column_names == by_spark.column_names, name
        seen[name] = by_duckdb
    assert {name for name, found in seen.items() if not found.num_rows} == EMPTY
    # Time travel: what was committed later is not there.
    newest = {name: max(seen[name]["timestamp"].to_pylist()) for name in ("trades-as-of-snapshot", "trades-as-of-time")}
    assert newest["trades-as-of-snapshot"] < newest["trades-as-of-time"]
    reader.close()


@pytest.mark.emulator
def test_question_that_can_not_be_asked_says_what_to_give(streamed: Stream) -> None:
    reader = NamedReader(streamed.settings)
    for name, values, said in (
        ("nothing", Values(), "there is no query 'nothing'; choose one of: gaps"),
        ("trades-as-of-snapshot", Values(), "give it with --snapshot ID"),
        ("trades-as-of-time", Values(), "give it with --as-of T"),
        ("trades-as-of-time", Values(moment=LONG_AGO), "raw_trades held nothing at 2026-01-01"),
        ("trades-as-of-snapshot", Values(snapshot=5), "raw_trades has no snapshot 5"),
    ):
        with pytest.raises(ConfigError, match=said):
            reader.ask(name, values)
    reader.close()


def test_terraform_puts_the_same_values_in_their_places() -> None:
    told = (ROOT / "infra" / "settings.tf").read_text()
    assert f'since    = "{SINCE}"' in told
    moment = datetime(2026, 11, 1, tzinfo=UTC)
    sql = text("trades-as-of-time", load_profile("cloud"), Values(moment=moment))
    assert "FOR TIMESTAMP AS OF TIMESTAMP '2026-11-01 00:00:00.000000 UTC'" in sql
    assert "moment   = \"TIMESTAMP '2026-11-01 00:00:00 UTC'\"" in told


@pytest.mark.parametrize("unit", ["second", "minute", "hour", "day", "week", "month", "year"])
def test_times_are_cut_as_the_calendar_cuts_them(unit: str) -> None:
    asked = f"SELECT date_trunc('{unit}', timestamp) AS cut FROM times"
    sql = turned(asked, "duckdb", lambda at: at.table, lambda table, moment: 0)
    assert ("time_bucket" in sql.lower()) == (unit in ("second", "minute", "hour", "day"))
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        # A moment every five days and a bit, from 1916 to 2074.
        connection.execute("create table times as select make_timestamptz(n * 433_123_456_789) as timestamp from range(-4000, 7600) t(n)")
        found, expected = (connection.execute(each).fetchall() for each in (sql, asked))
    assert len(found) == 11_600
    assert found == expected
