"""The Dockerfile, read and not built: what it copies is there, who runs is nobody, and its command runs with its packages alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from packing import uv
from packing.target import target

from ctc.errors import SetupError
from ctc.settings import ROOT

TEXT = re.sub(r"\\\n\s*", " ", (ROOT / "Dockerfile").read_text())
STEPS = [line.split(maxsplit=1) for line in TEXT.splitlines() if line and not line.startswith("#")]
PRODUCER = (ROOT / "infra" / "modules" / "producer" / "main.tf").read_text()


def steps(word: str) -> list[str]:
    return [rest for found, rest in STEPS if found == word]


def copied() -> list[str]:
    """Paths of the project that are copied."""
    return [path for step in steps("COPY") if not step.startswith("--from") for path in step.split()[:-1]]


def test_copied_paths_are_there_and_are_sent_to_the_builder() -> None:
    sent = {line.removeprefix("!") for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied()
    assert [path for path in copied() if not (ROOT / path).exists()] == []
    assert set(copied()) == sent


def test_last_stage_runs_as_nobody_from_a_pinned_python() -> None:
    last = TEXT.split("\nFROM ")[-1]
    assert re.search(r"^USER [1-9]\d*$", last, re.MULTILINE)
    assert re.search(r"^ARG PYTHON=python:3\.\d+-slim-\w+(@sha256:[0-9a-f]{64})?$", TEXT, re.MULTILINE)
    assert "latest" not in TEXT
    assert "--require-hashes" in TEXT


def test_volume_is_the_one_that_the_task_writes_to() -> None:
    (volume,) = json.loads(steps("VOLUME")[0])
    assert f'containerPath = "{volume}"' in PRODUCER
    assert f"chown ctc {volume}" in TEXT
    assert f"CTC_STATE={volume}" in TEXT


def test_ports_that_the_exchanges_need_are_open() -> None:
    assert 'toset(["443", "9443"])' in PRODUCER


@pytest.mark.timeout(300)
def test_command_runs_with_the_images_packages_alone(tmp_path: Path) -> None:
    try:
        uv.install("producer", tmp_path, target("here", "lambda"))
    except SetupError as error:
        pytest.skip(str(error).splitlines()[0])
    for name in copied():
        if (ROOT / name).is_dir():
            (tmp_path / Path(name).name).symlink_to(ROOT / name)
    (command,) = steps("CMD")
    python, dash, module = json.loads(command)
    assert (python, dash) == ("python", "-m")
    begin = f"import sys, runpy; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['producer']"
    code = f"{begin}; runpy.run_module({module!r}, run_name='__main__')"
    base = getattr(sys, "_base_executable", sys.executable)
    for environment, said in (
        ({"CTC_STATE": str(tmp_path / "none")}, "no session in"),
        ({"CTC_PROFILE": "nonsense", "CTC_STATE": str(tmp_path / "none")}, "no profile 'nonsense'"),
    ):
        done = subprocess.run([base, "-I", "-S", "-B", "-c", code], capture_output=True, text=True, env=environment, check=False)
        assert said in done.stderr, done.stderr
        assert done.returncode in (1, 2)
