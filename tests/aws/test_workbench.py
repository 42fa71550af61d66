"""SQL from anybody: the lake and nothing else, as of any commit, cut off by rows, bytes and seconds."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from samples_lake import spread

from ctc.aws.clients import client
from ctc.aws.history import Commit, LakeHistory, as_of
from ctc.aws.lakehouse import TableAppender, create_tables, rows_of_spreads
from ctc.aws.workbench import Limits, Workbench
from ctc.errors import ConfigError, LakeError
from ctc.settings import Settings

pytestmark = pytest.mark.emulator
Open = Callable[..., Workbench]


@pytest.fixture
def lake(emulator: Settings) -> Settings:
    """`spreads` has two commits, every other table none."""
    create_tables(emulator)
    appender = TableAppender(emulator)
    for batch in range(2):
        rows = rows_of_spreads([spread(2 * batch), spread(2 * batch + 1)])
        appender.append_once("spreads", rows, query="detect", run="r1", batch_id=batch)
    return emulator


@pytest.fixture
def opened(lake: Settings) -> Iterator[Open]:
    made: list[Workbench] = []

    def make(*words: object) -> Workbench:
        made.append(Workbench(lake, *words))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for each in made:
        each.close()


def count(bench: Workbench, table: str = "spreads") -> int:
    return int(bench.ask(f"select count(*) n from {table}").rows.to_pylist()[0]["n"])


def commits(lake: Settings) -> list[Commit]:
    return LakeHistory(lake).commits()["spreads"]


def test_history_says_what_each_batch_added(lake: Settings) -> None:
    found = commits(lake)
    assert [(each.query, each.run, each.batch, each.added, each.rows) for each in found] == [
        ("detect", "r1", 1, 2, 4),
        ("detect", "r1", 0, 2, 2),
    ]
    assert found[0].at > found[1].at
    assert all(each.bytes > 0 and each.files > 0 for each in found)
    assert LakeHistory(lake).commits()["anomalies"] == []


def test_history_follows_the_table(lake: Settings) -> None:
    history = LakeHistory(lake)
    assert len(history.commits()["spreads"]) == 2
    TableAppender(lake).append_once("spreads", rows_of_spreads([spread(9)]), query="detect", run="r1", batch_id=2)
    assert [each.rows for each in history.commits()["spreads"]] == [5, 4, 2]


def test_as_of_finds_the_newest_commit_until_then(lake: Settings) -> None:
    newest, oldest = commits(lake)
    assert as_of([newest, oldest], newest.at) == newest
    assert as_of([newest, oldest], oldest.at) == oldest
    assert as_of([oldest], oldest.at.replace(year=2020)) is None


def test_workbench_travels_in_time(lake: Settings, opened: Open) -> None:
    newest, oldest = commits(lake)
    assert count(opened()) == count(opened(newest.at)) == 4
    assert count(opened(oldest.at)) == 2
    before = opened(oldest.at.replace(year=2020))
    assert count(before) == count(before, "raw_trades") == 0
    assert before.ask("from spreads").rows.column_names[0] == "symbol"


def test_answers_end_with_the_limit_and_say_so(opened: Open) -> None:
    found = opened(None, Limits(rows=3)).ask("from spreads")
    assert (found.rows.num_rows, found.cut) == (3, True)
    found = opened(None, Limits(rows=4)).ask("from spreads")
    assert (found.rows.num_rows, found.cut) == (4, False)


@pytest.mark.parametrize(
    "sql", ["describe spreads", "show tables", "summarize spreads", "explain select 1", "with a as (from spreads) from a"]
)
def test_other_forms_of_reading_are_answered(opened: Open, sql: str) -> None:
    assert opened().ask(sql).rows.num_rows > 0


def test_long_questions_are_stopped(opened: Open) -> None:
    with pytest.raises(ConfigError, match=r"took longer than 0\.2 s"):
        opened(None, Limits(seconds=0.2)).ask("select count(*) from range(100000000) a, range(1000000) b")


def test_large_answers_are_refused(opened: Open) -> None:
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        opened(None, Limits(bytes=1 << 20)).ask("select repeat('x', 3000000)")


def test_questions_for_more_memory_than_there_is_are_refused(opened: Open) -> None:
    with pytest.raises(ConfigError, match="more memory"):
        opened().ask("select * from range(100000000) order by range desc")


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_text('/etc/hostname')",
        "select * from READ_TEXT('/etc/host' || 'name')",
        "from '/etc/hosts.csv'",
        "select * from glob('s3://BUCKET/**')",
        "select * from read_text('s3://BUCKET/../RAW/secret')",
        "from 's3://BUCKET/../RAW/secret.json'",
        "select (select count(*) from read_text('s3://RAW/secret'))",
        "with a as (from query('select 1')) from a",
        "explain analyze select * from read_text('s3://RAW/secret')",
        "select * from duckdb_secrets()",
        "drop view spreads",
        "copy spreads to 's3://BUCKET/a.csv'",
        "set memory_limit = '8GB'",
        "pivot spreads on symbol using count(*)",
        "selec 1",
        "select nothing from spreads",
    ],
)
def test_nothing_but_the_lakes_tables_can_be_read(lake: Settings, opened: Open, sql: str) -> None:
    client("s3", lake).put_object(Bucket=lake.lake.raw_bucket, Key="secret", Body=b"x")
    with pytest.raises(ConfigError):
        opened().ask(sql.replace("BUCKET", lake.lake.bucket).replace("RAW", lake.lake.raw_bucket))


@pytest.mark.parametrize("sql", ["select * from read_text('/etc/hostname')", "select * from read_text('s3://RAW/secret')"])
def test_the_engine_itself_is_shut(lake: Settings, opened: Open, sql: str) -> None:
    client("s3", lake).put_object(Bucket=lake.lake.raw_bucket, Key="secret", Body=b"x")
    with pytest.raises(LakeError, match="disabled by configuration"):
        opened().query(sql.replace("RAW", lake.lake.raw_bucket))
