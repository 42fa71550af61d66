"""What takes EMR's place in `make infra-sim`: job runs that are processes here."""

from __future__ import annotations

import importlib.util
import json
import sys
import time
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from ctc.settings import ROOT

SOURCE = ROOT / "infra" / "sim" / "tasks.py"
LIVES_S = 250.0


@pytest.fixture
def tasks(tmp_path: Path) -> Any:
    """The module as its zip holds it: beside it, where the project is."""
    path = tmp_path / "tasks.py"
    path.write_text(SOURCE.read_text())
    (tmp_path / "project.json").write_text(json.dumps({"root": str(ROOT), "python": sys.executable, "runs": str(tmp_path / "runs")}))
    spec = importlib.util.spec_from_file_location("tasks", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def asked(*words: str, profile: str) -> dict[str, Any]:
    """What the state machine hands to `startJobRun`."""
    properties = {"spark.archives": "s3://b/code/e.tar.gz", "spark.emr-serverless.driverEnv.CTC_PROFILE": profile}
    return {
        "ApplicationId": "app",
        "JobDriver": {"SparkSubmit": {"EntryPoint": "s3://b/code/jobs/run.py", "EntryPointArguments": list(words)}},
        "ConfigurationOverrides": {"ApplicationConfiguration": [{"Classification": "spark-defaults", "Properties": properties}]},
    }


def end(tasks: Any, run: str) -> str:
    deadline, pause = time.monotonic() + LIVES_S, Event()
    while (state := tasks.poll({"JobRunId": run}, None)["JobRun"]["State"]) == "RUNNING":
        assert time.monotonic() < deadline
        pause.wait(0.1)
    return str(state)


def test_run_is_the_entry_point_with_its_arguments_and_environment(tasks: Any, tmp_path: Path) -> None:
    started = tasks.submit(asked("daily", "--since", "2026-01-05", "--until", "2026-01-06", profile="nonsense"), None)
    assert started["ApplicationId"] == "app"
    assert end(tasks, started["JobRunId"]) == "FAILED"
    assert "daily: there is no profile 'nonsense'" in (tmp_path / "runs" / started["JobRunId"] / "log").read_text()


def test_run_that_ends_well_is_a_success(tasks: Any) -> None:
    assert end(tasks, tasks.submit(asked("daily", "--help", profile="sim"), None)["JobRunId"]) == "SUCCESS"
