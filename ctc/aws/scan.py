"""Rows of the lake's tables, file after file, without Spark and DuckDB: for functions whose package has no room for either (ADR 21)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime

import pyarrow as pa
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import AlwaysTrue, And, BooleanExpression, GreaterThanOrEqual, LessThan
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.table import Table as IcebergTable

from ctc.aws.clients import translating
from ctc.aws.columns import iceberg_schema
from ctc.aws.lakehouse import catalog
from ctc.errors import LakeError
from ctc.schema import Table
from ctc.settings import Settings


class LakeScan:
    """Tables of the session's database, each as of the first question about it.

    All raise LakeError for a table that is not there or whose files can't be read, StoreError or SetupError where Glue does not answer.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings, self._catalog, self._database = settings, catalog(settings), settings.lake.database
        self._tables: dict[str, IcebergTable] = {}

    def differing(self, table: Table) -> int:
        """How many columns of `ctc.schema` the table lacks or has otherwise; more of them are no fault (the job `evolve`)."""
        there = {field.name: (field.field_type, field.required) for field in self._table(table).schema().fields}
        return sum(there.get(field.name) != (field.field_type, field.required) for field in iceberg_schema(table).fields)

    def batches(
        self, table: Table, columns: Sequence[str], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[pa.RecordBatch]:
        """These columns of all rows, or of those of a time: from `since` on, before `until`. One file at a time is in memory."""
        found = self._table(table)
        with self._reading(table):
            scan = found.scan(_of_time(table, since, until), selected_fields=tuple(columns))
            reader = ArrowScan(scan.table_metadata, scan.io, scan.projection(), scan.row_filter)
            for task in scan.plan_files():  # pyiceberg's own reader would begin all of them at once
                for batch in reader.to_record_batches([task]):
                    yield batch.select(columns)

    def _table(self, table: Table) -> IcebergTable:
        if table.name not in self._tables:
            with self._reading(table):
                self._tables[table.name] = self._catalog.load_table((self._database, table.name))
        return self._tables[table.name]

    @contextmanager
    def _reading(self, table: Table) -> Iterator[None]:
        name = f"{self._database}.{table.name}"
        try:
            with translating(f"reading the table {name}", self._settings):
                yield
        except NoSuchTableError as error:
            raise LakeError(f"there is no table {name}: start the session again, it creates its tables") from error
        except (OSError, pa.ArrowException) as error:
            raise LakeError(f"the table {name} can't be read: {error}") from error


def _of_time(table: Table, since: datetime | None, until: datetime | None) -> BooleanExpression:
    found: BooleanExpression = AlwaysTrue()
    if since is not None:
        found = And(found, GreaterThanOrEqual(table.time, since.isoformat()))
    if until is not None:
        found = And(found, LessThan(table.time, until.isoformat()))
    return found
