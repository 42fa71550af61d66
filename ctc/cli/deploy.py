"""`ctc deploy`: package, apply, upload."""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

from ctc.cli.cloud import telling
from ctc.cli.options import CloudProfile, DeploymentName, Format
from ctc.cli.output import write
from ctc.errors import ConfigError

STEPS = ("package", "apply", "upload")


def deploy(
    profile: CloudProfile = "cloud",
    name: DeploymentName = "",
    streaming: Annotated[
        bool | None, typer.Option("--streaming/--idle", help="Make, or remove, what costs by the hour.", show_default="as it was")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Apply Terraform's plan without asking.")] = False,
    image_tag: Annotated[str, typer.Option("--image-tag", metavar="TAG", help="The producer's image, by a tag that never moves.")] = "",
    architecture: Annotated[Literal["arm64", "x86_64"], typer.Option(help="Of Spark's workers and the functions.")] = "arm64",
    steps: Annotated[str, typer.Option("--steps", metavar="LIST", help="Which of these.")] = ",".join(STEPS),
    format: Annotated[Format, typer.Option(help="How what was deployed is listed.")] = "table",
) -> None:
    """Package the code, `terraform apply` the resources, upload jobs and dashboard.

    Terraform shows what it would do and asks. The producer's image is not built here.

    \b
    ctc deploy
    ctc deploy --streaming --image-tag 1.0.0
        the streams and what else costs by the hour, too
    ctc deploy --idle --yes
    ctc deploy --steps package,upload
        new code for the next job run
    """
    from ctc.cloud import deploy as do

    wanted = set(steps.split(","))
    if unknown := wanted - set(STEPS):
        raise ConfigError(f"there is no step {', '.join(sorted(unknown))!r}; choose among {', '.join(STEPS)}")
    if "apply" in wanted and not yes and not sys.stdin.isatty():
        raise ConfigError("Terraform would ask, and nobody is there to answer: say --yes, or leave `apply` out of --steps")
    say = telling("deploy")
    if "package" in wanted:
        do.package(architecture, say)
    if "apply" in wanted:
        now = do.streams_now() if streaming is None else streaming
        variables = {"streaming": str(now).lower(), "architecture": architecture.upper()}
        if image_tag:
            variables["image_tag"] = image_tag
        do.apply(profile, variables, say, confirmed=yes)
    if "upload" in wanted:
        made = do.upload(profile, name, say).made
        rows = [("API", made.api_url), ("dashboard", made.dashboard_url), ("code", made.artifacts_bucket), ("image", made.image)]
        write(("what", "where"), rows, format)
