"""Package, apply, upload: everything a deployment is made of but the producer's image, which needs a container builder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from ctc.aws.artifacts import Artifacts, manifest
from ctc.aws.deployment import Deployment, find
from ctc.cloud.parts import Say
from ctc.errors import SetupError
from ctc.settings import ROOT

DIST = ROOT / "dist"
INFRA = ROOT / "infra"
INSTALL = "install Terraform 1.11 or newer (https://developer.hashicorp.com/terraform/install) and put it on the PATH"


def package(architecture: str, say: Say, dist: Path = DIST) -> None:
    """`make package`, its progress on stderr."""
    say("packaging")
    script = ROOT / "scripts" / "package.py"
    done = subprocess.run([sys.executable, script, "--architecture", architecture, "--out", dist], stdout=subprocess.DEVNULL)
    if done.returncode:
        raise SetupError("packaging failed (see above)")


def apply(profile: str, variables: Mapping[str, str], say: Say, *, confirmed: bool, infra: Path = INFRA) -> None:
    """`terraform init` and `apply` with environments/PROFILE.tfvars; Terraform shows its plan and asks, unless `confirmed`."""
    say("terraform apply")
    if not (infra / ".terraform").is_dir():
        _terraform(infra, "init", "-input=false")
    given = [f"-var={name}={value}" for name, value in sorted(variables.items())]
    _terraform(infra, "apply", f"-var-file=environments/{profile}.tfvars", *given, *(["-auto-approve"] if confirmed else []))


def streams_now(infra: Path = INFRA) -> bool:
    """Whether what costs by the hour was there at the last apply; False where there was none."""
    if not (infra / ".terraform").is_dir():
        return False
    found: dict[str, Any] = msgspec.json.decode(_terraform(infra, "output", "-json", capture=True))
    return bool(found.get("streaming", {}).get("value", False))


def upload(profile: str, name: str, say: Say, dist: Path = DIST) -> Deployment:
    """What job runs take, and the dashboard, to where Terraform made room for them."""
    manifest(dist)
    deployment = find(profile, name)
    artifacts = Artifacts(deployment)
    sent = artifacts.upload(dist, say)
    say(f"code: {len(sent)} files sent, the others are there already")
    say(f"dashboard: {artifacts.publish_dashboard(dist)} pages to {deployment.made.dashboard_url}")
    return deployment


def _terraform(infra: Path, *words: str, capture: bool = False) -> bytes:
    """What it prints; people see the rest of it, and answer its question. SetupError when it fails."""
    try:
        done = subprocess.run(["terraform", f"-chdir={infra}", *words], stdout=subprocess.PIPE if capture else sys.stderr)
    except FileNotFoundError:
        raise SetupError(f"terraform is not installed: {INSTALL}") from None
    if done.returncode:
        raise SetupError(f"`terraform {words[0]}` failed (see above): nothing after it was done")
    return done.stdout or b""
