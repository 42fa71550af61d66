"""What surrounds the code: locks that match, compose and CI files that parse and keep their promises."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ctc.settings import ROOT, load_profile

COMPOSE = ROOT / "compose.yaml"
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def parsed(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(path.read_text())
    return value


def wanted(lines: list[str]) -> set[str]:
    """Normalized names of what requirement lines ask for, and of what their extras bring."""
    found = set()
    for asked in map(Requirement, lines):
        found.add(canonicalize_name(asked.name))
        for brought in map(Requirement, requires(asked.name) or []) if asked.extras else ():
            if brought.marker and any(brought.marker.evaluate({"extra": extra}) for extra in asked.extras):
                found.add(canonicalize_name(brought.name))
    return found


def locked(lock: Path) -> dict[str, str]:
    """Version by name of a lock file."""
    return dict(re.findall(r"^([a-z0-9-]+)==([^ ;\\]+)", lock.read_text(), re.MULTILINE))


def test_lock_holds_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    missing = wanted(asked) - set(locked(ROOT / "requirements.lock"))
    assert not missing, f"not in requirements.lock: {missing}; run `make lock`"


@pytest.mark.parametrize("name", ["emulator", "bootstrap", "infra"])
def test_lock_holds_what_its_input_asks(name: str) -> None:
    lines = [line.split("#")[0].strip() for line in (ROOT / f"{name}.in").read_text().splitlines()]
    versions = locked(ROOT / f"{name}.lock")
    for line in filter(None, lines):
        named, _, version = line.partition("==")
        wanted = named.partition("[")[0]
        assert versions[wanted] == (version or versions[wanted]), f"run `make lock`: {line}"


@pytest.mark.parametrize("name", ["requirements", "emulator", "bootstrap", "infra"])
def test_lock_has_hashes_and_no_hosts(name: str) -> None:
    text = (ROOT / f"{name}.lock").read_text()
    assert text.count("--hash=sha256:") >= len(locked(ROOT / f"{name}.lock")) > 0
    assert "://" not in text


def test_compose_publishes_on_this_machine_only() -> None:
    for name, service in parsed(COMPOSE)["services"].items():
        assert service["ports"], name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name


def test_compose_images_are_pinned() -> None:
    images = {name: service["image"] for name, service in parsed(COMPOSE)["services"].items()}
    assert images["localstack"] == "localstack/localstack:4.14.0"
    assert all(re.search(r":\d+\.\d+\.\d+$", image) for image in images.values())


def test_compose_is_where_the_profile_looks() -> None:
    settings = load_profile("localstack")
    published = {f"http://127.0.0.1:{port.split(':')[1]}" for service in parsed(COMPOSE)["services"].values() for port in service["ports"]}
    assert {settings.aws.endpoint, settings.lake.catalog_uri} == published
    catalog = parsed(COMPOSE)["services"]["iceberg-rest"]["environment"]
    assert catalog["CATALOG_WAREHOUSE"] == f"s3://{settings.lake.bucket}/warehouse"
    assert catalog["AWS_REGION"] == settings.aws.region


def test_compose_is_what_docker_compose_understands() -> None:
    docker = shutil.which("docker")
    if not docker or subprocess.run([docker, "compose", "version"], capture_output=True).returncode:
        pytest.skip("no docker client with compose on this machine")
    shown = subprocess.run([docker, "compose", "-f", str(COMPOSE), "config", "--quiet"], capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_workflow_runs_the_developers_commands_with_pinned_actions(path: Path) -> None:
    workflow = parsed(path)
    assert workflow["permissions"]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    commands = [step["run"] for step in steps if "run" in step]
    assert commands
    assert all(command.startswith("make ") for command in commands)


def test_ci_script_is_runnable_bash() -> None:
    script = ROOT / ".ci" / "run"
    assert script.stat().st_mode & 0o111
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True).returncode == 0


def test_make_lists_every_target() -> None:
    shown = subprocess.run(["make", "-C", str(ROOT), "--no-print-directory"], capture_output=True, text=True).stdout
    listed = set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE))
    assert {"setup", "sim", "live", "test", "check", "bench", "lock", "format", "clean", "help"} <= listed
