"""What the batch jobs share: names of tables, their snapshots, and Spark's errors as ours."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException, PythonException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.readwriter import DataFrameWriterV2

from ctc.errors import LakeError
from ctc.settings import Settings
from ctc.spark.session import CATALOG

_RAISED = re.compile(r"^(?:[\w.]+\.)?\w*(?:Error|Exception): (.+)$", re.MULTILINE)  # the last lines of Python's tracebacks
Say = Callable[[str], None]  # what a job does now, for people


def full_name(settings: Settings, table: str) -> str:
    """The table as Spark's SQL names it."""
    return f"{CATALOG}.{settings.lake.database}.{table}"


def current_snapshot(spark: SparkSession, settings: Settings, table: str) -> int | None:
    """The snapshot that readers see now; None where nothing was ever written."""
    rows = spark.sql(f"select snapshot_id from {full_name(settings, table)}.refs where name = 'main'").collect()  # noqa: S608
    return rows[0].snapshot_id if rows else None


def with_properties(frame: DataFrame, target: str, properties: dict[str, str]) -> DataFrameWriterV2:
    """A writer to the table whose snapshot will carry the properties."""
    writer = frame.writeTo(target)
    for name, value in properties.items():
        writer = writer.option(f"snapshot-property.{name}", value)
    return writer


@contextmanager
def translating(what: str) -> Iterator[None]:
    """Raise LakeError for what Spark or its JVM raises; `what` says what was being done."""
    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise LakeError(f"{what}: {_cause(error)}; nothing is changed by halves, run the job again") from error


def _cause(error: Exception) -> str:
    """The first line of what was raised; of what Python raised in a task, the line that says what it was."""
    raised: list[str] = _RAISED.findall(str(error)) if isinstance(error, PythonException) else []
    lines = [line for line in str(error).splitlines() if line.strip()]
    return next(iter([*raised[-1:], *lines[:1]]), type(error).__name__)[:500]


def rows_at(spark: SparkSession, settings: Settings, table: str, version: int | str) -> DataFrame:
    """The table as it was at a snapshot, or at a tag (in quotes)."""
    return spark.sql(f"select * from {full_name(settings, table)} version as of {version}")  # noqa: S608 - our own names
