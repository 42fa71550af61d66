"""SQL that anybody may write: it sees the lake and nothing else, reads only, and is cut off by rows, bytes and seconds."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import duckdb
import msgspec
import pyarrow as pa

from ctc.aws.history import LakeHistory, as_of
from ctc.aws.query import LakeReader, check_read_only, scan, without_explain
from ctc.errors import ConfigError
from ctc.settings import Settings

FUNCTIONS = frozenset({"range", "generate_series", "unnest", "duckdb_columns", "duckdb_functions", "duckdb_tables"})
_SHUT = (
    "set temp_directory = ''",  # what does not fit in memory fails, instead of filling a disk
    "set memory_limit = '512MB'",
    "set allowed_directories = ['s3://{bucket}/']",
    "set enable_external_access = false",
    "set lock_configuration = true",
)


class Limits(msgspec.Struct, frozen=True):
    """What one question may cost."""

    rows: int = 1_000
    seconds: float = 10.0
    bytes: int = 16 << 20


class Answer(msgspec.Struct, frozen=True):
    """The rows that were read; `cut` says that there are more."""

    rows: pa.Table
    cut: bool
    seconds: float


class Workbench(LakeReader):
    """The session's tables as of now, or all of them as of one moment (wall time, as commits have it)."""

    def __init__(self, settings: Settings, moment: datetime | None = None, limits: Limits | None = None) -> None:
        self._moment = moment
        self._history = LakeHistory(settings)
        self.limits = limits or Limits()
        super().__init__(settings)
        self._sign()
        for statement in _SHUT:
            self._connection.execute(statement.format(bucket=settings.lake.bucket.replace("'", "''")))

    def ask(self, sql: str) -> Answer:
        """The first rows of one statement that reads.

        Raises ConfigError when it is wrong or asks too much, LakeError for the lake's own trouble.
        """
        check_read_only(sql)
        self._check_sources(without_explain(sql))
        names = self._refresh(sql)
        began = time.monotonic()
        with self._connection.cursor() as cursor, self._translating(names):
            timer = threading.Timer(self.limits.seconds, cursor.interrupt)
            timer.start()
            try:
                rows, cut = self._head(cursor.execute(sql).to_arrow_reader(self.limits.rows + 1), began)
            except duckdb.InterruptException as error:
                raise self._too_long() from error
            except duckdb.OutOfMemoryException as error:
                raise ConfigError(
                    "the question needs more memory than there is for one: ask for fewer rows or columns at a time"
                ) from error
            finally:
                timer.cancel()
        return Answer(rows, cut, time.monotonic() - began)

    def _check_sources(self, sql: str) -> None:
        """Refuse what reads from anything but tables: DuckDB's own walls let a path with `..` in it through to other buckets."""
        with self._connection.cursor() as cursor:
            (text,) = cursor.execute("select json_serialize_sql($sql)", {"sql": sql}).fetchone() or ("{}",)
        tree = json.loads(text)
        if tree.get("error"):
            raise ConfigError(f"this can't be asked here ({tree.get('error_message')}): write it as a SELECT")
        for kind, name in _sources(tree):
            if kind == "TABLE_FUNCTION" and name not in FUNCTIONS:
                raise ConfigError(f"{name}() can't be used here: only the lake's tables can be read")
            if kind == "BASE_TABLE" and "/" in name:
                raise ConfigError(f"{name} is a file: only the lake's tables can be read here")

    def _head(self, batches: pa.RecordBatchReader, began: float) -> tuple[pa.Table, bool]:
        found, count = [], 0
        for batch in batches:
            found.append(batch)
            count += batch.num_rows
            if sum(each.nbytes for each in found) > self.limits.bytes:
                raise ConfigError(f"the answer is larger than {self.limits.bytes >> 20} MiB: ask for fewer columns, or shorter ones")
            if count > self.limits.rows:
                break
            if time.monotonic() - began > self.limits.seconds:
                raise self._too_long()
        return pa.Table.from_batches(found, batches.schema).slice(0, self.limits.rows), count > self.limits.rows

    def _too_long(self) -> ConfigError:
        return ConfigError(
            f"the question took longer than {self.limits.seconds:g} s and was stopped: narrow it down by symbol and by timestamp, "
            "the tables' partitions, or run it in a terminal with `ctc query`"
        )

    def _select(self, name: str, location: str) -> str:
        if self._moment is None:
            return super()._select(name, location)
        found = as_of(self._history.commits().get(name, []), self._moment)
        return f"{scan(location)} limit 0" if found is None else scan(location, found.snapshot_id)


def _sources(tree: Any) -> Iterator[tuple[str, str]]:
    """Kind and name of every table and table function in a parsed statement."""
    if isinstance(tree, dict):
        if tree.get("type") == "BASE_TABLE":
            yield "BASE_TABLE", str(tree["table_name"])
        elif tree.get("type") == "TABLE_FUNCTION":
            yield "TABLE_FUNCTION", str(tree["function"]["function_name"]).lower()
    for each in tree.values() if isinstance(tree, dict) else tree if isinstance(tree, list) else ():
        yield from _sources(each)
