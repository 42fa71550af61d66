"""Makes an engine warm: a cold one's first batch costs fourteen CPU-seconds, of loading classes, compiling and forking workers.

The class archive is recorded while this runs, and a standby driver runs it while it waits.
"""

from __future__ import annotations

import logging
import select
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import pyarrow as pa
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from ctc.spark.app import refuse_lost_engine, words

log = logging.getLogger("ctc.spark")

CATALOG = "exercise"  # on this machine's disk, in a folder that goes


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
    """Load what a session loads: a stateful streaming query in Python, cached batches, Arrow both ways, Iceberg commits."""
    for key, value in {"": "org.apache.iceberg.spark.SparkCatalog", ".type": "hadoop", ".warehouse": f"file:{folder}/lake"}.items():
        spark.conf.set(f"spark.sql.catalog.{CATALOG}{key}", value)
    spark.sql(f"create table {CATALOG}.db.counts (key string, count long) using iceberg")

    def sink(batch: DataFrame, batch_id: int) -> None:
        cached = batch.persist()
        cached.drop("count").collect()
        cached.mapInArrow(_same, cached.schema).writeTo(f"{CATALOG}.db.counts").option("snapshot-property.batch", str(batch_id)).append()
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


def wait_warm(spark: SparkSession, scratch: Path, told: TextIO, rehearse: Callable[[Path, Callable[[], bool]], None]) -> None:
    """Exercise the engine in a folder of its own in `scratch`, as far as that can be done, and return once something stands in `told`, or
    it has ended.

    `rehearse` is given that folder and what says whether it has been told. Returns at once where it has been told already.
    """

    def has_been_told() -> bool:
        return bool(select.select([told], [], [], 0)[0])

    if not has_been_told():
        scratch.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=scratch) as folder:
            try:
                exercise(spark, Path(folder))
                rehearse(Path(folder), has_been_told)
                log.info("warm, and waiting to take over")
            except (
                PySparkException,
                Py4JJavaError,
            ) as error:  # as a worker that does not connect in time: this gets no CPU but what others leave
                log.warning("its first batches will take longer, for it could not be made warm: %s", words(error))
            except (Py4JError, ConnectionError) as error:
                refuse_lost_engine(error)
                raise
    select.select([told], [], [])
    log.info("told to begin")
