"""The Iceberg tables without Spark: their making, and small appends that happen exactly once."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.catalog import Catalog, load_catalog
from pyiceberg.exceptions import (
    CommitFailedException,
    NoSuchTableError,
    ValidationException,
)
from pyiceberg.table import Table as IcebergTable
from pyiceberg.table.snapshots import Snapshot, SnapshotLogEntry

from ctc.arrow import arrow_schema
from ctc.aws import clients
from ctc.aws.columns import iceberg_schema, partition_spec
from ctc.aws.evolved import filled
from ctc.aws.rows import rows_of_alerts, rows_of_bars, rows_of_quality, rows_of_spreads
from ctc.errors import LakeError
from ctc.schema import TABLES
from ctc.settings import Settings

__all__ = [
    "BATCH_PROPERTY",
    "QUERY_PROPERTY",
    "RUN_PROPERTY",
    "TableAppender",
    "arrow_schema",
    "catalog",
    "create_tables",
    "last_batch",
    "rows_of_alerts",
    "rows_of_bars",
    "rows_of_quality",
    "rows_of_spreads",
]

# Written into each snapshot's summary, by this module and by Spark's writer (`snapshot-property.` + name).
QUERY_PROPERTY = "ctc.query"
RUN_PROPERTY = "ctc.run"
BATCH_PROPERTY = "ctc.batch"

PROPERTIES = {
    "format-version": "2",
    "write.format.default": "parquet",
    "write.parquet.compression-codec": "zstd",
    "write.metadata.delete-after-commit.enabled": "true",
    "write.metadata.previous-versions-max": "20",
    "commit.manifest-merge.enabled": "true",
    # A micro-batch touches a few partitions: no shuffle, one open file for each of them.
    "write.distribution-mode": "none",
    "write.spark.fanout.enabled": "true",
}
_COMMIT_TRIES = 3  # of pyiceberg's five attempts each

# pyiceberg deep-copies the whole history at each commit, though its parts are frozen. With 400 snapshots that was 240 of an
# append's 320 CPU-ms.
for _frozen in (Snapshot, SnapshotLogEntry):
    _frozen.__deepcopy__ = lambda self, memo=None: self  # type: ignore[method-assign]


def catalog(settings: Settings) -> Catalog:
    """The session's Iceberg catalog: Glue, or REST where the profile says so."""
    keys = clients.credentials(settings)
    properties: dict[str, str] = {}
    for service in ("s3", "glue"):
        properties[f"{service}.region"] = settings.aws.region
        if url := clients.endpoint(service, settings):
            properties[f"{service}.endpoint"] = url
            properties[f"{service}.access-key-id"] = keys["aws_access_key_id"]
            properties[f"{service}.secret-access-key"] = keys["aws_secret_access_key"]
    if settings.lake.catalog == "rest":
        return load_catalog("rest", type="rest", uri=settings.lake.catalog_uri, **properties)
    return load_catalog("glue", type="glue", **properties)


def create_tables(settings: Settings) -> None:
    """Buckets, database and every table of `ctc.schema.TABLES`; what is there already stays as it is."""
    _create_buckets(settings)
    lake, database = catalog(settings), settings.lake.database
    with clients.translating(f"creating the database {database}", settings):
        lake.create_namespace_if_not_exists(database)
    for table in TABLES.values():
        try:
            lake.create_table_if_not_exists(
                (database, table.name),
                schema=iceberg_schema(table),
                location=f"s3://{settings.lake.bucket}/{database}/{table.name}",
                partition_spec=partition_spec(table),
                properties=PROPERTIES,
            )
        except (CommitFailedException, BotoCoreError, ClientError) as error:
            raise LakeError(f"can't create the table {database}.{table.name}: {error}") from error


