"""Terraform in a folder of its own: a copy of infra/ and profiles/, so that nothing is left in the project.

Providers come from `CTC_TF_PLUGINS`, a folder as `terraform providers mirror` makes, where that is set; else from wherever Terraform
itself is set up to look.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from ctc.errors import SetupError
from ctc.settings import ROOT, machine

OLDEST = (1, 11)
FUNCTIONS = ("api", "batch")
ZIPS = [f"-var={name}_package=sim/{name}.zip" for name in FUNCTIONS]  # what `packages` makes, for plans that are not applied
INSTALL = "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install) and put it on the PATH"


def missing() -> str:
    """Why Terraform can't be used here, "" when it can."""
    if shutil.which("terraform") is None:
        return f"terraform is not installed: {INSTALL}"
    said = subprocess.run(["terraform", "version", "-json"], capture_output=True, text=True, check=True, env=_clean()).stdout
    version = str(json.loads(said)["terraform_version"])
    if tuple(int(part) for part in version.split("-")[0].split(".")[:2]) < OLDEST:
        return f"terraform is {version}: {INSTALL}"
    return ""


class Terraform:
    """The root module, copied into `work`, with its state beside it."""

    def __init__(self, work: Path, environment: Mapping[str, str] | None = None) -> None:
        self.root = work / "infra"
        shutil.copytree(ROOT / "infra", self.root, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".terraform*", "*.tfstate*"))
        shutil.copytree(ROOT / "profiles", work / "profiles", dirs_exist_ok=True)
        self._environment = {**_clean(), "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1", **(environment or {})}

    def init(self) -> None:
        """Modules and provider, once. SetupError when the provider can't be had."""
        if (self.root / ".terraform").is_dir():
            return
        plugins = machine("CTC_TF_PLUGINS")
        done = self.run("init", *([f"-plugin-dir={plugins}"] if plugins else []), check=False, quiet=True)
        if done.returncode:
            raise SetupError(
                f"`terraform init` failed; where no registry is reached, set CTC_TF_PLUGINS to a provider mirror\n{done.stdout[-2000:]}"
            )

    def apply(self, variables: str) -> None:
        self.run("apply", "-auto-approve", f"-var-file=environments/{variables}.tfvars", quiet=True)

    def destroy(self, variables: str) -> None:
        """Without asking first how each resource is now: what is gone already is no error to the provider."""
        self.run("destroy", "-auto-approve", "-refresh=false", f"-var-file=environments/{variables}.tfvars", quiet=True)

    def plan(self, variables: str, *more: str) -> dict[str, Any]:
        """A plan as Terraform's JSON."""
        self.run("plan", "-out=made.plan", f"-var-file=environments/{variables}.tfvars", *more, quiet=True)
        plan: dict[str, Any] = json.loads(self.run("show", "-json", "made.plan", quiet=True).stdout)
        return plan

    def outputs(self) -> dict[str, Any]:
        found = json.loads(self.run("output", "-json", quiet=True).stdout)
        return {name: each["value"] for name, each in found.items()}

    def run(self, command: str, *words: str, check: bool = True, quiet: bool = False) -> subprocess.CompletedProcess[str]:
        """One command; `quiet` keeps what it says, else that goes to stderr. SetupError when it fails and `check`."""
        call = ["terraform", f"-chdir={self.root}", *command.split()]
        if command in ("init", "plan", "apply", "destroy"):
            call.append("-input=false")
        if command != "fmt" and "-json" not in words:
            call.append("-no-color")
        done = subprocess.run(
            [*call, *words],
            env=self._environment,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else sys.stderr,
            stderr=subprocess.STDOUT if quiet and "-json" not in words else sys.stderr,
        )
        if check and done.returncode:
            raise SetupError(f"`terraform {command}` failed (exit status {done.returncode})\n{(done.stdout or '')[-6000:]}")
        return done


def packages(root: Path) -> None:
    """The zips that the sim environment names, in the copy: this project's code without its packages, and what stands in for EMR."""
    code = [path for name in ("ctc", "profiles") for path in sorted((ROOT / name).rglob("*")) if path.suffix in (".py", ".toml")]
    for name in FUNCTIONS:
        _zip(root / "sim" / f"{name}.zip", {str(path.relative_to(ROOT)): path for path in code})
    project = root / "sim" / "project.json"
    project.write_text(json.dumps({"root": str(ROOT), "python": sys.executable, "runs": str(root / "sim" / "runs")}))
    _zip(root / "sim" / "tasks.zip", {path.name: path for path in (project, root / "sim" / "tasks.py")})


def _zip(target: Path, files: Mapping[str, Path]) -> None:
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            archive.writestr(ZipInfo(name), path.read_bytes(), ZIP_DEFLATED)  # ZipInfo has a fixed date: the same input, the same zip


def _clean() -> dict[str, str]:
    """The environment without what would lead Terraform to a real account, or to settings that are not there."""
    found = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "TF_VAR_", "TF_CLI_ARGS"))}
    if not Path(found.get("TF_CLI_CONFIG_FILE", ".")).exists():
        del found["TF_CLI_CONFIG_FILE"]  # Terraform would warn of it at each call, amid what it says
    return found
