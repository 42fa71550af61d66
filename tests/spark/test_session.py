"""What the session's settings come to in a worker."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import SparkSession


def test_workers_take_arrow_memory_from_the_system(spark: SparkSession) -> None:
    def pool(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"pool": [pa.default_memory_pool().backend_name]})

    assert {row.pool for row in spark.range(1).mapInArrow(pool, "pool string").collect()} == {"system"}
