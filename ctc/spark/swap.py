"""Put a run's alerts in the place of the stream's in `anomalies`, or take that back: atomic, checked before it is seen, reversible.

Only rows that the run speaks for are replaced (`reprocess.scope`). What was there is kept by a tag. Each commit says itself which swaps
stand after it, so that becomes true in the moment that its rows are seen. The hot copy in DynamoDB stays as it is: it holds a day,
and what people were told.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.aws.history import STANDING_PROPERTY, LakeHistory, Standing, standing_in
from ctc.aws.lakehouse import QUERY_PROPERTY, RUN_PROPERTY
from ctc.errors import ConfigError, LakeError
from ctc.model import from_us
from ctc.schema import ANOMALIES, ANOMALIES_REPROCESSED
from ctc.settings import Settings
from ctc.spark.branches import alter, publish
from ctc.spark.reprocess import ASKED_PROPERTY, QUERY, Asked, scope
from ctc.spark.tables import Say, full_name, rows_at, with_properties

SWAP, UNDO = "swap", "undo"
BRANCH = "ctc_swap"
BEFORE, AFTER = "before_", "after_"  # and the run: tags of what `anomalies` held before and after its swap
RETAINED_DAYS = 30  # for which a swap can be taken back: `maintain` lets go of older tags


class Swapped(msgspec.Struct, frozen=True):
    """What became of `anomalies`: rows taken out, rows put in, and the snapshot that it is now."""

    run: str
    removed: int
    added: int
    snapshot: int


def swap(spark: SparkSession, settings: Settings, say: Say, *, unexplained: bool = False) -> Swapped:
    """The newest run in place of what it was compared with.

    Raises ConfigError where there is no run, or it has differences that nobody can explain and `unexplained` does not allow them.
    """
    asked, version = _newest_run(spark, settings)
    if asked.unexplained and not unexplained:
        raise ConfigError(
            f"run {asked.run} differs from anomalies in {asked.unexplained} alerts without a reason: look at them with --differences, "
            "and swap with --unexplained if they are right"
        )
    _standing_after(settings, SWAP, asked.run)  # refuses before anything is written
    rows, in_scope = rows_at(spark, settings, ANOMALIES_REPROCESSED.name, version), scope(asked)

    def gone(base: int) -> DataFrame:
        _tag(spark, settings, BEFORE, asked, base)
        return rows_at(spark, settings, ANOMALIES.name, base).where(in_scope).select("alert_id")

    say(f"putting run {asked.run} in the place of the stream's alerts")
    return _exchange(spark, settings, SWAP, asked, gone, rows, say)


def undo(spark: SparkSession, settings: Settings, say: Say) -> Swapped:
    """Take back the newest swap that was not taken back yet; what the stream wrote since then stays."""
    asked = _newest_swap(spark, settings)
    in_scope = scope(asked)
    before = rows_at(spark, settings, ANOMALIES.name, f"'{BEFORE}{asked.run}'").where(in_scope)
    put_in = rows_at(spark, settings, ANOMALIES.name, f"'{AFTER}{asked.run}'").where(in_scope).select("alert_id")
    say(f"putting back the alerts that were there before run {asked.run}")
    return _exchange(spark, settings, UNDO, asked, lambda _: put_in, before, say)


def _exchange(
    spark: SparkSession, settings: Settings, query: str, asked: Asked, gone: Callable[[int], DataFrame], rows: DataFrame, say: Say
) -> Swapped:
    """Alerts that `gone` names (of main's snapshot) out, `rows` in; other rows of the same days are written again as they are."""
    about = {QUERY_PROPERTY: query, RUN_PROPERTY: asked.run, ASKED_PROPERTY: msgspec.json.encode(asked).decode()}
    counts: dict[str, int] = {}

    def write(target: str, base: int | None) -> None:
        standing = _standing_after(settings, query, asked.run)
        wanted, out = rows, None
        if base is not None:
            out = gone(base)
            there = rows_at(spark, settings, ANOMALIES.name, base).where(_days(asked))
            wanted = there.join(out, "alert_id", "left_anti").select(*ANOMALIES.names).unionByName(rows.select(*ANOMALIES.names))
        counts.update(removed=0 if out is None else out.count(), added=rows.count())
        properties = about | {STANDING_PROPERTY: msgspec.json.encode(standing).decode()}
        with_properties(wanted, target, properties).overwrite(_days(asked))
        _check(spark, settings, target, base, wanted, asked)
        if query == SWAP:
            head = _reference(spark, settings, BRANCH)
            assert head is not None, "the branch was written"
            _tag(spark, settings, AFTER, asked, head)

    snapshot = publish(spark, settings, ANOMALIES.name, BRANCH, write, say)
    return Swapped(asked.run, counts["removed"], counts["added"], snapshot)


def _tag(spark: SparkSession, settings: Settings, kind: str, asked: Asked, version: int) -> None:
    name = full_name(settings, ANOMALIES.name)
    days = _days_to_keep(spark, name, version, datetime.now(UTC))
    alter(spark, f"alter table {name} create or replace tag {kind}{asked.run} as of version {version} retain {days} days")


def _days_to_keep(spark: SparkSession, name: str, version: int, now: datetime) -> int:
    """How old the snapshot may get: Iceberg's age of a tag is that of its snapshot, and after quiet weeks that is old already."""
    rows = spark.sql(f"select unix_micros(committed_at) us from {name}.snapshots where snapshot_id = {version}").collect()  # noqa: S608
    return RETAINED_DAYS + max(now - from_us(rows[0].us), timedelta(0)).days


def _reference(spark: SparkSession, settings: Settings, named: str) -> int | None:
    """The snapshot of a branch or tag; None where it is not there."""
    rows = spark.sql(f"select snapshot_id from {full_name(settings, ANOMALIES.name)}.refs where name = '{named}'").collect()  # noqa: S608
    return rows[0].snapshot_id if rows else None


def _days(asked: Asked) -> Column:
    """The whole days, which are partitions, that a run's alerts can lie in."""
    found = F.lit(True)
    if asked.since is not None:
        found &= F.col("timestamp") >= F.lit(_midnight(asked.since))
    if asked.until is not None:
        found &= F.col("timestamp") < F.lit(_midnight(asked.until) + timedelta(days=2))
    return found


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _check(spark: SparkSession, settings: Settings, target: str, base: int | None, wanted: DataFrame, asked: Asked) -> None:
    """The branch must hold exactly what was wanted on those days, each alert once, and everything else as before. Raises LakeError."""
    made = spark.read.table(target).select(*ANOMALIES.names)
    doubled = made.groupBy("alert_id").count().where("count > 1").count()
    here = made.where(_days(asked))
    missing, extra = wanted.exceptAll(here).count(), here.exceptAll(wanted).count()
    others = made.count() - here.count()
    if base is not None:
        before = rows_at(spark, settings, ANOMALIES.name, base)
        others -= before.count() - before.where(_days(asked)).count()
    if doubled or missing or extra or others:
        raise LakeError(
            f"the new anomalies would lack {missing}, have {extra} too many, {doubled} twice and {others} on other days: "
            "nothing was changed; run reprocess again"
        )


def _newest_run(spark: SparkSession, settings: Settings) -> tuple[Asked, int]:
    for commit in LakeHistory(settings).commits().get(ANOMALIES_REPROCESSED.name, []):  # newest first; others compacted it
        if commit.query == QUERY and (found := _asked_of(spark, settings, ANOMALIES_REPROCESSED.name, commit.snapshot_id)):
            return found, commit.snapshot_id
    raise ConfigError("there is no run to swap in: `ctc jobs run reprocess` makes one")


def _newest_swap(spark: SparkSession, settings: Settings) -> Asked:
    standing = standing_in(LakeHistory(settings).commits().get(ANOMALIES.name, []))
    if not standing.runs:
        raise ConfigError("there is no swap to take back: anomalies are the stream's own")
    run = standing.runs[-1]
    before, after = (_reference(spark, settings, f"{kind}{run}") for kind in (BEFORE, AFTER))
    found = None if before is None or after is None else _asked_of(spark, settings, ANOMALIES.name, after)
    if found is None:
        raise ConfigError(f"run {run} can't be taken back any more: what was there before it was kept for {RETAINED_DAYS} days")
    return found


def _standing_after(settings: Settings, query: str, run: str) -> Standing:
    """What stands when the swap is made, or taken back. Raises ConfigError where that was done already."""
    now = standing_in(LakeHistory(settings).commits().get(ANOMALIES.name, []))
    if query == SWAP and run in now.runs:
        raise ConfigError(f"run {run} is in place already: `ctc jobs run reprocess --undo` takes it back")
    if query == UNDO and run not in now.runs:
        raise ConfigError(f"run {run} was taken back already, by another job")
    return Standing(now.number + 1, (*now.runs, run) if query == SWAP else tuple(each for each in now.runs if each != run))


def _asked_of(spark: SparkSession, settings: Settings, table: str, version: int) -> Asked | None:
    """What the run of a snapshot was about, if a run made it."""
    rows = spark.sql(
        f"select summary['{ASKED_PROPERTY}'] asked from {full_name(settings, table)}.snapshots where snapshot_id = {version}"  # noqa: S608
    ).collect()
    return msgspec.json.decode(rows[0].asked, type=Asked) if rows and rows[0].asked else None
