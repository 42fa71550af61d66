"""Spark's Python daemon, made quick: what workers import is imported before they are forked, and kept out of their way.

Named by `spark.python.daemon.module`. Without it, each worker imports pandas, pyarrow and this package by itself (most of a first
batch's 40-70 s on two cores). Two costs that come with every task go as well: PySpark invalidates import caches before each,
which reads the directory of its own zip file again (0.2 s), and collects garbage after each, through all that was ever
imported (0.1 s). Together they were two fifths of what py-spy saw workers do over six batches.
"""

import gc
import sys
from zipimport import zipimporter

# The installed pyspark serves as well as the zipped copy that Spark puts first, and is compiled already.
sys.path[:] = [entry for entry in sys.path if not entry.endswith(".zip")]
for entry in [entry for entry, finder in sys.path_importer_cache.items() if isinstance(finder, zipimporter)]:
    del sys.path_importer_cache[entry]

import pandas as pd  # noqa: F401
import pyarrow as pa  # noqa: F401
import pyspark.sql.streaming.transform_with_state_driver_worker
import pyspark.worker  # noqa: F401
from pyspark.daemon import manager

import ctc.spark.detect
import ctc.spark.lake
import ctc.spark.source  # noqa: F401

if __name__ == "__main__":
    gc.freeze()
    manager()  # type: ignore[no-untyped-call]