def last_batch(table: IcebergTable, query: str, run: str) -> int | None:
    """The newest batch that this query and run committed to the table, or None.

    Every snapshot is asked: batches go to main alone, so no branch that was given up can name one.
    """
    batches = [
        int(summary[BATCH_PROPERTY] or -1)
        for snapshot in table.metadata.snapshots
        if (summary := snapshot.summary) and summary[QUERY_PROPERTY] == query and summary[RUN_PROPERTY] == run
    ]
    return max(batches, default=None)


class TableAppender:
    """Appends each batch of a streaming query at most once, remembering batches in the snapshots' properties.

    One object serves one query in one process; it asks a table for its last batch only before the first append.
    """

    def __init__(self, settings: Settings) -> None:
        self._database = settings.lake.database
        self._catalog = catalog(settings)
        self._tables: dict[str, IcebergTable] = {}
        self._done: dict[tuple[str, str, str], int] = {}

    def last_batch(self, table_name: str, query: str, run: str) -> int | None:
        """The newest batch of this query and run in the table, read from the catalog now."""
        self._tables.pop(table_name, None)
        return last_batch(self._table(table_name), query, run)

    def rehearse(self, *names: str) -> None:
        """Read tables as a first append does, so that what it needs is loaded and connected; nothing of it is kept."""
        for name in names:
            self._table(name)
            del self._tables[name]

    def append_once(self, name: str, rows: pa.Table, *, query: str, run: str, batch_id: int) -> bool:
        """Commit the rows unless this batch or a later one is there; True when a snapshot was added."""
        if rows.num_rows == 0:
            return False
        memory = (name, query, run)
        done = self._done.pop(memory, None)  # forgotten until the commit is through: after a failure the table is asked again
        if done is None:
            done = self.last_batch(name, query, run)
        added = done is None or batch_id > done
        if added:
            self._commit(name, rows, query, run, batch_id)
        self._done[memory] = batch_id if done is None else max(batch_id, done)
        return added

    def _commit(self, name: str, rows: pa.Table, query: str, run: str, batch_id: int) -> None:
        lost: Exception
        for _ in range(_COMMIT_TRIES):
            try:
                table = self._table(name)
                table.append(
                    filled(rows, table.schema(), table.properties),
                    snapshot_properties={QUERY_PROPERTY: query, RUN_PROPERTY: run, BATCH_PROPERTY: str(batch_id)},
                )
                return
            except (CommitFailedException, ValidationException) as error:
                # Other writers were first, or it was this batch's own commit from a process that has died: the table knows.
                found = self.last_batch(name, query, run)
                if found is not None and found >= batch_id:
                    return
                lost = error
            except ValueError as error:
                # Someone committed to a branch: main is as it was, but pyiceberg counted on from an older sequence number.
                if "sequence number" not in str(error):
                    raise
                self._tables.pop(name, None)
                lost = error
            except (BotoCoreError, ClientError, OSError) as error:
                raise LakeError(f"{self._database}.{name}: the commit failed, try the batch again: {error}") from error
        raise LakeError(f"{self._database}.{name}: {_COMMIT_TRIES} commits lost to other writers, try the batch again: {lost}") from lost

    def _table(self, name: str) -> IcebergTable:
        if name not in self._tables:
            try:
                self._tables[name] = self._catalog.load_table((self._database, name))
            except NoSuchTableError as error:
                raise LakeError(f"there is no table {self._database}.{name}: start the session again, it creates its tables") from error
        return self._tables[name]


def _create_buckets(settings: Settings) -> None:
    store = clients.client("s3", settings)
    for bucket in (settings.lake.bucket, settings.lake.raw_bucket):
        with clients.translating(f"creating the S3 bucket {bucket}", settings):
            try:
                _create_bucket(store, bucket, settings.aws.region)
            except (store.exceptions.BucketAlreadyOwnedByYou, store.exceptions.BucketAlreadyExists):
                continue


def _create_bucket(store: Any, bucket: str, region: str) -> None:
    if region == "us-east-1":  # the one region that refuses to be named
        store.create_bucket(Bucket=bucket)
    else:
        store.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
