"""`make infra-test`: format, validity, module tests, checkov, and the policies, over their failing examples and over real plans.

Nothing is applied. What can't run here is skipped, and said with what to install.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloud import terraform
from cloud.emulators import PYTHON, running
from cloud.terraform import ZIPS, Terraform, packages
from ctc.errors import SetupError
from ctc.settings import ROOT

POLICIES = ROOT / "infra" / "policy"
REGO = Path(__file__).with_name("rego.py")
CHECKOV = PYTHON.with_name("checkov")
Steps = dict[str, Callable[[], str]]


def verify(only: frozenset[str] = frozenset()) -> int:
    """0 when all that could run has passed; 1 when something failed. Tells each step's end on stderr."""
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ctc-infra-") as folder:
        for name, step in steps(Path(folder)).items():
            if only and name not in only:
                continue
            try:
                say(f"{name}: {step()}")
            except SetupError as error:
                failed += 1
                say(f"{name}: FAILED\n{error}")
    say(f"{failed} steps failed" if failed else "all passed")
    return 1 if failed else 0


def steps(work: Path) -> Steps:
    """By name, in order; each returns what to say of it, or raises SetupError."""
    offline: Steps = {"policy examples": examples, "checkov": checkov}
    if lacking := terraform.missing():
        skipped = {name: lambda: f"SKIPPED: {lacking}" for name in ("format", "validate", "module tests", "policies over plans")}
        return {**skipped, **offline}
    root = Terraform(work)
    packages(root.root)
    return {
        "format": lambda: formatted(root),
        "validate": lambda: valid(root),
        "module tests": lambda: module_tests(root),
        **offline,
        "policies over plans": lambda: policies_over_plans(work),
    }


def formatted(root: Terraform) -> str:
    done = root.run("fmt", "-check", "-recursive", "-list=true", check=False, quiet=True)
    if done.returncode:
        raise SetupError(f"run `terraform fmt -recursive infra`: {done.stdout}")
    return "ok"


def valid(root: Terraform) -> str:
    root.init()
    root.run("validate", quiet=True)
    return "ok"


def module_tests(root: Terraform) -> str:
    root.init()
    said = root.run("test", quiet=True).stdout
    return said.strip().splitlines()[-1]


def examples() -> str:
    """Each policy denies its example, by each of its rules."""
    names = sorted(path.stem for path in POLICIES.glob("*.rego") if path.stem != "plan")
    for name in names:
        found = denied(POLICIES / "examples" / f"{name}.json")[name]
        if not found:
            raise SetupError(f"infra/policy/{name}.rego lets its failing example pass")
    return f"{len(names)} policies deny their examples"


def policies_over_plans(work: Path) -> str:
    """What `terraform apply` would make in the cloud, streaming and idle; planned with the emulator's answers to data sources."""
    lines = []
    with running(work / "emulators") as (_, environment):
        root = Terraform(work, environment)
        packages(root.root)
        root.init()
        for streaming in ("true", "false"):
            plan = root.plan("cloud", f"-var=streaming={streaming}", *ZIPS, "-refresh=false")
            lines.append(f"streaming={streaming}: {passed(plan, work)}")
    return "; ".join(lines)


def passed(plan: dict[str, Any], work: Path) -> str:
    """Raises SetupError with all that the policies deny in the plan."""
    path = work / "plan.json"
    path.write_text(json.dumps(plan))
    found = [f"{name}: {message}" for name, messages in denied(path).items() for message in messages]
    if found:
        raise SetupError("\n".join(found))
    made = sum(change["mode"] == "managed" for change in plan["resource_changes"])
    return f"{made} resources, none denied"


def denied(plan: Path) -> dict[str, list[str]]:
    """What each policy denies in a plan."""
    done = subprocess.run([PYTHON, REGO, POLICIES, plan], capture_output=True, text=True)
    if done.returncode:
        raise SetupError(f"the policies can't be evaluated: {done.stderr[-2000:]}")
    found: dict[str, list[str]] = json.loads(done.stdout)
    return found


def checkov() -> str:
    """Its rules over the modules, offline, but for those that infra/.checkov.yaml gives a reason to leave out."""
    folder = ROOT / "infra"
    command: list[str | Path] = [CHECKOV, "-d", folder, "--config-file", folder / ".checkov.yaml", "--skip-download", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise SetupError(f"checkov failed (exit status {done.returncode}): {done.stderr[-2000:]}") from None
    failed = [f"{each['check_id']} {each['resource']}: {each['check_name']}" for each in report["results"]["failed_checks"]]
    if failed or not report["summary"]["passed"]:
        raise SetupError("\n".join(failed) or "checkov found nothing to check")
    return f"{report['summary']['passed']} checks passed"


def say(line: str) -> None:
    print(f"infra: {line}", file=sys.stderr, flush=True)
