"""`history` over a small lake: each trade once beside what the stream wrote, gaps closed, alerts that then differ for that reason."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from past import binance_ids, serving, whole
from pyspark.sql import SparkSession
from streamed import Stream, ask, say, settings_for, stream

from ctc.aws.clients import client
from ctc.aws.historical import TABLE
from ctc.aws.load import Wanted, load_history
from ctc.aws.log import Span
from ctc.aws.metrics import DynamoMetrics
from ctc.cli.gaps import COLUMNS, ledger
from ctc.detect import ALL_DETECTORS
from ctc.settings import Settings
from ctc.spark import historical
from ctc.spark.historical import merge
from ctc.spark.maintain import maintain
from ctc.spark.reprocess import reprocess

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
SYMBOLS = ("BTC-USDT",)


def lost(settings: Settings) -> list[dict[str, Any]]:
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in ledger(settings, "BTC-USDT")]
    return [row for row in rows if row["state"] == "lost" and row["exchange"] == "binance"]


def hot(settings: Settings) -> dict[str, int]:
    """What `GET /gaps` says of Binance's ids."""
    found = DynamoMetrics(settings).ledger("BTC-USDT")
    assert found is not None
    (space,) = (space for name, space in found.spaces.items() if name.startswith("binance"))
    return space.ids


@pytest.fixture
def streamed(emulator: Settings) -> Stream:
    """A lake of a log in which Binance's own ids were lost."""
    made, batches = stream(settings_for(emulator), seed=10)
    for batch in batches:
        made.write(batch)
    return made


def test_history_fills_what_the_stream_missed_once(spark: SparkSession, streamed: Stream) -> None:
    own = ask(streamed.settings, "select * from raw_trades order by event_id")
    ids = binance_ids(streamed.settings)
    every = whole(ids)
    missing = every.keys() - ids.keys()
    assert missing
    assert lost(streamed.settings)
    assert hot(streamed.settings)["lost"]
    with serving(streamed.settings, {"BTCUSDT": every}) as settings:
        wanted = Wanted(exchanges=("binance",), symbols=SYMBOLS, first=min(every), last=max(every))
        (loaded,) = load_history(settings, wanted, say)
        assert (loaded.trades, loaded.known) == (len(every), 0)
        (again,) = load_history(settings, wanted, say)
        assert (again.trades, again.requests, again.known) == (0, 0, len(every))
        merged = merge(spark, settings, SYMBOLS, None, None, say)
        assert [(each.trades, each.merged) for each in merged] == [(len(every), len(missing))]
        assert [each.merged for each in merge(spark, settings, SYMBOLS, None, None, say)] == [0]
    rows = ask(settings, "select * from raw_trades order by event_id")
    assert [row for row in rows if row["shard"] is not None] == own
    new = [row for row in rows if row["shard"] is None]
    assert {row["trade_id"] for row in new} == missing
    assert all(row["is_backfilled"] and row["kind"] == "aggTrade" for row in new)
    assert len({row["event_id"] for row in rows}) == len(rows)
    assert lost(settings) == []
    assert hot(settings).get("lost", 0) == 0
    assert hot(settings)["backfilled"] >= len(missing)
    glue = client("glue", settings)
    assert [each["Name"] for each in glue.get_table(DatabaseName=settings.lake.database, Name=TABLE)["Table"]["PartitionKeys"]] == [
        "symbol",
        "date",
    ]
    partitions = glue.get_partitions(DatabaseName=settings.lake.database, TableName=TABLE)["Partitions"]
    assert {tuple(each["Values"]) for each in partitions} == {("BTC-USDT", "2026-01-05")}
    # In log order the alerts are the stream's still; in event time the filled minutes count.
    exact = reprocess(spark, settings, settings, Span(), ALL_DETECTORS, say)
    assert exact.comparison.differences == []
    by_time = reprocess(spark, settings, settings, Span(order="event-time"), ALL_DETECTORS, say)
    reasons = Counter(each.reason for each in by_time.comparison.differences)
    assert reasons["history"]
    assert not reasons["unexplained"] + reasons["threshold"]


def test_ledger_is_told_before_a_merge_expires(spark: SparkSession, streamed: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    every = whole(binance_ids(streamed.settings))
    with serving(streamed.settings, {"BTCUSDT": every}) as settings:
        load_history(settings, Wanted(exchanges=("binance",), symbols=SYMBOLS, first=min(every), last=max(every)), say)

    def died(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as struck:
        struck.setattr(historical, "tell_hot", died)
        with pytest.raises(KeyboardInterrupt):
            merge(spark, settings, SYMBOLS, None, None, say)
    assert binance_ids(settings).keys() == every.keys()
    assert lost(settings)
    list(maintain(spark, settings, ("raw_trades", "gaps"), timedelta(0), say))
    assert lost(settings) == []
    assert hot(settings).get("lost", 0) == 0
    told = ask(settings, "select * from gaps where state = 'backfilled' order by first_id")
    merge(spark, settings, SYMBOLS, None, None, say)
    assert ask(settings, "select * from gaps where state = 'backfilled' order by first_id") == told
