"""The session that several files ask."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from sessions import MARKET, ctc


@pytest.fixture(scope="session")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any], str]:
    """A session run to its end: its state, its report, what it said."""
    folder = tmp_path_factory.mktemp("simulated")
    state, report = folder / "state", folder / "report.json"
    ran = ctc("sim", "--exit", *MARKET, "--state", state, "--free-ports", "--report", report)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return state, json.loads(report.read_text()), ran.stderr
