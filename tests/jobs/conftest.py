"""One Spark session for all tests of the jobs, over the emulator; each test has a database of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession
from streamed import Stream, settings_for, stream

from ctc.settings import Settings, become_child
from ctc.spark.job import fresh
from ctc.spark.session import build_session


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """PySpark in this process leaves its sockets to the garbage collector."""
    for item in items:
        if "spark" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"))


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
