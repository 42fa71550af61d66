"""Kinesis as a source: the reading of our own format (`ctc.spark.source`)."""

from __future__ import annotations

import msgspec
from pyspark.sql import DataFrame, SparkSession

from ctc.settings import Settings
from ctc.spark.source import KinesisDataSource


def kinesis_records(
    spark: SparkSession, settings: Settings, stream: str, first_bytes: int | None = None, most_bytes: int | None = None
) -> DataFrame:
    """The stream's records from its oldest on, at most so many bytes of a shard in the first and in any batch."""
    most = most_bytes or settings.spark.max_bytes_per_shard
    spark.dataSource.register(KinesisDataSource)
    return (
        spark.readStream.format(KinesisDataSource.name())
        .option("settings", msgspec.json.encode(settings).decode())
        .option("kinesis.streamName", stream)
        .option("kinesis.maxBytesPerShard", str(most))
        .option("kinesis.firstMaxBytesPerShard", str(min(most, first_bytes or most)))
        .load()
    )
