"""What a batch job runs in: a session's settings with its stores up (or a profile's, in a cluster), and a Spark session of its own."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import SparkSession

from ctc.java import require_java
from ctc.session import reachable
from ctc.settings import Settings, become_child, load_profile
from ctc.spark.session import build_session
from ctc.spark.tables import translating


@contextmanager
def stores(state: Path, profile: str | None) -> Iterator[Settings]:
    """Settings of the profile where one is named, else of the session in `state`, whose emulator is up until the block ends."""
    if profile is not None:
        yield load_profile(profile)
        return
    with reachable(state) as settings:
        yield settings


@contextmanager
def engine(name: str, settings: Settings, state: Path) -> Iterator[SparkSession]:
    """A Spark session for one job; what Spark raises in the block comes out as LakeError. Raises SetupError where Java is missing."""
    become_child(state)
    if settings.spark.master:
        require_java()
    logging.getLogger("py4j").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="ctc-job-") as scratch, translating(name):
        spark = build_session(settings, f"ctc-{name}", Path(scratch))
        try:
            yield spark
        finally:
            spark.stop()
