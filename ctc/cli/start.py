"""`ctc start`: Spark's job runs and the producer of a deployment."""

from __future__ import annotations

from typing import Annotated

import typer

from ctc.cli.cloud import saying, write_runs
from ctc.cli.options import CloudProfile, DeploymentName, Format


def start(
    profile: CloudProfile = "cloud",
    name: DeploymentName = "",
    apart: Annotated[bool, typer.Option("--apart", help="A job run for each query, instead of one for both.")] = False,
    wait_s: Annotated[float, typer.Option("--wait-s", min=0, metavar="S", help="How long until all run; 0: don't wait.")] = 600,
    format: Annotated[Format, typer.Option(help="How the job runs are listed.")] = "table",
) -> None:
    """Start streaming on AWS: Spark on EMR Serverless, then the producer on ECS.

    What runs already is left as it is. `ctc deploy --streaming` comes before it.

    It costs by the hour from here on, until `ctc stop`.

    \b
    ctc start
    ctc start --apart --wait-s 0
    ctc start --profile cloud --format json
    """
    from ctc.aws.deployment import find
    from ctc.cloud.parts import parts_of
    from ctc.cloud.start import start as begin

    with saying("start") as say:
        write_runs(begin(parts_of(find(profile, name)), say, apart=apart, wait_s=wait_s), format)
