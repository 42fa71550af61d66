"""GitHub's workflows: rights, pins, approval, and commands that the Makefile has; and who has to review what."""

from __future__ import annotations

import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, ClassVar

import pytest
import yaml

from ctc.settings import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(FOLDER.glob("*.yml"))
PIN = re.compile(r"uses: (\S+?)@(\S+)(?: # (v[\d.]+))?$", re.MULTILINE)
every = pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)


def parsed(path: Path) -> dict[str, Any]:
    value: dict[str, Any] = yaml.safe_load(path.read_text())
    return value


def triggers(workflow: dict[str, Any]) -> dict[str, Any]:
    """What starts it: YAML 1.1 reads the key `on` as true."""
    found: dict[Any, Any] = workflow
    value: dict[str, Any] = found[True]
    return value


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = parsed(path)["jobs"]
    return found


def steps(job: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = job["steps"]
    return found


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_both_workflows_are_there() -> None:
    assert {path.name for path in WORKFLOWS} == {"ci.yml", "deploy.yml"}


@every
def test_actions_are_pinned_by_hash_with_their_version(path: Path) -> None:
    pins = PIN.findall(path.read_text())
    assert len(pins) == path.read_text().count("uses: ")
    for action, commit, version in pins:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert version, f"{action}: say which version the hash is"


def test_an_action_has_one_version_everywhere() -> None:
    found: dict[str, set[tuple[str, str]]] = {}
    for path in WORKFLOWS:
        for action, commit, version in PIN.findall(path.read_text()):
            found.setdefault(action, set()).add((commit, version))
    assert {action: pins for action, pins in found.items() if len(pins) > 1} == {}


@every
def test_rights_are_to_read_and_more_is_asked_for_by_a_job(path: Path) -> None:
    assert parsed(path)["permissions"] == {"contents": "read"}
    for name, job in jobs(path).items():
        more = {right for right, kind in job.get("permissions", {}).items() if kind == "write"}
        takes_a_role = any("configure-aws-credentials" in step.get("uses", "") for step in steps(job))
        assert more == ({"id-token"} if takes_a_role else set()), name


@every
def test_a_strangers_code_meets_no_rights(path: Path) -> None:
    assert "pull_request_target" not in triggers(parsed(path))
    assert "secrets." not in path.read_text()
    for job in jobs(path).values():
        for step in steps(job):
            if "actions/checkout" in step.get("uses", ""):
                assert step["with"]["persist-credentials"] is False
            assert "${{" not in step.get("run", ""), "a value of the event's would be run as shell"


@every
def test_commands_are_targets_of_the_makefile(path: Path) -> None:
    called = [step["run"].split() for job in jobs(path).values() for step in steps(job) if "run" in step]
    assert called
    assert {words[0] for words in called} == {"make"}
    assert {words[1] for words in called} <= targets()


@every
def test_jobs_end(path: Path) -> None:
    assert all(0 < job["timeout-minutes"] <= 60 for job in jobs(path).values())


def test_ci_has_every_part_that_was_asked_for() -> None:
    called = {name: " ".join(step["run"] for step in steps(job) if "run" in step) for name, job in jobs(FOLDER / "ci.yml").items()}
    assert called["test"].endswith("make test")
    assert called["infra"] == "make infra-test make infra-sim"
    assert called["contract"] == "make contract"
    assert "node" in called["dashboard"]


def test_contract_runs_on_the_localstack_of_compose() -> None:
    job = jobs(FOLDER / "ci.yml")["contract"]
    service, composed = job["services"]["localstack"], parsed(ROOT / "compose.yaml")["services"]["localstack"]
    assert service["image"] == composed["image"]
    assert service["ports"] == composed["ports"]
    assert service["env"] == composed["environment"]
    (run,) = [step for step in steps(job) if "run" in step]
    assert run["env"] == {"CTC_TEST_ENDPOINT": "http://127.0.0.1:4566"}


class TestDeploy:
    """Nothing is applied that was not planned, from main, and approved."""

    path = FOLDER / "deploy.yml"

    def test_pull_requests_only_plan(self) -> None:
        for name, job in jobs(self.path).items():
            applies = any("apply" in step.get("run", "") for step in steps(job))
            assert applies == (name == "apply")
        assert "github.ref == 'refs/heads/main'" in jobs(self.path)["apply"]["if"]
        assert "github.event_name != 'pull_request'" in jobs(self.path)["apply"]["if"]

    def test_apply_waits_for_the_plan_and_for_a_person(self) -> None:
        apply = jobs(self.path)["apply"]
        assert apply["needs"] == "plan"
        assert apply["environment"] == "cloud"

    def test_plan_and_apply_take_roles_of_their_own_by_oidc(self) -> None:
        taken = {
            name: step["with"]
            for name, job in jobs(self.path).items()
            for step in steps(job)
            if "configure-aws-credentials" in step.get("uses", "")
        }
        assert {name: given["role-to-assume"] for name, given in taken.items()} == {
            "plan": "${{ vars.PLAN_ROLE }}",
            "apply": "${{ vars.APPLY_ROLE }}",
        }
        assert not any("secret" in key or "key" in key for given in taken.values() for key in given)

    def test_a_fork_gets_no_role(self) -> None:
        assert "github.event.pull_request.head.repo.full_name == github.repository" in jobs(self.path)["plan"]["if"]

    def test_two_runs_never_apply_at_once(self) -> None:
        assert parsed(self.path)["concurrency"]["cancel-in-progress"] is False

    def test_terraform_is_new_enough_for_the_modules(self) -> None:
        wanted = re.search(r'required_version = ">= ([\d.]+)"', (ROOT / "infra" / "versions.tf").read_text())
        assert wanted is not None
        least = tuple(map(int, wanted[1].split(".")))
        for path in WORKFLOWS:
            for version in re.findall(r"terraform_version: ([\d.]+)", path.read_text()):
                assert tuple(map(int, version.split(".")))[: len(least)] >= least


class TestCodeowners:
    """A person approves, whoever wrote it."""

    lines: ClassVar = [
        line.split("#")[0].split() for line in (ROOT / ".github" / "CODEOWNERS").read_text().splitlines() if line.split("#")[0].strip()
    ]

    def owners(self, path: str) -> list[str]:
        """Of a file: the last line that matches counts."""
        matching = [owners for pattern, *owners in self.lines if self.matches(pattern, path)]
        return matching[-1] if matching else []

    @staticmethod
    def matches(pattern: str, path: str) -> bool:
        if pattern == "*":
            return True
        inside = pattern.lstrip("/")
        return path.startswith(inside) if inside.endswith("/") else fnmatch(path, inside)

    def test_everything_has_an_owner(self) -> None:
        for path in ("README.md", "ctc/codec.py", "infra/main.tf", ".github/workflows/ci.yml", "requirements.lock"):
            assert self.owners(path), path
        assert all(owner.startswith("@") for _, *owners in self.lines for owner in owners)

    def test_patterns_name_what_is_there(self) -> None:
        for pattern, *_ in self.lines:
            assert pattern == "*" or any(ROOT.glob(pattern.strip("/"))), pattern

    @pytest.mark.parametrize("folder", ["/infra/", "/.github/", "/agents/", "/profiles/"])
    def test_what_is_dangerous_is_named(self, folder: str) -> None:
        assert folder in [pattern for pattern, *_ in self.lines]
