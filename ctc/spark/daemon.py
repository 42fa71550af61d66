"""Spark's Python daemon with the slow imports done before it forks: a worker starts in milliseconds instead of seconds.

Named by `spark.python.daemon.module`. With eight workers to start on two cores, importing pandas, pyarrow and this package in
each of them took most of the first batch's 40-70 s.
"""

import sys

# Spark puts its zipped copy of pyspark first, which Python compiles anew in each process; the installed one is compiled already.
sys.path[:] = [entry for entry in sys.path if not entry.endswith(".zip")]

import pandas as pd  # noqa: F401
import pyarrow as pa  # noqa: F401
import pyspark.sql.streaming.transform_with_state_driver_worker
import pyspark.worker  # noqa: F401
from pyspark.daemon import manager

import ctc.spark.detect
import ctc.spark.lake
import ctc.spark.source  # noqa: F401

if __name__ == "__main__":
    manager()  # type: ignore[no-untyped-call]
