"""Several commits that appear as one: written to a branch, checked there, then made main by one change of a reference.

The change goes through only where nobody has committed to main meanwhile (Iceberg's fast-forward); else the branch is cut again
from the new main and written again. A process that dies leaves main as it was, and a branch that the next run replaces.
"""

from __future__ import annotations

from collections.abc import Callable

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from ctc.errors import LakeError
from ctc.settings import Settings
from ctc.spark.session import CATALOG
from ctc.spark.tables import Say, current_snapshot, full_name

TRIES = 8
MOVED = ("not an ancestor", "Requirement failed", "CommitFailed", "Cannot commit", "refresh is required", "concurrent update")


def publish(spark: SparkSession, settings: Settings, table: str, branch: str, write: Callable[[str, int | None], None], say: Say) -> int:
    """Let `write(branch's table, main's snapshot)` commit to a branch of main, then make it main; the new snapshot.

    `write` raises LakeError where what it wrote does not hold: main then stays as it is. Raises LakeError as well when other writers
    were quicker `TRIES` times.
    """
    name = full_name(settings, table)
    for attempt in range(1, TRIES + 1):
        base = current_snapshot(spark, settings, table)
        alter(spark, f"alter table {name} create or replace branch {branch}" + (f" as of version {base}" if base is not None else ""))
        write(f"{name}.branch_{branch}", base)
        if _fast_forward(spark, settings, table, branch):
            alter(spark, f"alter table {name} drop branch if exists {branch}")
            found = current_snapshot(spark, settings, table)
            assert found is not None, "a branch was written"
            return found
        say(f"others committed to {table} meanwhile: writing again (attempt {attempt + 1})")
    raise LakeError(
        f"{table}: others committed {TRIES} times while this was written; nothing was changed, run it again when less is written"
    )


def alter(spark: SparkSession, statement: str) -> None:
    """A change of references; done again where another commit came between (Iceberg then refuses it: seen on a busy table)."""
    for left in reversed(range(TRIES)):
        try:
            spark.sql(statement)
        except (PySparkException, Py4JJavaError) as error:
            if left and any(sign in str(error) for sign in MOVED):
                continue
            raise
        return


def _fast_forward(spark: SparkSession, settings: Settings, table: str, branch: str) -> bool:
    """False where main has moved on."""
    try:
        spark.sql(f"call {CATALOG}.system.fast_forward('{settings.lake.database}.{table}', 'main', '{branch}')").collect()
    except (PySparkException, Py4JJavaError) as error:
        if any(sign in str(error) for sign in MOVED):
            return False
        raise
    return True
