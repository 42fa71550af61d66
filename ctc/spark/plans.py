"""The two streaming queries as plans: what is read, folded and written."""

from __future__ import annotations

from ctc.ports import AlertStore, MetricStore
from ctc.settings import Settings
from ctc.spark.app import QueryPlan, StreamingApp
from ctc.spark.detect import outcomes_of
from ctc.spark.lake import packed_rows
from ctc.spark.sinks import DetectSink, LakeSink


def lake_plan(app: StreamingApp, settings: Settings) -> QueryPlan:
    """Everything into the lake, every `spark.lake_trigger_s`."""
    return QueryPlan("lake", lambda records: packed_rows(records, settings), LakeSink(settings, app.report), settings.spark.lake_trigger_s)


def detect_plan(
    app: StreamingApp, settings: Settings, detectors: frozenset[str], alerts: AlertStore, metrics: MetricStore
) -> QueryPlan:
    """Alerts, bars, spreads and latest values, every `spark.detect_trigger_s`."""
    return QueryPlan(
        "detect",
        lambda records: outcomes_of(records, settings, detectors),
        DetectSink(settings, alerts, metrics, app.report),
        settings.spark.detect_trigger_s,
    )
