"""Terraform's plan of infra/, where Terraform is; what needs it is skipped aloud elsewhere."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cloud.emulators import PYTHON
from cloud.terraform import ZIPS, Terraform, missing, packages

from ctc.errors import SetupError
from ctc.settings import Settings

Plan = dict[str, Any]


@pytest.fixture(scope="session")
def terraform(tmp_path_factory: pytest.TempPathFactory, emulator_settings: Settings) -> Terraform:
    """The root module, initialised, with the emulator for whatever it asks."""
    if lacking := missing():
        pytest.skip(lacking)
    environment = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": emulator_settings.aws.endpoint,
        "NO_PROXY": "127.0.0.1",
    }
    root = Terraform(tmp_path_factory.mktemp("infra"), environment)
    packages(root.root)
    try:
        root.init()
    except SetupError as error:
        pytest.skip(str(error).splitlines()[0])
    return root


@pytest.fixture(scope="session")
def plan(terraform: Terraform) -> Plan:
    """What `terraform apply` would make on AWS while streaming."""
    return terraform.plan("cloud", "-var=streaming=true", *ZIPS, "-refresh=false")


@pytest.fixture(scope="session")
def policies(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder for plans; skips where what evaluates them is missing."""
    if not PYTHON.exists():
        pytest.skip("regopy is not installed: run `make infra-setup`")
    folder = tmp_path_factory.mktemp("plans")
    yield folder
    shutil.rmtree(folder)
