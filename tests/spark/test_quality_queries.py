"""Poisoned records through real Spark and the emulator: exact counts everywhere, once, whatever crashes, and letters sent again."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from app_client import AppClient
from command_line import caller
from fakes_hot import MemoryAlerts, MemoryMetrics
from pyspark.errors import StreamingQueryException
from pyspark.sql import DataFrame, SparkSession
from samples_quality import DEAD, LINES, NOON, RECORDS, SEVERAL, SEVERAL_RULES, SYMBOL, a_trade

from ctc.api.app import create_app
from ctc.api.health import SessionHealth
from ctc.aws.clients import client
from ctc.aws.cloudwatch import CloudWatchMetrics, dimension
from ctc.aws.dead_letter_summary import SUMMARY
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.kinesis import KinesisWriter
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.aws.query import LakeReader
from ctc.codec import encode_line, pack
from ctc.errors import FrameError
from ctc.ports import Record
from ctc.processes import locked
from ctc.producer.tape import dead_letter
from ctc.quality.alarms import NAMESPACE
from ctc.quality.rules import RULES
from ctc.settings import Settings, save_state
from ctc.spark.app import QueryPlan, StreamingApp
from ctc.spark.kinesis import kinesis_records
from ctc.spark.plans import dead_letters_plan, lake_plan
from ctc.wiring import create_resources

pytestmark = [
    pytest.mark.spark,
    pytest.mark.emulator,
    pytest.mark.timeout(600),
]

GOOD, LATE, INCONSISTENT, TWICE = 40, 3, 2, 5
FRAME = json.dumps({"e": "aggTrade", "E": 1768478400500, "s": "BTCUSDT", "a": 900, "p": "67432.5", "q": "2", "T": 1768478400500, "m": True})
MISROUTED = encode_line(a_trade(901, symbol="ETH-USDT", native_symbol="ETHUSDT"))


class Crashed(Exception):
    """Ends a batch after its sink has written everything."""


class Stage:
    """The lake's queries over one emulator, run until they have taken in what is there."""

    def __init__(self, spark: SparkSession, settings: Settings, state: Path) -> None:
        self._spark, self.settings, self._state = spark, settings, state
        self._app = StreamingApp(spark, settings, state, kinesis_records)

    def plan(self, name: str) -> QueryPlan:
        """A plan with sinks that remember nothing, as in a new process."""
        stores = DynamoQuality(self.settings), CloudWatchMetrics(self.settings)
        if name == "lake":
            return lake_plan(self._app, self.settings, DynamoMetrics(self.settings), *stores)
        return dead_letters_plan(self._app, self.settings, *stores)

    def run(self, name: str, around: Callable[[Any], Any] = lambda sink: sink) -> None:
        """Take in all that the stream has; `around` may wrap the sink."""
        plan = self.plan(name)
        query = (
            plan.transform(kinesis_records(self._spark, self.settings, plan.stream))
            .writeStream.outputMode("update")
            .foreachBatch(around(plan.sink))
            .option("checkpointLocation", str(self._state / "checkpoints" / name))
            .start()
        )
        try:
            query.processAllAvailable()
        finally:
            query.stop()

    def crash(self, name: str) -> None:
        """One batch, whose sink is through when it dies: it is not in the checkpoint, and comes again."""

        def around(sink: Any) -> Any:
            def dying(batch: DataFrame, batch_id: int) -> None:
                sink(batch, batch_id)
                raise Crashed

            return dying

        with pytest.raises(StreamingQueryException, match="Crashed"):
            self.run(name, around)

    def put(self, stream: str, key: str, data: bytes) -> None:
        KinesisWriter(client("kinesis", self.settings), stream).put([Record(key, data)])

    def rows(self, sql: str) -> list[dict[str, Any]]:
        reader = LakeReader(self.settings)
        try:
            return list(reader.query(sql).to_pylist())
        finally:
            reader.close()

    def measures(self) -> dict[str, int]:
        return {row["measure"]: int(row["n"]) for row in self.rows("select measure, sum(records) n from quality group by measure")}

    def metric(self, name: str, statistic: str = "Sum") -> float:
        """A metric's sum or count of samples over half a day: both add up over the periods that the run may have crossed."""
        now = datetime.now(UTC)
        found = client("cloudwatch", self.settings).get_metric_statistics(
            Namespace=NAMESPACE,
            MetricName=name,
            Dimensions=[dimension(self.settings)],
            StartTime=now - timedelta(hours=12),
            EndTime=now + timedelta(hours=12),
            Period=86_400,
            Statistics=[statistic],
        )["Datapoints"]
        return sum(point[statistic] for point in found)

    def average(self, name: str) -> float:
        """A metric's average, by its samples."""
        return self.metric(name) / self.metric(name, "SampleCount")

    def published(self, name: str, value: float) -> None:
        """Wait until the metric has this sum: it is published beside the query."""
        deadline = time.monotonic() + 60
        while self.metric(name) != value:
            assert time.monotonic() < deadline, (name, self.metric(name), value)

    def quality(self) -> dict[str, Any]:
        metrics = MemoryMetrics()
        health = SessionHealth(self._state, metrics)
        app = create_app(MemoryAlerts(), metrics, health, self.settings, quality=DynamoQuality(self.settings))
        answer: dict[str, Any] = AppClient(app).get("/quality").json()
        return answer

    def summary(self) -> list[dict[str, Any]]:
        body = client("s3", self.settings).get_object(Bucket=self.settings.lake.raw_bucket, Key=SUMMARY)["Body"].read()
        return list(json.loads(body)["days"])


