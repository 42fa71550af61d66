"""`ctc ready`: whether all that a demo needs is there."""

from __future__ import annotations

from typing import Annotated

import typer

from ctc.cli.cloud import saying
from ctc.cli.options import CloudProfile, DeploymentName, Format
from ctc.cli.output import write
from ctc.errors import SetupError


def ready(
    profile: CloudProfile = "cloud",
    name: DeploymentName = "",
    format: Annotated[Format, typer.Option(help="How the checks are listed.")] = "table",
) -> None:
    """Check all that a demo on AWS needs, and say what is missing.

    Credentials, code, image, streams, tables, Spark, producer, fresh data, API, dashboard, alarms.

    Exit code 1 while something is missing. Nothing is changed.

    \b
    ctc ready
    ctc ready --profile cloud --format json
    """
    from ctc.cloud.ready import Check, checks

    with saying("ready") as say:
        found = checks(profile, name, say)
    words = {True: "ok", False: "MISSING"} if format == "table" else {True: True, False: False}
    rows = [(each.check, words[each.ok], each.found, each.remedy) for each in found]
    write(Check._fields, rows, format, wrap="found")
    if missing := [each.check for each in found if not each.ok]:
        raise SetupError(f"{len(missing)} of {len(found)} are missing: {', '.join(missing)}")
