"""A small lake for each test of the jobs."""

from __future__ import annotations

import msgspec
import pytest
from streamed import Stream, settings_for, stream

from ctc.settings import Settings


def written(settings: Settings) -> Stream:
    """A lake that a session's stream has written in four batches."""
    made, batches = stream(settings_for(settings))
    for batch in batches:
        made.write(batch)
    return made


@pytest.fixture
def streamed(emulator: Settings) -> Stream:
    """A lake that a session's stream has written."""
    return written(emulator)


@pytest.fixture
def undisturbed(emulator: Settings) -> Stream:
    """Another lake of the same stream, to which nothing happens."""
    lake, tables = emulator.lake, emulator.tables
    return written(
        msgspec.structs.replace(
            emulator,
            lake=msgspec.structs.replace(lake, database=f"{lake.database}_2", bucket=f"{lake.bucket}-2", raw_bucket=f"{lake.raw_bucket}-2"),
            tables=msgspec.structs.replace(tables, alerts=f"{tables.alerts}-2", metrics=f"{tables.metrics}-2"),
        )
    )