def put_poison(stage: Stage) -> Counter[str]:
    """Good, flagged and doubled trades, and one of every kind that is refused; how many records break each rule."""
    flagged = [a_trade(100 + n, ingestion_timestamp=NOON + timedelta(hours=1)) for n in range(LATE)]
    flagged += [a_trade(200 + n, quote_volume=a_trade(0).quote_volume * 2) for n in range(INCONSISTENT)]
    good = [a_trade(300 + n) for n in range(GOOD)]
    lines = [encode_line(trade) for trade in (*good, *flagged, *good[:TWICE])]
    trades, dead = stage.settings.stream.trades, stage.settings.stream.dead_letters
    stage.put(trades, SYMBOL, pack(lines[:20]))
    stage.put(trades, SYMBOL, pack([*lines[20:], *LINES.values(), SEVERAL, MISROUTED]))
    stage.put(trades, SYMBOL, RECORDS["record_unreadable"])
    stage.put(trades, "NO-SUCH", encode_line(a_trade(400, symbol="NO-SUCH")))
    stage.put(dead, "binance", pack([*DEAD.values(), dead_letter(FrameError("binance", "not understood yet", FRAME.encode()), NOON)]))
    broken = Counter([*LINES, *RECORDS, *DEAD, *SEVERAL_RULES, "symbol_not_allowed", "symbol_not_allowed", "frame_unreadable"])
    return broken + Counter({"late": LATE, "inconsistent": INCONSISTENT, "duplicate": TWICE})


