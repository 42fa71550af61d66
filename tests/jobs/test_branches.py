"""Commits by a branch, while others commit to main as fast as they can: nobody's rows are lost, nobody's are doubled."""

from __future__ import annotations

import threading

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from ctc.arrow import arrow_schema
from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import TableAppender, create_tables
from ctc.aws.query import LakeReader
from ctc.errors import LakeError
from ctc.schema import QUALITY
from ctc.settings import Settings
from ctc.spark.branches import publish
from ctc.spark.tables import current_snapshot, full_name

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
PUBLISHED = 5


def row(number: int) -> pa.Table:
    from datetime import UTC, datetime

    values = {
        "symbol": "BTC-USDT",
        "timestamp": datetime(2026, 1, 5, tzinfo=UTC),
        "measure": "passed",
        "dimension": None,
        "records": number,
    }
    return pa.Table.from_pylist([values], schema=arrow_schema(QUALITY))


def numbers(settings: Settings) -> list[int]:
    reader = LakeReader(settings)
    try:
        return sorted(reader.query("select records from quality").column(0).to_pylist())
    finally:
        reader.close()


def test_nobody_loses_a_commit(spark: SparkSession, emulator: Settings) -> None:
    create_tables(emulator)
    appender, done, told = TableAppender(emulator), threading.Event(), []
    committed = [0]
    appender.append_once("quality", row(0), query="q", run="r", batch_id=0)

    def stream() -> None:
        number = 0
        while not done.wait(0.4):
            number += 1
            appender.append_once("quality", row(number), query="q", run="r", batch_id=number)
            committed.append(number)

    writer = threading.Thread(target=stream)
    writer.start()
    try:
        for index in range(PUBLISHED):

            def write(target: str, base: int | None, index: int = index) -> None:
                spark.createDataFrame(row(1_000 + index)).writeTo(target).append()

            try:
                publish(spark, emulator, "quality", "ctc_test", write, told.append)
                committed.append(1_000 + index)
            except LakeError as error:
                told.append(str(error))
    finally:
        done.set()
        writer.join()
    assert numbers(emulator) == sorted(committed)
    assert any(number >= 1_000 for number in committed) or "others committed" in told[-1]


def test_what_does_not_hold_stays_on_its_branch(spark: SparkSession, emulator: Settings) -> None:
    create_tables(emulator)
    TableAppender(emulator).append_once("quality", row(0), query="q", run="r", batch_id=0)
    before = current_snapshot(spark, emulator, "quality")

    def write(target: str, base: int | None) -> None:
        spark.createDataFrame(row(1)).writeTo(target).append()
        raise LakeError("it does not hold")

    with pytest.raises(LakeError, match="it does not hold"):
        publish(spark, emulator, "quality", "ctc_test", write, lambda _: None)
    assert current_snapshot(spark, emulator, "quality") == before
    assert numbers(emulator) == [0]
    assert [commit.snapshot_id for commit in LakeHistory(emulator).commits()["quality"]] == [before]
    assert spark.sql(f"select name from {full_name(emulator, 'quality')}.refs").count() == 2
    publish(
        spark, emulator, "quality", "ctc_test", lambda target, _: spark.createDataFrame(row(2)).writeTo(target).append(), lambda _: None
    )
    assert numbers(emulator) == [0, 2]
    assert [commit.rows for commit in LakeHistory(emulator).commits()["quality"]] == [2, 1]
