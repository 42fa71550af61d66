"""Rows of the lake's tables, file after file, without Spark and DuckDB: for functions whose package has no room for either (ADR 21)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import FileScanTask, StaticTable

from ctc.arrow import arrow_schema
from ctc.aws.clients import translating
from ctc.aws.columns import iceberg_schema
from ctc.aws.located import table_finder
from ctc.aws.objects import Objects
from ctc.errors import LakeError
from ctc.schema import Table
from ctc.settings import Settings

AT_ONCE = 8  # files: most are small, and a request to S3 takes longer than their rows


class LakeScan:
    """Tables of the session's database, each as of the first question about it.

    Raises LakeError for a table that is not there or holds no rows of ours, StoreError or SetupError where S3 or Glue does not give it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._find, self._objects = settings, table_finder(settings), Objects(settings)
        self._tables: dict[str, StaticTable] = {}

    def differing(self, table: Table) -> int:
        """How many columns of `ctc.schema` the table lacks or has otherwise; more of them are no fault (the job `evolve`)."""
        there = {field.name: (field.field_type, field.required) for field in self._table(table).schema().fields}
        return sum(there.get(field.name) != (field.field_type, field.required) for field in iceberg_schema(table).fields)

    def batches(
        self, table: Table, columns: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        """These columns of all rows, or of those of a time: from `since` on, before `until`. `AT_ONCE` files are in memory."""
        scan = self._table(table).scan(_of_time(table, since, until))
        wanted = pa.schema([arrow_schema(table).field(name) for name in columns])
        ids = {field.name: field.field_id for field in scan.table_metadata.schema().fields if field.name in {*columns, table.time}}
        read: deque[Future[list[pa.RecordBatch]]] = deque()
        with self._reading(table), ThreadPoolExecutor(AT_ONCE, "scan") as pool:
            for task in scan.plan_files():
                read.append(pool.submit(self._rows, task, ids, wanted, _in(table, since, until)))
                if len(read) == AT_ONCE:
                    yield from read.popleft().result()
            while read:
                yield from read.popleft().result()

    def _rows(self, task: FileScanTask, ids: dict[str, int], wanted: pa.Schema, condition: pc.Expression) -> list[pa.RecordBatch]:
        """A file's, by the ids of its columns: pyiceberg's own reader needs Arrow's S3, and begins with all files at once."""
        if task.delete_files:
            raise LakeError(f"{task.file.file_path} has rows that are deleted beside it: run the job `maintain` first")
        with self._objects.new_input(task.file.file_path).open() as stream, pq.ParquetFile(stream) as file:
            own = {int(field.metadata[b"PARQUET:field_id"]): field.name for field in file.schema_arrow}
            there = {name: own[number] for name, number in ids.items() if number in own}
            found = file.read(columns=list(there.values())).select(list(there.values())).rename_columns(list(there))
        for field in wanted:
            if field.name not in there:
                found = found.append_column(field, pa.nulls(found.num_rows, field.type))
        rows: list[pa.RecordBatch] = found.filter(condition).select(wanted.names).cast(wanted).to_batches()
        return rows

    def _table(self, table: Table) -> StaticTable:
        if table.name not in self._tables:
            location = self._find().get(table.name)
            if location is None:
                raise LakeError(f"there is no table {self._named(table)}: start the session again, it creates its tables")
            with self._reading(table):
                metadata = FromInputFile.table_metadata(self._objects.new_input(location))
            identifier = (self._settings.lake.database, table.name)
            self._tables[table.name] = StaticTable(identifier, metadata, location, self._objects, NoopCatalog("none"))
        return self._tables[table.name]

    @contextmanager
    def _reading(self, table: Table) -> Iterator[None]:
        try:
            with translating(f"reading the table {self._named(table)}", self._settings):
                yield
        except (OSError, pa.ArrowException) as error:
            raise LakeError(f"the table {self._named(table)} can't be read: {error}") from error

    def _named(self, table: Table) -> str:
        return f"{self._settings.lake.database}.{table.name}"


def _in(table: Table, since: datetime | None, until: datetime | None) -> pc.Expression:
    found = pc.scalar(True)
    if since is not None:
        found &= pc.field(table.time) >= pc.scalar(since)
    if until is not None:
        found &= pc.field(table.time) < pc.scalar(until)
    return found


def _of_time(table: Table, since: datetime | None, until: datetime | None) -> str:
    """The same in pyiceberg's words, for which files there are."""
    bounds = ((">=", since), ("<", until))
    return " and ".join(f"{table.time} {sign} '{moment.isoformat()}'" for sign, moment in bounds if moment is not None) or "true"