def test_poison_is_counted_once_and_letters_are_sent_again_once(
    spark: SparkSession, emulator: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_resources(emulator)
    save_state(emulator, tmp_path)
    stage = Stage(spark, emulator, tmp_path)
    broken = put_poison(stage)
    letters = len(LINES) + len(RECORDS) + 3 + 3  # several, misrouted, a foreign key; three of the dead-letter stream
    kept = GOOD + LATE + INCONSISTENT
    for query in ("lake", "dead_letters"):
        stage.crash(query)
        stage.run(query)

    found = list(DeadLetters(emulator).find())
    assert len(found) == len({letter.id for letter in found}) == letters
    refusing = {name: n for name, n in broken.items() if RULES[name].category}
    assert Counter(rule for letter in found for rule in set(letter.rules)) == refusing
    (day,) = stage.summary()
    assert day["letters"] == letters
    assert sums(day["groups"]) == refusing

    expected = {"processed": kept + letters, "passed": GOOD, "failed": letters, **broken}
    assert stage.measures() == expected
    assert stage.rows("select count(*) n, count(distinct event_id) ids from raw_trades") == [{"n": kept, "ids": kept}]
    assert stage.rows("select is_late, is_inconsistent, count(*)::int n from raw_trades group by all order by all") == [
        {"is_late": False, "is_inconsistent": False, "n": GOOD},
        {"is_late": False, "is_inconsistent": True, "n": INCONSISTENT},
        {"is_late": True, "is_inconsistent": False, "n": LATE},
    ]
    for name, value in {
        "RecordsProcessed": kept + letters,
        "RecordsPassed": GOOD,
        "RecordsFailed": letters,
        "RecordsLate": LATE,
        "RecordsDuplicate": TWICE,
    }.items():
        stage.published(name, value)
    assert stage.average("QualityScore") == pytest.approx(100 * GOOD / (kept + letters))
    assert stage.average("FailureRate") == pytest.approx(100 * letters / (kept + letters))

    answer = stage.quality()
    total = answer["total"]
    assert {name: total[name] for name in ("processed", "passed", "failed", "late", "inconsistent", "duplicates")} == {
        "processed": kept + letters,
        "passed": GOOD,
        "failed": letters,
        "late": LATE,
        "inconsistent": INCONSISTENT,
        "duplicates": TWICE,
    }
    assert {rule["rule"]: rule["records"] for rule in answer["rules"] if rule["records"]} == broken
    assert len(answer["samples"]) == 20

    ctc = caller(capsys, monkeypatch)
    with locked(tmp_path):
        only_said = ctc("dlq", "replay", "--format", "json", "--state", tmp_path)
        assert "2 trades of 2 can be sent (--yes does)" in only_said.err
        sent = ctc("dlq", "replay", "--yes", "--format", "json", "--state", tmp_path)
        assert f"{letters} letters: 2 trades of 2 sent, {letters - 2} stay" in sent.err
        assert [row["outcome"] for row in json.loads(sent.out)].count("1 trade") == 2
        assert "0 trades of 0 sent" in ctc("dlq", "replay", "--yes", "--state", tmp_path).err
    stage.crash("lake")
    stage.run("lake")
    replayed = "select symbol, trade_id, ingestion_timestamp at time zone 'UTC' taken from raw_trades where trade_id >= 900 order by all"
    once = [
        {"symbol": "BTC-USDT", "trade_id": 900, "taken": NOON.replace(tzinfo=None)},
        {"symbol": "ETH-USDT", "trade_id": 901, "taken": (NOON + timedelta(milliseconds=941)).replace(tzinfo=None)},
    ]
    assert stage.rows(replayed) == once
    assert stage.measures() == {**expected, "processed": kept + letters + 2, "passed": GOOD + 2}

    with locked(tmp_path):
        assert "2 trades of 2 sent" in ctc("dlq", "replay", "--yes", "--again", "--state", tmp_path).err
        listed = json.loads(ctc("dlq", "ls", "--limit", "1000", "--format", "json", "--state", tmp_path).out)
    stage.run("lake")
    assert stage.rows(replayed) == once
    assert stage.measures() == {**expected, "processed": kept + letters + 2, "passed": GOOD + 2, "duplicate": TWICE + 2}
    assert sum(row["replayed"] is not None for row in listed) == 2
    assert len(listed) == letters


def sums(groups: list[dict[str, Any]]) -> dict[str, int]:
    found: Counter[str] = Counter()
    for group in groups:
        found[group["reason"]] += group["letters"]
    return dict(found)
