"""A small lake for each test of the jobs."""

from __future__ import annotations

import pytest
from streamed import Stream, settings_for, stream

from ctc.settings import Settings


@pytest.fixture
def streamed(emulator: Settings) -> Stream:
    """A lake that a session's stream has written in four batches."""
    made, batches = stream(settings_for(emulator))
    for batch in batches:
        made.write(batch)
    return made
