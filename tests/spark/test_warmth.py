"""What a standby does before it is needed, on real Spark: batches of the real queries, and nothing of them is kept."""

from __future__ import annotations

import gzip
import os
from pathlib import Path
from typing import Any, cast

import pytest
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ctc.aws.clients import client
from ctc.aws.lakehouse import create_tables
from ctc.aws.query import LakeReader
from ctc.aws.streams import create_streams
from ctc.codec import encode_line, pack
from ctc.detect import ALL_DETECTORS
from ctc.exchanges import exchange
from ctc.settings import Settings
from ctc.spark import warmth
from ctc.spark.app import StreamingApp
from ctc.spark.kinesis import kinesis_records
from ctc.spark.plans import detect_plan, lake_plan
from ctc.spark.warmth import exercise

RECORDING = Path(__file__).parents[1] / "fixtures" / "realdata" / "binance_spot_btcusdt_20240808.excerpt.gz"
pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(600)]


class Untouched:
    """A store that nobody may ask."""

    def __getattr__(self, name: str) -> Any:
        def called(*_: Any, **__: Any) -> Any:
            raise AssertionError(f"a rehearsal called {name}")

        return called


def test_rehearsal_runs_the_real_queries_and_leaves_nothing(
    spark: SparkSession, emulator: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create_streams(emulator)
    create_tables(emulator)
    reader = exchange("binance", {"BTCUSDT": "BTC-USDT"})
    lines = gzip.decompress(RECORDING.read_bytes()).splitlines()
    trades = [trade for line in lines for trade in reader.read(line.partition(b" ")[2]).trades]
    kinesis: Any = client("kinesis", emulator)
    for start in range(0, len(trades), 20):
        data = pack(encode_line(trade) for trade in trades[start : start + 20])
        kinesis.put_record(StreamName=emulator.stream.trades, PartitionKey="BTC-USDT", Data=data)
    app, store = StreamingApp(spark, emulator, tmp_path / "state", kinesis_records), Untouched()
    plans = [detect_plan(app, emulator, ALL_DETECTORS, store, store), lake_plan(app, emulator, store, store, store)]
    exercise(spark, tmp_path)
    monkeypatch.setattr("ctc.spark.app.REHEARSED", 1)  # all of the recording is less than one batch may hold
    with caplog.at_level("INFO", "ctc.spark"):
        app.rehearse(plans, tmp_path, lambda: False)
    assert [record.message for record in caplog.records] == ["rehearsed detect for 1 batches", "rehearsed lake for 1 batches"]
    (count,) = spark.sql("select count(*) as trades from exercise.db.raw_trades").collect()
    assert count.trades == len(trades)
    lake = LakeReader(emulator)
    try:
        assert lake.query("select count(*) as rows from raw_trades").to_pylist() == [{"rows": 0}]
    finally:
        lake.close()
    assert not (tmp_path / "state" / "checkpoints").exists()


def test_standby_that_could_not_be_made_warm_takes_over_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    reading, writing = os.pipe()

    def starved(spark: SparkSession, folder: Path) -> None:
        os.write(writing, b"go\n")
        raise PySparkException("Python worker failed to connect back.\n\tat org.apache.spark.Here")

    monkeypatch.setattr(warmth, "exercise", starved)
    with os.fdopen(reading) as told, os.fdopen(writing, "w"), caplog.at_level("INFO", "ctc.spark"):
        warmth.wait_warm(cast(SparkSession, None), tmp_path, told, lambda folder, has_been_told: None)
    assert [record.message for record in caplog.records] == [
        "its first batches will take longer, for it could not be made warm: Python worker failed to connect back.",
        "told to begin",
    ]
