"""What a batch job runs in: a Spark session of its own."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from ctc.java import require_java
from ctc.settings import Settings, become_child
from ctc.spark.session import CATALOG, build_session
from ctc.spark.tables import translating


@contextmanager
def engine(name: str, settings: Settings, state: Path) -> Iterator[SparkSession]:
    """A Spark session for one job; what Spark raises in the block comes out as LakeError. Raises SetupError where Java is missing."""
    if settings.spark.master:  # else the cluster has said which Python its workers run, and where this process keeps things
        become_child(state)
        require_java()
    logging.getLogger("py4j").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="ctc-job-") as scratch, translating(name):
        spark = fresh(build_session(settings, f"ctc-{name}", Path(scratch)))
        try:
            yield spark
        finally:
            spark.stop()


def fresh(spark: SparkSession) -> SparkSession:
    """The session, which asks the catalog at each use of a table: others commit while a job runs. Before its first use of one."""
    spark.conf.set(f"spark.sql.catalog.{CATALOG}.cache-enabled", "false")
    return spark
