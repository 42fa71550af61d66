"""`reprocess` on real Spark over a small lake: exact in log order, reasons for every difference, swaps that hold and go back."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from log_strategies import MINUTE, SECOND, SYMBOL, T0, make_heartbeat, make_trade
from pyspark.sql import SparkSession
from streamed import RUN, Record, Stream, ask, log, records, say, settings_for, stream

from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import TableAppender
from ctc.aws.log import Order, Span
from ctc.aws.query import LakeReader
from ctc.codec import encode_line, pack
from ctc.detect import ALL_DETECTORS
from ctc.errors import ConfigError, LakeError
from ctc.model import to_us
from ctc.settings import Settings, with_values
from ctc.spark import swap as swaps
from ctc.spark.batch import outcomes_of
from ctc.spark.maintain import maintain
from ctc.spark.reprocess import Reprocessed, reprocess
from ctc.spark.tables import full_name, translating

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]

LATER = "SOL-USDT"


def rows(made: Stream, table: str) -> list[dict[str, Any]]:
    reader = LakeReader(made.settings)
    try:
        return sorted(reader.query(f"select * from {table}").to_pylist(), key=lambda row: row["alert_id"])
    finally:
        reader.close()


def write_later(made: Stream, batch: int, symbol: str = LATER) -> list[str]:
    """Another batch of the stream, with alerts of a symbol of its own; their ids."""
    fresh = Stream(made.settings)
    fresh.batch = batch
    fresh.write_found({symbol: records(log(99, ("calm",) * 8 + ("whale", "spike", "calm")), symbol)})
    return [row["alert_id"] for row in rows(made, "anomalies") if row["symbol"] == symbol]


def run(
    spark: SparkSession, made: Stream, span: Span | None = None, detectors: frozenset[str] = ALL_DETECTORS, **changes: str
) -> Reprocessed:
    rules = with_values(
        made.settings, {key.replace("__", "."): value for key, value in changes.items()}, ("volume", "whales", "spread", "folds")
    )
    return reprocess(spark, made.settings, rules, span or Span(), detectors, say)


def test_what_a_task_can_not_read_is_told_by_the_job(spark: SparkSession, streamed: Stream) -> None:
    with (
        pytest.raises(LakeError, match=r"^reprocess: the table raw_trades@7 can't be read: .*; nothing is changed"),
        translating("reprocess"),
    ):
        outcomes_of(spark, streamed.settings, Span(versions={"raw_trades": 7})).collect()


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


def test_tag_of_an_old_snapshot_is_kept_as_long_as_that_of_a_new_one(spark: SparkSession, streamed: Stream) -> None:
    run(spark, streamed, detectors=frozenset({"whales"}), whales__threshold="1000000")
    swaps.swap(spark, streamed.settings, say)
    name = full_name(streamed.settings, "anomalies")
    (tag,) = spark.sql(f"select * from {name}.refs where name like 'before%'").collect()
    day_ms = 24 * 60 * MINUTE // 1_000
    assert tag.max_reference_age_in_ms == swaps.RETAINED_DAYS * day_ms
    # The stream has written nothing for six weeks: Iceberg reckons a tag's age from its snapshot's commit.
    in_six_weeks = datetime.now(UTC) + timedelta(days=42)
    assert swaps._days_to_keep(spark, name, tag.snapshot_id, in_six_weeks) == swaps.RETAINED_DAYS + 42
    swaps.undo(spark, streamed.settings, say)


def test_swap_gives_way_to_the_stream_and_does_it_again(spark: SparkSession, streamed: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
    own = rows(streamed, "anomalies")
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
    # The commit that gave way is none: one undo takes all of it back.
    swaps.undo(spark, streamed.settings, say)
    assert [row for row in rows(streamed, "anomalies") if row["symbol"] != LATER] == own
    with pytest.raises(ConfigError, match="no swap to take back"):
        swaps.undo(spark, streamed.settings, say)


def expire(spark: SparkSession, made: Stream, number: int) -> None:
    """Another batch of the stream, then `maintain`, which leaves no commit of a swap in main's line."""
    assert write_later(made, 50 + number, f"X{number}-USDT")
    list(maintain(spark, made.settings, ("anomalies",), timedelta(0), say))
    left = [commit.query for commit in LakeHistory(made.settings).commits()["anomalies"]]
    assert not {swaps.SWAP, swaps.UNDO} & set(left)


