"""The streaming queries as plans: what is read, folded and written."""

from __future__ import annotations

from pyspark.sql import functions as F

from ctc.ports import AlertStore, MetricStore, MetricsWriter, QualityStore
from ctc.settings import Settings
from ctc.spark.app import QueryPlan, StreamingApp
from ctc.spark.detect import outcomes_of
from ctc.spark.lake import packed_rows
from ctc.spark.sinks import DeadLetterSink, DetectSink, LakeSink


def lake_plan(app: StreamingApp, settings: Settings, metrics: MetricStore, quality: QualityStore, published: MetricsWriter) -> QueryPlan:
    """Everything into the lake, every `spark.lake_trigger_s`."""
    sink = LakeSink(settings, metrics, quality, published, app.report)
    return QueryPlan(
        "lake",
        settings.stream.trades,
        lambda records: packed_rows(records, settings),
        sink,
        settings.spark.lake_trigger_s,
        rehearse=sink.rehearse,
    )


def dead_letters_plan(app: StreamingApp, settings: Settings, quality: QualityStore, published: MetricsWriter) -> QueryPlan:
    """What the producer could not read into the dead-letter queue; costs nothing while there is none."""
    return QueryPlan(
        "dead_letters",
        settings.stream.dead_letters,
        lambda records: records.withColumn("arrival_us", F.unix_micros("approximateArrivalTimestamp")),
        DeadLetterSink(settings, quality, published, app.report),
        settings.spark.lake_trigger_s,
    )


def detect_plan(app: StreamingApp, settings: Settings, detectors: frozenset[str], alerts: AlertStore, metrics: MetricStore) -> QueryPlan:
    """Alerts, bars, spreads and latest values, every `spark.detect_trigger_s`."""
    sink = DetectSink(settings, alerts, metrics, app.report)
    return QueryPlan(
        "detect",
        settings.stream.trades,
        lambda records: outcomes_of(records, settings, detectors),
        sink,
        settings.spark.detect_trigger_s,
        first_bytes=256 << 10,
        rehearse=sink.rehearse,
    )
