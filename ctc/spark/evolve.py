"""The job `evolve`: a column more in a table, without rewriting a file, while the stream goes on (PRD 10.3)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from pyspark.sql import DataFrame, SparkSession

from ctc.aws.evolved import BY_SYMBOL
from ctc.errors import ConfigError, LakeError
from ctc.schema import SPREADS, TABLES, VOLUME_AGGREGATES
from ctc.settings import Settings
from ctc.spark.branches import alter
from ctc.spark.tables import Say, current_snapshot, full_name, rows_at

TABLES_THAT_CAN = (VOLUME_AGGREGATES.name, SPREADS.name)  # those whose writer fills columns that it does not know
TYPES = {"int": int, "bigint": int, "string": str}
BITS = {"int": 32, "bigint": 64}


class Check(msgspec.Struct, frozen=True):
    """One thing that has to hold, and what was seen of it."""

    what: str
    seen: str
    holds: bool


def evolve(
    spark: SparkSession, settings: Settings, table: str, column: str, kind: str, by_symbol: Mapping[str, str], say: Say
) -> list[Check]:
    """Add the column and what new rows hold in it by symbol, and prove what Iceberg promises; done before, only the values change.

    Others may commit meanwhile: what is promised is about the snapshot that was there before. Raises ConfigError for what can't be added,
    before anything is changed, and LakeError when a promise does not hold.
    """
    values, name = _values(table, column, kind, by_symbol), full_name(settings, table)
    present = dict(spark.table(name).dtypes).get(column)
    if present not in (None, kind):
        raise ConfigError(f"{table} has {column} as {present} already: choose another name, or {present} as its type")
    before, version = _files(spark, name), current_snapshot(spark, settings, table)
    rows = 0 if version is None else rows_at(spark, settings, table, version).count()
    say(f"adding {column} {kind} to {table}: {len(before)} files, {rows:,} rows")
    # First the values, which nobody heeds while the column is not there; then the column: one change of metadata each.
    alter(spark, f"alter table {name} set tblproperties ('{BY_SYMBOL}{column}' = {_literal(msgspec.json.encode(values).decode())})")
    if present is None:
        alter(spark, f"alter table {name} add column {column} {kind}")
    say("looking at files, rows and old snapshots")
    checks = [_same_files(spark, name, before), _old_rows(spark, name, column, rows, present is None)]
    if version is not None:
        checks.append(_old_snapshot(rows_at(spark, settings, table, version), column, rows, present is None))
    if failed := [check for check in checks if not check.holds]:
        raise LakeError(f"{table}: " + "; ".join(f"{check.what}: {check.seen}" for check in failed))
    return checks


def _values(table: str, column: str, kind: str, by_symbol: Mapping[str, str]) -> dict[str, Any]:
    if table not in TABLES_THAT_CAN:
        raise ConfigError(f"{table} can't get a column here: choose one of {', '.join(TABLES_THAT_CAN)}")
    if not column.isidentifier() or column != column.lower() or column in TABLES[table].names:
        raise ConfigError(f"{column!r} can't be added to {table}: choose a new name of lower-case letters, digits and _")
    if kind not in TYPES:
        raise ConfigError(f"{kind!r} is no type to add: choose one of {', '.join(TYPES)}")
    try:
        values = {symbol: TYPES[kind](value) for symbol, value in by_symbol.items()}
    except ValueError as error:
        raise ConfigError(f"{column} is {kind}, but a value is not: {error}") from error
    if kind in BITS:
        most = 2 ** (BITS[kind] - 1) - 1
        for symbol, value in values.items():
            if not -most - 1 <= value <= most:
                raise ConfigError(f"{column} is {kind}, which holds no {value} for {symbol}: choose one from {-most - 1} to {most}")
    return values


def _literal(text: str) -> str:
    """The text as Spark's SQL writes it: a backslash in it would be read as an escape."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _files(spark: SparkSession, name: str) -> dict[str, int]:
    rows = spark.sql(f"select file_path, file_size_in_bytes from {name}.files").collect()  # noqa: S608
    return {row.file_path: row.file_size_in_bytes for row in rows}


def _same_files(spark: SparkSession, name: str, before: dict[str, int]) -> Check:
    now = _files(spark, name)
    kept = sum(now.get(path) == size for path, size in before.items())
    return Check(
        "no data file was rewritten", f"{kept} of {len(before)} files are as they were, {len(now) - kept} came since", kept == len(before)
    )


def _old_rows(spark: SparkSession, name: str, column: str, rows: int, new: bool) -> Check:
    found = spark.sql(f"select count(*) n, count({column}) filled from {name}").collect()[0]  # noqa: S608
    return Check(
        "old rows read NULL",
        f"{found.n:,} rows, {found.filled:,} with {column}, {found.n - rows:,} rows since",
        not new or found.filled <= found.n - rows,
    )


def _old_snapshot(old: DataFrame, column: str, rows: int, new: bool) -> Check:
    found = old.count()
    return Check(
        "the snapshot before still reads",
        f"{found:,} rows, {'with' if column in old.columns else 'without'} {column}",
        found == rows and not (new and column in old.columns),
    )
