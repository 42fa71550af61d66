"""Kafka as a source: Spark's own format `kafka`, with the columns of `ctc.spark.source`.

Partitions and offsets are named as in `ctc.kafka.places`.
Spark limits a batch by records and not by bytes, and for all partitions together.
"""

from __future__ import annotations

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.kafka.places import FIRST_NUMBER, SHARD
from ctc.settings import Settings

BATCHES_AHEAD = 4


def kafka_records(
    spark: SparkSession, settings: Settings, stream: str, first_bytes: int | None = None, most_bytes: int | None = None
) -> DataFrame:
    """The topic's records from its oldest on. `first_bytes` says nothing here: every batch has the same limit.

    `most_bytes` is taken for so many records of 1 KiB. A query fails where records between its checkpoint and the topic's oldest are gone.
    """
    return as_records(
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.stream.bootstrap)
        .option("subscribe", stream)
        .option("startingOffsets", "earliest")
        .option("failOnDataLoss", "true")
        .option("maxOffsetsPerTrigger", str(most_records(settings, most_bytes)))
        .load()
    )


def as_records(rows: DataFrame) -> DataFrame:
    """Kafka's columns as those of the Kinesis source; what Kinesis would not have taken (no key, no data) as empty."""
    return rows.select(
        F.coalesce("value", F.lit(b"")).alias("data"),
        F.col("topic").alias("streamName"),
        F.coalesce(F.make_valid_utf8(F.col("key").cast("string")), F.lit("")).alias("partitionKey"),
        F.format_string(SHARD, "partition").alias("shardId"),
        (F.col("offset") + F.lit(FIRST_NUMBER)).cast("string").alias("sequenceNumber"),
        F.col("timestamp").alias("approximateArrivalTimestamp"),
    )


def most_records(settings: Settings, most_bytes: int | None = None) -> int:
    """Of a batch: `BATCHES_AHEAD` times what comes between two batches of `lake` while every symbol has a record each linger."""
    if most_bytes is not None:
        return max(1, most_bytes // 1024)
    lingers_s = max(1, settings.spark.lake_trigger_s) * 1000 // max(1, settings.producer.linger_ms)
    return BATCHES_AHEAD * len(settings.session.symbols) * max(1, lingers_s)
