"""`maintain` and `evolve` on real Spark: the rows stay, the stream's memory stays, and a stream that runs goes on."""

from __future__ import annotations

import io
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession
from samples_lake import bar, spread
from streamed import RUN, Stream, ask, say, settings_for, stream

from ctc.aws.clients import client
from ctc.aws.evolved import BY_SYMBOL
from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import TableAppender, catalog, create_tables, rows_of_bars, rows_of_spreads
from ctc.aws.query import LakeReader
from ctc.errors import ConfigError
from ctc.settings import Settings
from ctc.spark import maintain as maintaining
from ctc.spark.evolve import evolve
from ctc.spark.maintain import maintain

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
QUERIES = {
    "raw_trades": "lake",
    "heartbeats": "lake",
    "gaps": "lake",
    "anomalies": "detect",
    "volume_aggregates": "detect",
    "spreads": "detect",
}


def contents(settings: Settings) -> dict[str, list[tuple[Any, ...]]]:
    return {name: sorted(tuple(map(str, row.values())) for row in ask(settings, f"select * from {name}")) for name in QUERIES}


def times_by_file(settings: Settings) -> list[list[datetime]]:
    """The times of the trades in each of the table's files, in the file's order."""
    s3, found = client("s3", settings), []
    for path in catalog(settings).load_table((settings.lake.database, "raw_trades")).inspect.files()["file_path"].to_pylist():
        bucket, _, key = path.removeprefix("s3://").partition("/")
        body = io.BytesIO(s3.get_object(Bucket=bucket, Key=key)["Body"].read())
        found.append(pq.read_table(body, columns=["timestamp"])["timestamp"].to_pylist())
    return found


