"""What the session's settings come to in a worker."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator

import pyarrow as pa
from pyspark.sql import SparkSession

from ctc.settings import load_profile
from ctc.spark.session import QUICK_START, compilers


def test_jvm_keeps_what_it_unpacks_beside_the_rest_of_its_state(spark: SparkSession) -> None:
    """A killed one can't remove it, and the next session removes only what lies in the session's folder."""
    folder = spark.sparkContext.getConf().get("spark.local.dir")
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    assert jvm.java.lang.System.getProperty("java.io.tmpdir") == folder
    assert folder != tempfile.gettempdir()


def test_second_compiler_is_for_what_is_long() -> None:
    quick = load_profile("sim")
    slow = load_profile("sim", {"spark.quick_start": False})
    assert compilers(quick) == (QUICK_START,)
    assert compilers(quick, long=True) == compilers(slow) == compilers(slow, long=True) == ()
    assert compilers(slow, long=False) == (QUICK_START,)


def test_workers_take_arrow_memory_from_the_system(spark: SparkSession) -> None:
    def pool(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for _ in batches:
            yield pa.RecordBatch.from_pydict({"pool": [pa.default_memory_pool().backend_name]})

    assert {row.pool for row in spark.range(1).mapInArrow(pool, "pool string").collect()} == {"system"}
