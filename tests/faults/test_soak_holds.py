"""A short soak: load in real time with faults in it, and not a row lost or doubled. Only the long one, `make soak`, is held to times."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from sim.faults.soak import soak

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(900)]


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")


def test_load_with_faults_loses_and_doubles_nothing(tmp_path: Path) -> None:
    found = soak(2, 300, 20, 1, tmp_path / "state", say)
    assert found.wrong == []
    assert found.struck
    assert found.trades_found == found.trades_due > 20_000
    assert {each.name for each in found.memory} >= {"Spark's JVM", "Spark's workers", "producer", "emulator"}
