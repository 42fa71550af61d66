"""`python -m ctc.spark.archive FILE`: record the classes Spark loads, so that later JVMs map them in instead of reading jars.

Class data sharing (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html): on two cores it takes the start of a
session's JVM from 14 to 8 CPU-seconds, and the first batch from 22 to 14. Made by `make setup`; a session without it is slower, no more.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark import SparkContext
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from ctc.settings import load_profile
from ctc.spark.session import build_session


class _Count(StatefulProcessor):
    """A stateful operator like the real ones."""

    def init(self, handle: StatefulProcessorHandle) -> None:
        self._state = handle.getValueState("count", "blob binary")

    def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[Row]:
        count = sum(1 for _ in rows)
        self._state.update((b"%d" % count,))
        yield Row(key=key[0], count=count)

    def close(self) -> None:
        """Nothing is held open."""


def _same(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    yield from batches


def exercise(spark: SparkSession, folder: Path) -> None:
    """Load what a session loads: a stateful streaming query in Python, cached batches, Arrow both ways, Parquet."""

    def sink(batch: DataFrame, batch_id: int) -> None:
        cached = batch.persist()
        cached.drop("count").collect()
        cached.mapInArrow(_same, cached.schema).write.mode("overwrite").parquet(str(folder / "out"))
        cached.unpersist()

    rows = spark.range(1000).select(F.col("id").cast("string").alias("key"), F.current_timestamp().alias("at"))
    rows.write.parquet(str(folder / "in"))
    records = spark.readStream.schema(rows.schema).parquet(str(folder / "in"))
    counts = (
        records.select("key", F.unix_micros("at").alias("us"))
        .groupBy("key")
        .transformWithState(_Count(), "key string, count long", "update", "none")
    )
    query = counts.writeStream.outputMode("update").foreachBatch(sink).option("checkpointLocation", str(folder / "checkpoint"))
    query.trigger(availableNow=True).start().awaitTermination()


def main(target: Path) -> None:
    """Write the archive; it appears whole or not at all."""
    scratch = target.with_suffix(".new")
    folder = Path(tempfile.mkdtemp())
    try:
        spark = build_session(load_profile("sim"), "archive", folder, (f"-XX:ArchiveClassesAtExit={scratch}",))
        exercise(spark, folder)
        process = SparkContext._gateway.proc  # type: ignore[union-attr]
        spark.stop()
        process.stdin.close()  # the JVM ends with its driver
        process.wait(180)
        scratch.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
