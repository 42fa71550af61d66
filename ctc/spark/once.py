"""The stream's commits to `raw_trades`: each trade once, also where the job `history` has brought it before.

The stream's row stays: it has its place in the log, by which `reprocess` goes. History's, which has none, goes in the same commit. A
commit looks first, and takes place only where nobody has added rows since; else it looks again. So no reader, no order of the two and no
process that dies finds a trade twice, and nothing has to be made good.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.model import from_us
from ctc.spark.branches import alter
from ctc.spark.tables import with_properties

HISTORY_PROPERTY = "ctc.history"  # of the table, from before the first merge on: until then a commit looks at nothing else
TRIES = 8
_CAME_BETWEEN = "ValidationException"  # Iceberg's, where others have added rows since the look, or rewritten files that go
_NEAR = timedelta(minutes=1)  # a trade's two copies have one time
_SESSION = "spark.sql.iceberg.snapshot-property."  # of commits by SQL, which takes no writer's options
_BATCH = "ctc_batch"


def expect_history(spark: SparkSession, name: str) -> None:
    """Have the stream's commits look for history's rows. A merge calls it before it looks at the table: earlier commits it sees itself."""
    if HISTORY_PROPERTY not in _properties(spark, name):
        alter(spark, f"alter table {name} set tblproperties ('{HISTORY_PROPERTY}' = 'true')")


def within(column: str, low: datetime, high: datetime) -> str:
    """Both ends included, in words of which Iceberg knows the files that it need not read."""
    first, last = (f"timestamp '{moment:%Y-%m-%d %H:%M:%S.%f}+00:00'" for moment in (low, high))
    return f"{column} between {first} and {last}"


def commit_once(rows: DataFrame, name: str, properties: dict[str, str], is_there: Callable[[], bool]) -> None:
    """Commit a batch's rows (at least one) in a snapshot with these properties.

    `is_there` asks the table for the batch where rows have come since the look: it may be this very commit, whose answer was lost.
    """
    for left in reversed(range(TRIES)):
        try:
            _commit(rows, name, properties)
        except (PySparkException, Py4JJavaError) as error:
            if not left or _CAME_BETWEEN not in str(error):
                raise
            if not is_there():
                rows.sparkSession.sql(f"refresh table {name}")
                continue
        return


def _commit(rows: DataFrame, name: str, properties: dict[str, str]) -> None:
    seen = _properties(rows.sparkSession, name)
    if HISTORY_PROPERTY in seen:
        low, high = rows.agg(F.min(F.unix_micros("timestamp")), F.max(F.unix_micros("timestamp"))).collect()[0]
        ends = from_us(low) - _NEAR, from_us(high) + _NEAR
        if _history_is_there(rows.sparkSession, name, *ends):
            _take_places(rows, name, *ends, properties)
            return
    _append(rows, name, seen["current-snapshot-id"], properties)


def _properties(spark: SparkSession, name: str) -> dict[str, str]:
    """The table's, and its newest snapshot, as Iceberg's catalog keeps them in this process: of this query's own last commit, or newer.

    That others may have committed since does no harm: a commit holds only where they have not.
    """
    return {row.key: row.value for row in spark.sql(f"show tblproperties {name}").collect()}


def _history_is_there(spark: SparkSession, name: str, low: datetime, high: datetime) -> bool:
    """Whether there are rows of history between two moments. Files of the stream alone are not opened for it."""
    return bool(spark.table(name).where("shard is null").where(within("timestamp", low, high)).limit(1).count())


def _append(rows: DataFrame, name: str, base: str, properties: dict[str, str]) -> None:
    """Append on condition that nobody has added rows since `base`: to Iceberg an overwrite of nothing, which can have one."""
    writer = with_properties(rows, name, properties).option("isolation-level", "serializable")
    if base != "none":
        writer = writer.option("validate-from-snapshot-id", base)
    writer.overwrite(F.lit(False))


def _take_places(rows: DataFrame, name: str, low: datetime, high: datetime, properties: dict[str, str]) -> None:
    """Rows in the place of history's, where it has them, and beside them where not; on condition as well, which is Iceberg's default."""
    spark = rows.sparkSession
    rows.createOrReplaceTempView(_BATCH)
    with _saying(spark, properties):
        spark.sql(
            f"merge into {name} as there using {_BATCH} as came "
            f"on there.event_id = came.event_id and there.shard is null and {within('there.timestamp', low, high)} "
            "when matched then update set * when not matched then insert *"
        )
    spark.catalog.dropTempView(_BATCH)


@contextmanager
def _saying(spark: SparkSession, properties: dict[str, str]) -> Iterator[None]:
    """Snapshots made by SQL meanwhile have these properties."""
    for name, value in properties.items():
        spark.conf.set(_SESSION + name, value)
    try:
        yield
    finally:
        for name in properties:
            spark.conf.unset(_SESSION + name)
