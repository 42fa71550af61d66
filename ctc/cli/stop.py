"""`ctc stop`: the producer, what Spark has not read yet, Spark."""

from __future__ import annotations

from typing import Annotated

import typer

from ctc.cli.cloud import saying, write_runs
from ctc.cli.options import CloudProfile, DeploymentName, Format


def stop(
    profile: CloudProfile = "cloud",
    name: DeploymentName = "",
    drain_s: Annotated[float, typer.Option("--drain-s", min=0, metavar="S", help="How long Spark may read on; 0: not at all.")] = 300,
    format: Annotated[Format, typer.Option(help="How the job runs that were ended are listed.")] = "table",
) -> None:
    """Stop streaming on AWS: the producer first, then Spark, once it has read all.

    Streams and endpoints stay, and cost, until `ctc deploy --idle`.

    \b
    ctc stop
    ctc stop --drain-s 0
        cancel at once; what is not read stays in the streams
    ctc stop --profile cloud --format json
    """
    from ctc.aws.deployment import find
    from ctc.cloud.parts import parts_of
    from ctc.cloud.stop import stop as end

    with saying("stop") as say:
        write_runs(end(parts_of(find(profile, name)), say, drain_s=drain_s), format)
        say("streams and endpoints cost until `ctc deploy --idle`")
