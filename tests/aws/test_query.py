"""SQL over the lake: every table by name, exact, only reading, and `ctc query`'s three formats."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import msgspec
import pyarrow as pa
import pytest
from samples_lake import bar, minute, spread, trade_row

from ctc.arrow import arrow_schema
from ctc.aws.lakehouse import TableAppender, create_tables, rows_of_bars, rows_of_spreads
from ctc.aws.query import LakeReader, check_read_only
from ctc.cli.query import answer, show
from ctc.errors import ConfigError, CtcError
from ctc.schema import RAW_TRADES, TABLES
from ctc.settings import ROOT, Settings, save_state

# What is easily imported with something else: pandas for a time or a parameter of DuckDB's, rich though no table is written.
NOT_NEEDED = {"numpy", "pandas", "pyarrow", "pyiceberg", "rich"}


@pytest.fixture
def lake(emulator: Settings) -> Settings:
    create_tables(emulator)
    appender = TableAppender(emulator)
    appender.append_once("spreads", rows_of_spreads([spread(0), spread(1)]), query="detect", run="r1", batch_id=0)
    appender.append_once("volume_aggregates", rows_of_bars([bar(0)]), query="detect", run="r1", batch_id=0)
    return emulator


@pytest.fixture
def reader(lake: Settings) -> Iterator[LakeReader]:
    made = LakeReader(lake)
    yield made
    made.close()


def rows(reader: LakeReader, sql: str, **parameters: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = reader.query(sql, parameters).to_pylist()
    return found


def test_only_the_tables_of_the_question_are_looked_up(reader: LakeReader) -> None:
    assert rows(reader, "select count(*) n from Spreads") == [{"n": 2}]
    assert set(reader._views) == {"spreads"}
    assert rows(reader, "select count(*) n from spreads join volume_aggregates using (symbol)") == [{"n": 2}]
    assert set(reader._views) == {"spreads", "volume_aggregates"}
    assert rows(reader, "select 1 one") == [{"one": 1}]
    assert set(reader._views) == set(TABLES)


@pytest.mark.emulator
def test_times_are_of_utc_whatever_zone_the_machine_is_in(reader: LakeReader) -> None:
    found = reader.query("select min(window_start) as at, current_setting('TimeZone') as zone from spreads")
    assert found.schema.field("at").type == pa.timestamp("us", tz="UTC")
    assert found.column("zone").to_pylist() == ["UTC"]


@pytest.mark.emulator
@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        (["select min(window_start) as at from spreads"], [{"at": spread(0).window_start.strftime("%Y-%m-%dT%H:%M:%SZ")}]),
        (["--named", "whales"], []),
        (["--named", "snapshots"], []),
    ],
)
def test_command_imports_what_it_needs(lake: Settings, tmp_path: Path, asked: list[str], answer: list[Any]) -> None:
    """Each of these takes a tenth to half a second on two cores, of a command that is to take one."""
    save_state(msgspec.structs.replace(lake, aws=msgspec.structs.replace(lake.aws, emulator="")), tmp_path)  # "": it is up
    words = ["ctc", "query", *asked, "--format", "json", "--state", str(tmp_path)]
    told = f"import sys; from ctc.cli.main import main; sys.argv = {words}\ntry: main()\nfinally: print(*sys.modules, file=sys.stderr)"
    said = subprocess.run([sys.executable, "-c", told], cwd=ROOT, capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == answer
    assert not NOT_NEEDED & set(said.stderr.split())


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "with a as (select 1) select * from a",
        "from spreads",
        "describe spreads",
        "show tables",
        "summarize spreads",
        "explain select 1",
        "EXPLAIN ANALYZE select 1;",
    ],
)
def test_check_read_only_lets_reading_pass(sql: str) -> None:
    check_read_only(sql)


@pytest.mark.parametrize(
    "sql",
    [
        "drop view spreads",
        "insert into spreads values (1)",
        "create table a as select 1",
        "copy spreads to 'file.csv'",
        "explain analyze copy (select 1) to 'file.csv'",
        "attach 'file.db'",
        "set threads = 1",
        "install aws",
        "select 1; select 2",
        "",
        "   ",
        "selec 1",
        "select '",
    ],
)
def test_check_read_only_stops_the_rest(sql: str) -> None:
    with pytest.raises(ConfigError):
        check_read_only(sql)


@pytest.mark.emulator
def test_reader_lists_every_table(reader: LakeReader) -> None:
    assert reader.tables() == sorted(TABLES)
    assert [row["name"] for row in rows(reader, "show tables")] == sorted(TABLES)


@pytest.mark.emulator
def test_reader_keeps_decimals_and_utc(reader: LakeReader) -> None:
    (row,) = rows(reader, "select volume, window_start, window_start::varchar as text from volume_aggregates")
    assert str(row["volume"]) == "1.000000000000000001"
    assert row["window_start"] == minute(0)
    assert row["text"] == "2026-01-15 12:00:00+00"
    (total,) = rows(reader, "select sum(coinbase_quantity) as q from spreads")
    assert total["q"] == Decimal("0.000000000000000002")


@pytest.mark.emulator
def test_reader_takes_parameters(reader: LakeReader) -> None:
    found = rows(
        reader, "select window_start from spreads where window_start > $since and symbol = $symbol", since=minute(0), symbol="BTC-USDT"
    )
    assert [row["window_start"] for row in found] == [spread(1).window_start]


@pytest.mark.emulator
def test_reader_sees_a_table_without_snapshot_as_empty(reader: LakeReader) -> None:
    found = reader.query("select * from raw_trades")
    assert (found.num_rows, found.column_names) == (0, RAW_TRADES.names)


@pytest.mark.emulator
def test_reader_sees_each_new_snapshot(lake: Settings, reader: LakeReader) -> None:
    assert rows(reader, "select count(*) as n from raw_trades") == [{"n": 0}]
    trades = pa.Table.from_pylist([trade_row(0), trade_row(1)], schema=arrow_schema(RAW_TRADES))
    TableAppender(lake).append_once("raw_trades", trades, query="lake", run="r1", batch_id=0)
    assert rows(reader, "select count(*) as n from raw_trades") == [{"n": 2}]
    assert reader.query("select * from raw_trades order by trade_id").to_pylist() == trades.to_pylist()


@pytest.mark.emulator
def test_reader_names_the_tables_when_sql_is_wrong(reader: LakeReader) -> None:
    for sql in ("select * from nope", "select nope from spreads", "select 'x'::int from spreads"):
        with pytest.raises(ConfigError, match="anomalies, anomalies_reprocessed, gaps, heartbeats, quality, raw_trades"):
            reader.query(sql)


@pytest.mark.emulator
def test_reader_says_that_there_are_no_tables(emulator: Settings) -> None:
    with pytest.raises(CtcError, match=f"none|{emulator.lake.database}"):  # AWS names the database, MiniStack lists nothing
        LakeReader(emulator).query("select * from raw_trades")


@pytest.mark.emulator
def test_reader_explains_an_emulator_that_is_silent(settings_of_nothing: Settings) -> None:
    with pytest.raises(CtcError, match="does not answer"):
        LakeReader(settings_of_nothing).query("select 1")


@pytest.fixture
def settings_of_nothing() -> Settings:
    from ctc.processes import free_port
    from ctc.settings import load_profile

    return load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{free_port()}"})


@pytest.mark.emulator
def test_query_prints_the_sessions_rows(lake: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    answer("select volume from volume_aggregates", "json", lake)
    assert capsys.readouterr().out == '[\n{"volume":1.000000000000000001}\n]\n'


def sample() -> pa.Table:
    return pa.table(
        {
            "price": pa.array([Decimal("62000.200000000000000000"), Decimal("0E-18"), None], pa.decimal128(38, 18)),
            "tiny": pa.array([Decimal("0.000000000000000001"), Decimal(400), Decimal(-3)], pa.decimal128(38, 18)),
            "at": pa.array([minute(0), minute(1), None], pa.timestamp("us", tz="UTC")),
            "text": ["a,b", 'say "hi"\n', "[red]"],
            "nested": [{"x": Decimal("1.50")}, None, None],
        }
    )


def shown(rows: pa.Table, format: Any) -> str:
    with duckdb.connect() as connection:
        return shown_of(connection.register("rows", rows).execute("from rows"), format)


def shown_of(answer: duckdb.DuckDBPyConnection, format: Any) -> str:
    out = io.StringIO()
    show(answer, format, out)
    return out.getvalue()


def test_show_json_has_exact_numbers_and_iso_times() -> None:
    text = shown(sample(), "json")
    first, second, third = json.loads(text, parse_float=Decimal)
    assert first == {
        "price": Decimal("62000.2"),
        "tiny": Decimal("0.000000000000000001"),
        "at": "2026-01-15T12:00:00Z",
        "text": "a,b",
        "nested": {"x": Decimal("1.5")},
    }
    assert (second["price"], second["tiny"], third["price"]) == (0, 400, None)
    assert '"tiny":0.000000000000000001' in text
    assert "E" not in text


def test_show_json_of_nothing_is_an_empty_list() -> None:
    assert json.loads(shown(sample().slice(0, 0), "json")) == []


def test_show_csv_reads_back() -> None:
    header, first, second, third = csv.reader(io.StringIO(shown(sample(), "csv")))
    assert header == sample().column_names
    assert first[:4] == ["62000.2", "0.000000000000000001", "2026-01-15T12:00:00Z", "a,b"]
    assert (second[3], third[0], third[3]) == ('say "hi"\n', "", "[red]")


def test_show_keeps_columns_of_one_name() -> None:
    with duckdb.connect() as connection:
        assert shown_of(connection.execute("select 1 as n, 2 as n"), "csv") == "n,n\n1,2\n"


@pytest.mark.parametrize(
    ("rows", "said"), [(110, "100 more rows; --format json or csv gives all 110"), (50_000_000, "100,000 more rows, or more")]
)
def test_show_table_counts_so_many_rows_of_the_rest(
    rows: int, said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "15")
    with duckdb.connect() as connection:
        shown_of(connection.execute("select range as n from range($rows)", {"rows": rows}), "table")
    assert said in " ".join(capsys.readouterr().err.split())


def test_show_reads_an_answer_as_it_writes_it() -> None:
    """Rows that DuckDB makes are not all held: a pipe's reader may stop at the first."""
    with duckdb.connect(config={"memory_limit": "64MB", "temp_directory": ""}) as connection:
        answer = connection.execute("select range as n, repeat('x', 100) as text from range(2_000_000)")
        assert shown_of(answer, "csv").count("\n") == 2_000_001


def test_show_table_says_what_it_leaves_out(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "15")
    wide = pa.table({f"column_{n}": [f"value {row} {n}" for row in range(30)] for n in range(12)})
    text = shown(wide, "table")
    assert all(len(line) <= 60 for line in text.splitlines())
    assert len(text.splitlines()) <= 15
    words = capsys.readouterr().err
    assert "20 more rows" in words
    assert "column_11" in words
    assert "column_0" not in words


def test_show_table_prints_brackets_as_they_are() -> None:
    assert "[red]" in shown(sample().select(["text"]), "table")
