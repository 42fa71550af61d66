"""The source as Spark is given it, over the emulator: options, a reader that travels, the records."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pyspark.sql.types import StructType
from spark_driver import SparkDriver

from ctc.aws.clients import client
from ctc.aws.streams import create_streams
from ctc.errors import ConfigError, DataLoss
from ctc.settings import Settings, load_profile
from ctc.spark.source import ARROW, SCHEMA, KinesisDataSource, KinesisStreamReader


def reader_of(settings: Settings, limit: int = 8 << 20) -> KinesisStreamReader:
    """As Spark makes it: from options, whose names come in lower case."""
    source = KinesisDataSource(
        {
            "settings": msgspec.json.encode(settings).decode(),
            "kinesis.streamname": settings.stream.trades,
            "kinesis.maxbytespershard": str(limit),
        }
    )
    return source.streamReader(StructType())


@pytest.mark.emulator
def test_source_reads_a_stream_through_restarts(emulator: Settings) -> None:
    create_streams(emulator)
    kinesis: Any = client("kinesis", emulator)
    sent: dict[str, list[tuple[int, bytes]]] = {}
    driver = SparkDriver(lambda: reader_of(emulator, 2_000))
    for crash in ("nothing", "after planning", "before the log", "after the log", "in a task", "after the sink", "nothing"):
        for number in range(12):
            key, data = f"K{number % 5}", f"{crash} {number}".encode() * 40
            answer = kinesis.put_record(StreamName=emulator.stream.trades, PartitionKey=key, Data=data)
            sent.setdefault(key, []).append((int(answer["SequenceNumber"]), data))
        driver.trigger(crash)
    while driver.trigger():
        pass
    rows = [row for batch in sorted(driver.rows) for row in driver.rows[batch]]
    for key, expected in sent.items():
        assert [(int(row["sequenceNumber"]), row["data"]) for row in rows if row["partitionKey"] == key] == expected
    assert len(rows) == 84
    assert {row["streamName"] for row in rows} == {emulator.stream.trades}
    assert not any(row["sequenceNumber"].startswith("0") for row in rows)
    assert driver.planned_again > 0


@pytest.mark.emulator
def test_source_of_a_stream_made_anew_says_so(emulator: Settings) -> None:
    create_streams(emulator)
    kinesis: Any = client("kinesis", emulator)
    kinesis.put_record(StreamName=emulator.stream.trades, PartitionKey="A", Data=b"1")
    driver = SparkDriver(lambda: reader_of(emulator))
    driver.trigger()
    kinesis.delete_stream(StreamName=emulator.stream.trades)
    create_streams(emulator)
    with pytest.raises(DataLoss, match="made anew"):
        driver.trigger()


def test_columns_are_what_spark_is_told() -> None:
    assert [column.split()[0] for column in SCHEMA.split(", ")] == ARROW.names


def test_source_without_a_stream_says_which_option() -> None:
    with pytest.raises(ConfigError, match=r"kinesis\.streamName"):
        KinesisDataSource({"settings": msgspec.json.encode(load_profile("sim")).decode()}).streamReader(StructType())
