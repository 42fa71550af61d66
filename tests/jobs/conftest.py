"""One Spark session for all tests of the jobs, over the emulator; each test has a database of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pyspark.sql import SparkSession
from streamed import Stream, settings_for, stream

from ctc.settings import Settings, become_child
from ctc.spark.job import fresh
from ctc.spark.session import build_session

Streamed = Callable[..., Stream]


@pytest.fixture(scope="session")
def spark(emulator_settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    state = tmp_path_factory.mktemp("spark")
    become_child(state)
    session = fresh(build_session(emulator_settings, "ctc-tests-of-jobs", state))
    yield session
    session.stop()


@pytest.fixture
def streamed(emulator: Settings) -> Stream:
    """A lake that a session's stream has written in four batches."""
    made, batches = stream(settings_for(emulator))
    for batch in batches:
        made.write(batch)
    return made
