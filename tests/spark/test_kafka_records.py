"""Kafka's columns come out as the Kinesis source's, whatever a record holds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pyspark.sql import SparkSession
from pyspark.sql.types import StructType

from ctc.settings import load_profile
from ctc.spark.kafka import as_records, most_records
from ctc.spark.source import SCHEMA

pytestmark = [pytest.mark.spark, pytest.mark.emulator]

KAFKA = "key binary, value binary, topic string, partition int, offset long, timestamp timestamp, timestampType int"
AT = datetime(2026, 11, 27, 12, 0, 0, 123_000, tzinfo=UTC)


def test_columns_are_those_of_the_kinesis_source(spark: SparkSession) -> None:
    given = [
        (b"BTC-USDT", b"\x28\xb5\x2f\xfd", "trades", 1, 9, AT, 1),
        (b"BTC-USDT", b"x", "trades", 1, 10, AT, 1),
        (None, None, "trades", 0, 0, AT, 1),
        (b"\xff\xfe", b"", "trades", 0, 1 << 40, AT, 1),
    ]
    found = as_records(spark.createDataFrame(given, KAFKA))
    wanted = StructType.fromDDL(SCHEMA)
    assert [(field.name, field.dataType) for field in found.schema] == [(field.name, field.dataType) for field in wanted]
    rows = found.toArrow().to_pylist()
    assert [(row["partitionKey"], row["data"], row["streamName"], row["shardId"]) for row in rows] == [
        ("BTC-USDT", b"\x28\xb5\x2f\xfd", "trades", "partition-000001"),
        ("BTC-USDT", b"x", "trades", "partition-000001"),
        ("", b"", "trades", "partition-000000"),
        ("\ufffd\ufffd", b"", "trades", "partition-000000"),
    ]
    numbers = [row["sequenceNumber"] for row in rows]
    assert sorted(numbers) == sorted(numbers, key=int) == [str(10**18 + offset) for offset in (0, 9, 10, 1 << 40)]
    assert all(str(int(number)) == number for number in numbers)
    assert {row["approximateArrivalTimestamp"] for row in rows} == {AT}


def test_batch_holds_several_triggers_of_records_and_has_a_bound() -> None:
    settings = load_profile("sim")
    a_trigger = len(settings.session.symbols) * settings.spark.lake_trigger_s * 1000 // settings.producer.linger_ms
    assert a_trigger == 400
    assert most_records(settings) == 4 * a_trigger
    assert most_records(settings, 64 << 10) == 64
    assert most_records(load_profile("sim", {"producer.linger_ms": 0, "spark.lake_trigger_s": 0})) > 0
