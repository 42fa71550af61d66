"""What is packed is what the project is tested with: each package's lock is a part of requirements.lock, and names what code imports."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from packing.target import EMR_PYTHON, LAMBDA_PYTHON, target

from ctc.settings import ROOT

LOCKS = ROOT / "packages"
ONLY = Path(__file__).with_name("only.py")
PACKED = ("api", "batch", "emr", "producer")


def pins(path: Path) -> dict[str, set[str]]:
    """Versions and hashes by package."""
    found: dict[str, set[str]] = {}
    for block in re.split(r"\n(?=[a-z])", path.read_text()):
        if pinned := re.match(r"([a-z0-9._-]+)==(\S+)", block):
            found.setdefault(pinned[1], set()).update({pinned[2], *re.findall(r"sha256:\w+", block)})
    return found


@pytest.mark.parametrize("name", PACKED)
def test_lock_is_part_of_the_projects(name: str) -> None:
    packed, own = pins(LOCKS / f"{name}.lock"), pins(ROOT / "requirements.lock")
    assert packed
    assert {package for package, pin in packed.items() if not pin <= own.get(package, set())} == set()


@pytest.mark.parametrize("name", [*PACKED, "build"])
def test_lock_holds_what_is_asked_for(name: str) -> None:
    asked = {line.split("#")[0].split("[")[0].split("==")[0].strip() for line in (LOCKS / f"{name}.in").read_text().splitlines()}
    assert asked - {""} <= set(pins(LOCKS / f"{name}.lock"))


def test_the_builder_is_the_one_that_pyproject_names() -> None:
    assert re.search(r'requires = \["(hatchling==\S+)"\]', (ROOT / "pyproject.toml").read_text())[1] in (LOCKS / "build.in").read_text()  # type: ignore[index]


@pytest.mark.parametrize(
    "words",
    [
        "daily --since 2026-01-05 --until 2026-01-06",
        "evolve",
        "history --since 2026-01-05",
        "maintain",
        "publish-metrics --date 2026-01-05",
        "quality-checks --date 2026-01-05",
        "reprocess",
        "update-catalog",
        "wallets",
    ],
)
def test_job_needs_no_package_that_its_environment_has_not(words: str, tmp_path: Path) -> None:
    clusters = {"pyspark", "py4j"}
    packed = ",".join({*pins(LOCKS / "emr.lock"), *clusters, "coattail-capital"})
    command = [sys.executable, str(ONLY), packed, str(ROOT / "jobs" / "run.py"), *words.split(), "--state", str(tmp_path)]
    environment = {"PYTHONPATH": str(ROOT), "CTC_PROFILE": "nonsense"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert "there is no profile 'nonsense'" in done.stderr, done.stderr
    assert done.returncode == 2


@pytest.mark.parametrize(("name", "carriers"), [("duckdb", ["emr"]), ("pyspark", []), ("streamlit", []), ("faker", []), ("altair", [])])
def test_no_package_carries_what_nobody_needs_there(name: str, carriers: list[str]) -> None:
    assert [each for each in PACKED if name in pins(LOCKS / f"{each}.lock")] == carriers


def test_functions_are_packed_for_the_python_that_terraform_names() -> None:
    named = {
        name for path in (ROOT / "infra").glob("modules/**/*.tf") for name in re.findall(r'runtime\s+= "python([\d.]+)"', path.read_text())
    }
    assert named == {LAMBDA_PYTHON}


def test_targets_are_the_architectures_that_terraform_knows() -> None:
    variables = (ROOT / "infra" / "variables.tf").read_text()
    assert '["ARM64", "X86_64"]' in variables
    assert target("arm64", "emr") == ("arm64", "aarch64-manylinux_2_28", EMR_PYTHON, f"/usr/bin/python{EMR_PYTHON}")
    assert target("x86_64", "lambda").platform == "x86_64-manylinux_2_28"
    assert target("here", "emr").platform == ""