def test_maintained_tables_hold_the_same_rows_and_the_streams_memory(
    spark: SparkSession, streamed: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, before = streamed.settings, contents(streamed.settings)
    stray = f"{settings.lake.database}/raw_trades/data/stray.parquet"
    client("s3", settings).put_object(Bucket=settings.lake.bucket, Key=stray, Body=b"left by a commit that died")
    young = stray.replace("stray", "young")
    client("s3", settings).put_object(Bucket=settings.lake.bucket, Key=young, Body=b"of a commit that is being made")
    listed = maintaining.objects_under

    def aged(*words: Any) -> Any:
        return ((key, at - timedelta(days=3) if "young" not in key else at) for key, at in listed(*words))

    monkeypatch.setattr(maintaining, "objects_under", aged)
    done = {each.table: each for each in maintain(spark, settings, ("raw_trades", "volume_aggregates"), timedelta(0), say)}
    assert contents(settings) == before
    for name, each in done.items():
        assert each.after.files < each.before.files
        assert each.after.snapshots < each.before.snapshots
        assert each.notes == 1
        assert TableAppender(settings).last_batch(name, QUERIES[name], RUN) == streamed.batch - 1
    keys = {each["Key"] for each in client("s3", settings).list_objects_v2(Bucket=settings.lake.bucket).get("Contents", ())}
    assert done["raw_trades"].orphans == 1
    assert stray not in keys
    assert young in keys
    for moments in times_by_file(settings):
        assert moments == sorted(moments)  # who asks for an hour need not read a day
    # Of its commits those are left that are main's own and have not expired: compaction and memory, in their order.
    left = LakeHistory(settings).commits()["volume_aggregates"]
    assert [(commit.query, commit.batch) for commit in left if commit.query] == [("detect", streamed.batch - 1)]
    assert {commit.rows for commit in left} == {len(before["volume_aggregates"])}
    # A batch that comes again is known, the next one is written.
    appender = TableAppender(settings)
    again = LakeReader(settings).query("select * from volume_aggregates limit 1")
    assert not appender.append_once("volume_aggregates", again, query="detect", run=RUN, batch_id=streamed.batch - 1)
    # A second time there is nothing to do, and the memory is still there.
    list(maintain(spark, settings, ("volume_aggregates",), timedelta(0), say))
    assert TableAppender(settings).last_batch("volume_aggregates", "detect", RUN) == streamed.batch - 1


def test_old_snapshots_stay_as_long_as_asked(spark: SparkSession, streamed: Stream) -> None:
    commits = LakeHistory(streamed.settings).commits()["spreads"]
    list(maintain(spark, streamed.settings, ("spreads",), datetime.now(UTC) - commits[-1].at + timedelta(minutes=1), say))
    assert {each.snapshot_id for each in commits} <= {each.snapshot_id for each in LakeHistory(streamed.settings).commits()["spreads"]}


def test_column_is_added_without_rewriting_while_the_stream_goes_on(spark: SparkSession, emulator: Settings) -> None:
    made, batches = stream(settings_for(emulator))
    made.write(next(batches))
    made.write(next(batches))  # this writer keeps its view of the table
    old = ask(made.settings, "select * from volume_aggregates")
    checks = evolve(spark, made.settings, "volume_aggregates", "market_cap_rank", "int", {"BTC-USDT": "1"}, say)
    assert all(check.holds for check in checks)
    assert len(checks) == 3
    made.write(next(batches))
    made.write(next(batches))
    rows = ask(made.settings, "select * from volume_aggregates")
    new = [row for row in rows if {**row, "market_cap_rank": None} not in [{**each, "market_cap_rank": None} for each in old]]
    assert len(rows) == len(old) + len(new)
    ranked = {(row["symbol"], row["market_cap_rank"]) for row in new}
    assert ranked >= {("BTC-USDT", 1), ("ETH-USDT", None)}
    same = spark.table(f"lake.{made.settings.lake.database}.volume_aggregates").toArrow().to_pylist()
    assert sorted(map(str, (row["market_cap_rank"] for row in same))) == sorted(str(row["market_cap_rank"]) for row in rows)
    evolve(spark, made.settings, "volume_aggregates", "market_cap_rank", "int", {"BTC-USDT": "1", "ETH-USDT": "2"}, say)


def test_column_is_added_while_others_commit(spark: SparkSession, emulator: Settings) -> None:
    """A writer commits as often as it can, from before the job to after it: each row is there once, the last ones with the value."""
    create_tables(emulator)
    appender, written, done, trouble = TableAppender(emulator), [0], threading.Event(), list[BaseException]()

    def write() -> None:
        try:
            while not done.is_set():
                rows = rows_of_bars([bar(written[0])])
                appender.append_once("volume_aggregates", rows, query="detect", run=RUN, batch_id=written[0])
                written[0] += 1
        except BaseException as error:
            trouble.append(error)

    def wait_for(more: int) -> None:
        target = written[0] + more
        while written[0] < target and not trouble:
            done.wait(0.02)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        wait_for(3)
        began = written[0]
        checks = evolve(spark, emulator, "volume_aggregates", "market_cap_rank", "int", {"BTC-USDT": "1"}, say)
        ended = written[0]
        wait_for(3)
    finally:
        done.set()
        writer.join(60)
    assert trouble == []
    assert ended > began, "nobody committed meanwhile"
    assert [check.holds for check in checks] == [True] * 3
    rows = ask(emulator, "select window_start, market_cap_rank from volume_aggregates order by window_start")
    assert len(rows) == len({row["window_start"] for row in rows}) == written[0]
    ranks = [row["market_cap_rank"] for row in rows]
    assert ranks == sorted(ranks, key=lambda rank: rank is not None)  # NULL up to some commit, filled from it on
    assert (ranks[:3], ranks[-2:]) == ([None] * 3, [1, 1])


def properties(spark: SparkSession, settings: Settings, table: str) -> dict[str, str]:
    rows = spark.sql(f"show tblproperties lake.{settings.lake.database}.{table}").collect()
    return {row.key: row.value for row in rows if row.key.startswith(BY_SYMBOL)}


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("string", "one", "has market_cap_rank as int already"),
        ("bigint", "3000000000", "has market_cap_rank as int already"),
        ("int", "3000000000", "which holds no 3000000000 for BTC-USDT"),
        ("int", "-2147483649", "which holds no -2147483649 for BTC-USDT"),
    ],
)
def test_refused_values_change_nothing(spark: SparkSession, emulator: Settings, kind: str, value: str, said: str) -> None:
    create_tables(emulator)
    evolve(spark, emulator, "volume_aggregates", "market_cap_rank", "int", {"BTC-USDT": "7"}, say)
    with pytest.raises(ConfigError, match=said):
        evolve(spark, emulator, "volume_aggregates", "market_cap_rank", kind, {"BTC-USDT": value}, say)
    assert properties(spark, emulator, "volume_aggregates") == {f"{BY_SYMBOL}market_cap_rank": '{"BTC-USDT":7}'}
    appender = TableAppender(emulator)
    assert appender.append_once("volume_aggregates", rows_of_bars([bar(0)]), query="detect", run=RUN, batch_id=0)
    assert [row["market_cap_rank"] for row in ask(emulator, "select * from volume_aggregates")] == [7]


def test_words_come_as_they_were_given(spark: SparkSession, emulator: Settings) -> None:
    create_tables(emulator)
    word = "O'Neill's \"desk\" \\ \u00e9"
    evolve(spark, emulator, "spreads", "desk", "string", {"BTC-USDT": word}, say)
    TableAppender(emulator).append_once("spreads", rows_of_spreads([spread(0)]), query="detect", run=RUN, batch_id=0)
    assert [row["desk"] for row in ask(emulator, "select * from spreads")] == [word]


@pytest.mark.parametrize(
    ("table", "column", "values", "said"),
    [
        ("raw_trades", "rank", {}, "choose one of volume_aggregates"),
        ("spreads", "peg", {}, "choose a new name"),
        ("spreads", "a b", {}, "choose a new name"),
        ("spreads", "rank", {"BTC-USDT": "first"}, "a value is not"),
    ],
)
def test_what_can_not_be_added_is_refused(
    spark: SparkSession, emulator: Settings, table: str, column: str, values: dict[str, str], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        evolve(spark, emulator, table, column, "int", values, say)