def test_what_stands_is_known_when_its_snapshots_have_expired(spark: SparkSession, streamed: Stream) -> None:
    own = rows(streamed, "anomalies")

    def now() -> list[dict[str, Any]]:
        return [row for row in rows(streamed, "anomalies") if row["symbol"] in streamed.settings.session.symbols]

    run(spark, streamed, detectors=frozenset({"whales"}), whales__threshold="1000000")
    swaps.swap(spark, streamed.settings, say)
    swapped = now()
    assert len(swapped) < len(own)
    for number in (0, 2):  # taken back and made again, across an expiry each time
        expire(spark, streamed, number)
        with pytest.raises(ConfigError, match="in place already"):
            swaps.swap(spark, streamed.settings, say)
        swaps.undo(spark, streamed.settings, say)
        assert now() == own
        expire(spark, streamed, number + 1)
        with pytest.raises(ConfigError, match="no swap to take back"):
            swaps.undo(spark, streamed.settings, say)
        swaps.swap(spark, streamed.settings, say)
        assert now() == swapped
    swaps.undo(spark, streamed.settings, say)
    assert now() == own


@pytest.mark.parametrize("order", ["log", "event-time"])
def test_what_detect_has_not_judged_yet_is_left_to_it(spark: SparkSession, emulator: Settings, order: Order) -> None:
    made, batches = stream(settings_for(emulator))
    *most, last = batches
    for batch in most:
        made.write(batch)
    before = rows(made, "anomalies")
    made.write_lake(last)
    done = run(spark, made, Span(order=order))
    assert 5 < done.comparison.same <= len(before)
    if order == "log":
        assert done.comparison.differences == []
    swaps.swap(spark, made.settings, say, unexplained=True)
    made.write_found(last)
    found = rows(made, "anomalies")
    assert len(found) == len({row["alert_id"] for row in found}) > len(before)
    # Once it has judged, a run speaks for that too.
    assert run(spark, made, Span(order=order)).comparison.same > done.comparison.same
    swaps.swap(spark, made.settings, say, unexplained=True)


@pytest.mark.parametrize("behind", ["lake", "detect"])
def test_late_whale_is_nobodys_before_both_queries_have_read_it(spark: SparkSession, streamed: Stream, behind: str) -> None:
    at = T0 + 2 * MINUTE
    whale = make_trade(at, "100", "50", trade_id=1, exchange="binance", side="buy")
    late = {SYMBOL: [("shardId-000000000001", str(10**21), pack([encode_line(whale)]), at)]}
    before = LakeHistory(streamed.settings).commits()["raw_trades"][0].snapshot_id
    span = Span(versions={"raw_trades": before} if behind == "lake" else {})
    streamed.write_lake(late)
    if behind == "lake":
        streamed.write_found(late)
    assert run(spark, streamed, span).comparison.differences == []
    swaps.swap(spark, streamed.settings, say)
    if behind == "detect":
        streamed.write_found(late)
    found = rows(streamed, "anomalies")
    assert [row["rule"] for row in found if row["sequence_number"] == str(10**21)] == ["single"]
    assert len(found) == len({row["alert_id"] for row in found})


def last_words(end_us: int, producer: str) -> bytes:
    """What a producer says at the session's end, which closes every window."""
    beat = make_heartbeat(end_us + 70 * SECOND, {"binance": None}, down=["binance"], peg=None, producer=producer)
    return encode_line(msgspec.structs.replace(beat, final=True))


@pytest.mark.parametrize("producers", [1, 2])
def test_whale_of_the_last_batch_is_detects_until_it_has_committed_that(spark: SparkSession, streamed: Stream, producers: int) -> None:
    """Of two producers, the first one's last words close every window; detect may still have to read what only the second one saw."""
    end_us = to_us(ask(streamed.settings, f"select max(timestamp) as at from heartbeats where symbol = '{SYMBOL}'")[0]["at"])
    whale = encode_line(make_trade(end_us - SECOND, "100", "50", trade_id=10**6, exchange="binance", side="buy"))

    def batch(number: int, *lines: bytes) -> dict[str, list[Record]]:
        return {SYMBOL: [("shardId-000000000001", str(number), pack(list(lines)), end_us)]}

    if producers == 2:
        streamed.write(batch(10**21, last_words(end_us, "producer-1")))
    last = batch(10**21 + 1, whale, last_words(end_us, f"producer-{producers}"))
    streamed.write_lake(last)
    before = run(spark, streamed)
    swaps.swap(spark, streamed.settings, say, unexplained=True)
    streamed.write_found(last)
    found = rows(streamed, "anomalies")
    assert [row["rule"] for row in found if row["type"] == "whale" and row["sequence_number"] == str(10**21 + 1)] == ["single"]
    assert len(found) == len({row["alert_id"] for row in found})
    assert before.comparison.differences == run(spark, streamed).comparison.differences == []
    # Of one producer, the bars that its last words close say that all is judged: nothing of the session is left out.
    own = [row for row in found if row["symbol"] == SYMBOL]
    said = [row for row in rows(streamed, "anomalies_reprocessed") if row["symbol"] == SYMBOL]
    assert len(own) - len(said) == producers - 1
