"""What Terraform made, as its parameters in SSM tell it: no identifier of a resource is written down anywhere else."""

from __future__ import annotations

from typing import Any

import msgspec

from ctc.aws.clients import client, translating
from ctc.errors import ConfigError, SetupError
from ctc.settings import Settings, load_profile


class Made(msgspec.Struct, frozen=True, forbid_unknown_fields=False):
    """Identifiers of resources (`aws_ssm_parameter.made` in infra/settings.tf)."""

    alarm_prefix: str
    api_url: str
    application_id: str
    artifacts_bucket: str
    cluster: str
    dashboard_bucket: str
    dashboard_url: str
    distribution: str
    image: str
    job_log_group: str
    job_role_arn: str
    service: str


class Deployment(msgspec.Struct, frozen=True):
    """A deployment by name, as in `ctc-cloud`. `told` are the settings that differ from the profile's, by dotted key."""

    name: str
    profile: str
    settings: Settings
    told: dict[str, str]
    made: Made


def find(profile: str, name: str = "") -> Deployment:
    """The deployment of a profile; `name` defaults to ctc-PROFILE, as infra/variables.tf has it.

    Raises SetupError where nothing is deployed by that name, ConfigError where it was deployed by another version of this code.
    """
    own, name = load_profile(profile), name or f"ctc-{profile}"
    found = _parameters(own, f"/{name}/")
    if not found:
        raise SetupError(f"nothing is deployed as {name} in {own.aws.region}: run `ctc deploy`, or name another deployment with --name")
    told = {key.removeprefix("settings/"): value for key, value in found.items() if key.startswith("settings/")}
    made = {key.removeprefix("made/"): value for key, value in found.items() if key.startswith("made/")}
    try:
        return Deployment(name, profile, load_profile(profile, told), told, msgspec.convert(made, Made))
    except msgspec.ValidationError as error:
        raise ConfigError(f"the deployment {name} is not of this version ({error}): run `ctc deploy`") from error


def _parameters(settings: Settings, path: str) -> dict[str, str]:
    """Values below a path, by the rest of their names."""
    ssm: Any = client("ssm", settings)
    found: dict[str, str] = {}
    with translating(f"reading the deployment's parameters {path}", settings):
        for page in ssm.get_paginator("get_parameters_by_path").paginate(Path=path, Recursive=True):
            found |= {each["Name"].removeprefix(path): each["Value"] for each in page["Parameters"]}
    return found
