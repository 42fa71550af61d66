"""`reprocess` on real Spark over a small lake: exact in log order, reasons for every difference, swaps that hold and go back."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from pyspark.sql import SparkSession
from streamed import RUN, Stream, log, records, say

from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import TableAppender
from ctc.aws.query import LakeReader
from ctc.detect import ALL_DETECTORS
from ctc.errors import ConfigError, LakeError
from ctc.settings import with_values
from ctc.spark import swap as swaps
from ctc.spark.batch import Span
from ctc.spark.reprocess import Reprocessed, reprocess

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]

LATER = "SOL-USDT"


def rows(made: Stream, table: str) -> list[dict[str, Any]]:
    reader = LakeReader(made.settings)
    try:
        return sorted(reader.query(f"select * from {table}").to_pylist(), key=lambda row: row["alert_id"])
    finally:
        reader.close()


def write_later(made: Stream, batch: int) -> list[str]:
    """Another batch of the stream, with alerts of a symbol of its own; their ids."""
    fresh = Stream(made.settings)
    fresh.batch = batch
    fresh._write_found({LATER: records(log(99, ("calm",) * 8 + ("whale", "spike", "calm")), LATER)})
    return [row["alert_id"] for row in rows(made, "anomalies") if row["symbol"] == LATER]


def run(
    spark: SparkSession, made: Stream, span: Span | None = None, detectors: frozenset[str] = ALL_DETECTORS, **changes: str
) -> Reprocessed:
    rules = with_values(
        made.settings, {key.replace("__", "."): value for key, value in changes.items()}, ("volume", "whales", "spread", "folds")
    )
    return reprocess(spark, made.settings, rules, span or Span(), detectors, say)


def test_log_order_with_the_same_rules_is_the_stream_to_the_last_field(spark: SparkSession, streamed: Stream) -> None:
    done = run(spark, streamed)
    own = rows(streamed, "anomalies")
    assert len(own) > 20
    assert {f"{row['type']}.{row['rule']}" for row in own} >= {"whale.single", "whale.split", "volume_spike.z", "spread.raw"}
    assert done.comparison.differences == []
    # The log has no last heartbeat: what its clock does not yet decide is nobody's to say.
    assert 0 <= len(own) - done.comparison.same <= 3
    assert rows(streamed, "anomalies_reprocessed") == [
        row for row in own if row["alert_id"] in {r["alert_id"] for r in rows(streamed, "anomalies_reprocessed")}
    ]
    assert done.comparison.same == done.alerts


def test_thresholds_and_event_time_differ_for_reasons_that_are_told(spark: SparkSession, streamed: Stream) -> None:
    higher = run(spark, streamed, whales__threshold="1000000")
    gone = Counter((each.verdict, each.reason, each.rule.split(".")[0]) for each in higher.comparison.differences)
    assert gone.keys() == {("gone", "threshold", "whale")}
    assert not [row for row in rows(streamed, "anomalies_reprocessed") if row["type"] == "whale"]
    by_time = run(spark, streamed, Span(order="event-time"), volume__z_threshold="3")
    reasons = Counter(each.reason for each in by_time.comparison.differences)
    assert reasons["threshold"]
    assert reasons["late data"]
    assert not reasons["unexplained"]


def test_older_snapshot_gives_what_the_stream_had_said_by_then(spark: SparkSession, streamed: Stream) -> None:
    commits = LakeHistory(streamed.settings).commits()
    second = next(each for each in commits["raw_trades"] if each.batch == 1)
    done = run(spark, streamed, Span(versions={"raw_trades": second.snapshot_id}))
    assert done.comparison.differences == []
    assert 5 < done.alerts < len(rows(streamed, "anomalies"))
    with pytest.raises(LakeError, match="raw_trades does not hold snapshot 5"):
        run(spark, streamed, Span(versions={"raw_trades": 5}))


def test_swap_replaces_what_the_run_speaks_for_and_comes_back(spark: SparkSession, streamed: Stream) -> None:
    own = rows(streamed, "anomalies")
    memory = TableAppender(streamed.settings).last_batch("anomalies", "detect", RUN)
    run(spark, streamed, detectors=frozenset({"whales"}), whales__threshold="1000000")
    done = swaps.swap(spark, streamed.settings, say)
    swapped = rows(streamed, "anomalies")
    assert {row["type"] for row in own} - {row["type"] for row in swapped} <= {"whale"}
    assert [row for row in swapped if row["type"] != "whale"] == [row for row in own if row["type"] != "whale"]
    assert done.removed == len(own) - len(swapped) > 0
    assert TableAppender(streamed.settings).last_batch("anomalies", "detect", RUN) == memory
    # The stream goes on: a swap taken back leaves what came after it.
    later = write_later(streamed, 50)
    assert later
    swaps.undo(spark, streamed.settings, say)
    back = rows(streamed, "anomalies")
    assert [row for row in back if row["symbol"] != LATER] == own
    assert [row["alert_id"] for row in back if row["symbol"] == LATER] == later
    with pytest.raises(ConfigError, match="no swap to take back"):
        swaps.undo(spark, streamed.settings, say)


def test_swap_gives_way_to_the_stream_and_does_it_again(spark: SparkSession, streamed: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    run(spark, streamed, whales__threshold="1000000")
    check, strikes = swaps._check, []

    def struck(*words: Any) -> None:
        check(*words)
        if not strikes:  # a batch of the stream between the writing of the branch and its becoming main
            strikes.append(1)
            write_later(streamed, 60)

    monkeypatch.setattr(swaps, "_check", struck)
    told: list[str] = []
    swaps.swap(spark, streamed.settings, told.append)
    assert any("meanwhile" in each for each in told)
    found = rows(streamed, "anomalies")
    assert len(found) == len({row["alert_id"] for row in found})
    assert TableAppender(streamed.settings).last_batch("anomalies", "detect", RUN) == 60
