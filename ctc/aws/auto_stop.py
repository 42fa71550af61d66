"""AWS Lambda's entry point, `ctc.aws.auto_stop.handler`: stops what streams when the month's charges pass the last threshold.

Its environment names what to stop: `CTC_EMR_APPLICATION`, `CTC_ECS_CLUSTER` and `CTC_ECS_SERVICE` (infra/modules/monitoring).
Streams and endpoints stay: they are Terraform's to remove (`-var streaming=false`).
"""

from __future__ import annotations

from typing import Any

from ctc.aws.clients import client, translating
from ctc.errors import CtcError
from ctc.settings import load_profile, machine

ALIVE = ["SUBMITTED", "PENDING", "SCHEDULED", "QUEUED", "RUNNING"]


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """What was stopped. Raises SetupError or StoreError after both were tried, so that the call shows as failed."""
    settings = load_profile(machine("CTC_PROFILE", "cloud"))
    emr, ecs = client("emr-serverless", settings), client("ecs", settings)
    return stop(emr, ecs, machine("CTC_EMR_APPLICATION"), machine("CTC_ECS_CLUSTER"), machine("CTC_ECS_SERVICE"))


def stop(emr: Any, ecs: Any, application: str, cluster: str, service: str) -> dict[str, Any]:
    """Set the service to no task, cancel the application's jobs; the one failing does not spare the other."""
    failed: CtcError | None = None
    cancelled: list[str] = []
    try:
        with translating(f"stopping the ECS service {service}"):
            ecs.update_service(cluster=cluster, service=service, desiredCount=0)
    except CtcError as error:
        failed = error
    with translating(f"cancelling the jobs of the EMR application {application}"):
        for page in emr.get_paginator("list_job_runs").paginate(applicationId=application, states=ALIVE):
            for run in page["jobRuns"]:
                emr.cancel_job_run(applicationId=application, jobRunId=run["id"])
                cancelled.append(run["id"])
    if failed is not None:
        raise failed
    return {"service": service, "cancelled": cancelled}
