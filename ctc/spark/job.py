"""What a batch job runs in: a Spark session of its own."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from ctc.aws.history import LakeHistory
from ctc.java import require_java
from ctc.schema import RAW_TRADES
from ctc.settings import Settings, become_child
from ctc.spark.session import CATALOG, build_session
from ctc.spark.tables import translating

MANY = 1_000_000  # trades over which a job gains more from Java's second compiler than its start costs


@contextmanager
def engine(name: str, settings: Settings, state: Path, *, by_row: bool = True) -> Iterator[SparkSession]:
    """A Spark session for one job, which takes the tables' rows through Spark one by one, or does not. What Spark raises in the block
    comes out as LakeError. Raises SetupError where Java is missing."""
    long = False
    if settings.spark.master:  # else the cluster has said which Python its workers run, and where this process keeps things
        become_child(state)
        require_java()
        long = by_row and any(commit.rows > MANY for commit in LakeHistory(settings).commits().get(RAW_TRADES.name, [])[:1])
    logging.getLogger("py4j").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="ctc-job-") as scratch, translating(name):
        spark = fresh(build_session(settings, f"ctc-{name}", Path(scratch), long=long))
        try:
            yield spark
        finally:
            spark.stop()


def fresh(spark: SparkSession) -> SparkSession:
    """The session for rows of tables, before its first use of one: it asks the catalog at each use, since others commit while a job
    runs, and counts the rows of a piece that goes to Python, not its bytes: Spark sums these up over all columns at every row."""
    spark.conf.set(f"spark.sql.catalog.{CATALOG}.cache-enabled", "false")
    spark.conf.set("spark.sql.execution.arrow.maxRecordsPerBatch", "50000")
    spark.conf.set("spark.sql.execution.arrow.maxBytesPerBatch", str((1 << 31) - 1))  # none
    return spark
