"""The job `maintain`: fewer, larger files; fewer manifests; old snapshots and files that nobody refers to gone.

The streaming queries remember their last batch in their snapshots (ctc/aws/lakehouse.py), and swaps which of them stand. Where such a
snapshot is going to expire, its memory is first written again into a new, empty one; and what a merge of history still has to tell the
gap ledger is told while its snapshot is there. Each step is one commit, or removes what no commit refers to.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from pyspark.sql import SparkSession

from ctc.aws.history import STANDING_PROPERTY, Commit, LakeHistory, standing_in
from ctc.aws.lakehouse import BATCH_PROPERTY, QUERY_PROPERTY, RUN_PROPERTY
from ctc.aws.listing import objects_under
from ctc.schema import RAW_TRADES, TABLES
from ctc.settings import Settings
from ctc.spark.branches import alter
from ctc.spark.historical import tell_ledger
from ctc.spark.session import CATALOG
from ctc.spark.tables import Say, current_snapshot, full_name, with_properties

NOTE_PROPERTY = "ctc.note"
# Some 200,000 trades, so that who asks for an hour reads that of a day's file. Not from the table's creation on: pyiceberg, which
# has no such groups, warns at each append.
ROW_GROUPS = "'write.parquet.row-group-size-bytes' = '16777216'"
ORPHANS_AFTER = timedelta(hours=24)  # what is younger may belong to a commit that is still being made
_ASKED = 3  # times that a query is run, of which the quickest counts
_LISTED = "ctc_listed_files"


class State(msgspec.Struct, frozen=True):
    """What a table consists of, and how long Spark takes to count its rows and to find the newest time by symbol."""

    files: int
    bytes: int
    manifests: int
    snapshots: int
    query_ms: float


class Maintained(msgspec.Struct, frozen=True):
    """A table before and after."""

    table: str
    before: State
    after: State
    notes: int
    orphans: int

    def row(self) -> tuple[Any, ...]:
        """Values of `COLUMNS`."""
        pairs = ((getattr(self.before, name), getattr(self.after, name)) for name in State.__struct_fields__)
        return self.table, *(value for pair in pairs for value in pair), self.notes, self.orphans


COLUMNS = ("table", *(f"{name}_{when}" for name in State.__struct_fields__ for when in ("before", "after")), "notes", "orphans")


def maintain(spark: SparkSession, settings: Settings, names: Iterable[str], keep: timedelta, say: Say) -> Iterator[Maintained]:
    """Each table in turn; snapshots younger than `keep` stay, and so do tagged ones. Raises LakeError."""
    for name in names:
        if current_snapshot(spark, settings, name) is not None:
            yield _maintain(spark, settings, name, keep, say)


def _maintain(spark: SparkSession, settings: Settings, name: str, keep: timedelta, say: Say) -> Maintained:
    before = state_of(spark, settings, name)
    say(f"{name}: compacting {before.files} files")
    cutoff = datetime.now(UTC) - keep
    table = f"{settings.lake.database}.{name}"
    if name == RAW_TRADES.name:
        tell_ledger(spark, settings)  # of a merge whose process died before it could
        alter(spark, f"alter table {full_name(settings, name)} set tblproperties ({ROW_GROUPS})")
    how = f"strategy => 'sort', sort_order => '{RAW_TRADES.time}', " if name == RAW_TRADES.name else ""  # what is asked of trades is a time
    _call(spark, f"rewrite_data_files(table => '{table}', {how}options => map('min-input-files', '2'))")
    say(f"{name}: rewriting {before.manifests} manifests")
    _call(spark, f"rewrite_manifests(table => '{table}')")
    notes = keep_memories(spark, settings, name, cutoff)
    say(f"{name}: expiring snapshots before {cutoff:%Y-%m-%d %H:%M:%S}")
    _call(spark, f"expire_snapshots(table => '{table}', older_than => timestamp '{cutoff:%Y-%m-%d %H:%M:%S.%f}+00:00', retain_last => 1)")
    say(f"{name}: looking for files that nobody refers to")
    orphans = remove_orphans(spark, settings, name)
    return Maintained(name, before, state_of(spark, settings, name), notes, orphans)


def keep_memories(spark: SparkSession, settings: Settings, name: str, cutoff: datetime) -> int:
    """Write again what a query's newest snapshot remembers, and which swaps stand, where that is older than the cutoff; how many."""
    newest: dict[tuple[str, str], Commit] = {}
    commits = LakeHistory(settings).commits().get(name, [])
    for commit in commits:
        if commit.query is None or commit.run is None or commit.batch is None:
            continue
        known = newest.get((commit.query, commit.run))
        if known is None or (commit.batch, commit.at) > (known.batch or 0, known.at):
            newest[commit.query, commit.run] = commit
    memories = [
        {QUERY_PROPERTY: str(commit.query), RUN_PROPERTY: str(commit.run), BATCH_PROPERTY: str(commit.batch)}
        for commit in newest.values()
        if commit.at < cutoff
    ]
    standing = standing_in(commits)
    said = next((commit for commit in commits if commit.standing == standing), None)
    if said is not None and said.at < cutoff:
        memories.append({STANDING_PROPERTY: msgspec.json.encode(standing).decode()})
    target = full_name(settings, name)
    for memory in memories:
        with_properties(spark.table(target).limit(0), target, {**memory, NOTE_PROPERTY: "memory"}).append()
    return len(memories)


def remove_orphans(spark: SparkSession, settings: Settings, name: str) -> int:
    """Remove files under the table's folder that no snapshot refers to and that are older than `ORPHANS_AFTER`; how many."""
    prefix = f"{settings.lake.database}/{name}/"
    listed = [(f"s3://{settings.lake.bucket}/{key}", at) for key, at in objects_under(settings, settings.lake.bucket, prefix)]
    spark.createDataFrame(listed, "file_path string, last_modified timestamp").createOrReplaceTempView(_LISTED)
    older = datetime.now(UTC) - ORPHANS_AFTER - timedelta(minutes=1)  # the procedure refuses less than a day
    rows = _call(
        spark,
        f"remove_orphan_files(table => '{settings.lake.database}.{name}', "
        f"older_than => timestamp '{older:%Y-%m-%d %H:%M:%S}+00:00', file_list_view => '{_LISTED}')",
    )
    return len(rows)


def state_of(spark: SparkSession, settings: Settings, name: str) -> State:
    """The table as it is now."""
    table = full_name(settings, name)
    files = spark.sql(f"select count(*) n, coalesce(sum(file_size_in_bytes), 0) size from {table}.files").collect()[0]  # noqa: S608
    manifests = spark.sql(f"select count(*) n from {table}.manifests").collect()[0].n  # noqa: S608
    snapshots = spark.sql(f"select count(*) n from {table}.snapshots").collect()[0].n  # noqa: S608
    return State(files.n, files.size, manifests, snapshots, query_ms(spark, settings, name))


def query_ms(spark: SparkSession, settings: Settings, name: str) -> float:
    """Milliseconds that Spark takes for rows and newest time by symbol, the quickest of three; no other engine is on a cluster."""
    table, took = TABLES[name], list[float]()
    asked = f"select {table.part}, count(*), max({table.time}) from {full_name(settings, name)} group by {table.part}"  # noqa: S608 - our own names
    for _ in range(_ASKED):
        began = time.perf_counter()
        spark.sql(asked).collect()
        took.append(time.perf_counter() - began)
    return round(1000 * min(took), 1)


def _call(spark: SparkSession, call: str) -> list[Any]:
    return spark.sql(f"call {CATALOG}.system.{call}").collect()
