"""`python -m ctc.spark.archive FILE`: record the classes Spark loads, so that later JVMs map them in instead of reading jars.

Class data sharing (https://docs.oracle.com/en/java/javase/17/vm/class-data-sharing.html): on two cores it takes the start of a
session's JVM from 14 to 8 CPU-seconds, and the first batch from 22 to 14. Made by `make setup`; a session without it is slower, no more.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from pyspark import SparkContext

from ctc.settings import load_profile
from ctc.spark.session import build_session
from ctc.spark.warmth import exercise


def main(target: Path) -> None:
    """Write the archive; it appears whole or not at all."""
    scratch = target.with_suffix(".new")
    folder = Path(tempfile.mkdtemp())
    try:
        spark = build_session(load_profile("sim"), "archive", folder, (f'"-XX:ArchiveClassesAtExit={scratch}"',))
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
