"""Job runs on EMR Serverless: how one is asked for, and which there are.

The code is not the cluster's: a run unpacks `code/environment.tar.gz` (`make package`) on the driver and on each executor, and takes
Iceberg's jars from beside it, so that what runs is what the lock files say. Spark itself is the release's.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from ctc.aws.auto_stop import ALIVE
from ctc.aws.clients import client, translating
from ctc.aws.deployment import Deployment
from ctc.settings import as_environment

CODE = "code"  # the prefix in the bucket of artifacts
PYTHON = "./environment/bin/python"
STATE = "/tmp/ctc"  # noqa: S108 - of a container that nobody shares
# As the application's warm workers (infra/modules/emr-serverless): 2 vCPU and 4 GB, a quarter of them Python's.
WORKER = {"cores": "2", "memory": "3g", "memoryOverhead": "1g"}
MOST_EXECUTORS = 3  # with the driver, the application's cap of 8 vCPU
FAILURES_AN_HOUR = 5  # after which a streaming run is not started again
GRACE_S = 120  # for the batches that run when a run is cancelled


class JobRun(msgspec.Struct, frozen=True):
    """A job run as AWS lists it."""

    id: str
    name: str
    state: str
    mode: str
    created_at: datetime
    details: str = ""

    @property
    def alive(self) -> bool:
        """Whether it runs or will."""
        return self.state in ALIVE


class JobRuns:
    """Job runs of a deployment's application."""

    def __init__(self, deployment: Deployment, emr: Any = None) -> None:
        self._deployment = deployment
        self._application = deployment.made.application_id
        self._emr = emr or client("emr-serverless", deployment.settings)

    def application_state(self) -> str:
        """CREATED, STARTING, STARTED, STOPPED, ..."""
        with self._asking("looking at the EMR application"):
            return str(self._emr.get_application(applicationId=self._application)["application"]["state"])

    def listed(self, *, alive: bool = False) -> list[JobRun]:
        """Newest first; `alive` only those that run or will."""
        words = {"states": [*ALIVE, "CANCELLING"]} if alive else {}
        with self._asking("listing job runs"):
            pages = self._emr.get_paginator("list_job_runs").paginate(applicationId=self._application, **words)
            found = [_job_run(each) for page in pages for each in page["jobRuns"]]
        return sorted(found, key=lambda run: run.created_at, reverse=True)

    def start_stream(self, script: str, arguments: Sequence[str], jars: Sequence[str]) -> str:
        """A streaming run of `jobs/SCRIPT.py` with these jars (URLs), which no time limit ends; its id."""
        with self._asking(f"starting jobs/{script}.py"):
            answer = self._emr.start_job_run(**stream_request(self._deployment, script, arguments, jars))
        return str(answer["jobRunId"])

    def get(self, run: str) -> JobRun:
        with self._asking(f"looking at the job run {run}"):
            return _job_run(self._emr.get_job_run(applicationId=self._application, jobRunId=run)["jobRun"])

    def cancel(self, run: str) -> None:
        """Ask it to end; what runs of a batch may end first."""
        with self._asking(f"cancelling the job run {run}"):
            self._emr.cancel_job_run(applicationId=self._application, jobRunId=run, shutdownGracePeriodInSeconds=GRACE_S)

    def _asking(self, what: str) -> Any:
        return translating(f"{what} (application {self._application})", self._deployment.settings)


def stream_request(deployment: Deployment, script: str, arguments: Sequence[str], jars: Sequence[str]) -> dict[str, Any]:
    """What StartJobRun is given for a streaming run: no time limit, Spark's UI kept by the service, logs in CloudWatch."""
    made = deployment.made
    return {
        "applicationId": made.application_id,
        "executionRoleArn": made.job_role_arn,
        "name": f"{deployment.name}-{script}",
        "mode": "STREAMING",
        "executionTimeoutMinutes": 0,
        "retryPolicy": {"maxFailedAttemptsPerHour": FAILURES_AN_HOUR},
        "jobDriver": {
            "sparkSubmit": {"entryPoint": f"s3://{made.artifacts_bucket}/{CODE}/jobs/{script}.py", "entryPointArguments": [*arguments]}
        },
        "configurationOverrides": {
            "applicationConfiguration": [{"classification": "spark-defaults", "properties": spark_properties(deployment, jars)}],
            "monitoringConfiguration": {
                "managedPersistenceMonitoringConfiguration": {"enabled": True},
                "cloudWatchLoggingConfiguration": {"enabled": True, "logGroupName": made.job_log_group, "logStreamNamePrefix": script},
            },
        },
    }


def spark_properties(deployment: Deployment, jars: Sequence[str]) -> dict[str, str]:
    """Spark's configuration of any run: its code, its Python, its settings as environment, and its workers' size."""
    at = f"s3://{deployment.made.artifacts_bucket}/{CODE}"
    environment = {**as_environment(deployment.told, deployment.profile), "CTC_STATE": STATE, "PYSPARK_PYTHON": PYTHON}
    return {
        "spark.archives": f"{at}/environment.tar.gz#environment",
        "spark.jars": ",".join(jars),
        "spark.emr-serverless.driverEnv.PYSPARK_DRIVER_PYTHON": PYTHON,
        **{f"spark.emr-serverless.driverEnv.{name}": value for name, value in environment.items()},
        **{f"spark.executorEnv.{name}": value for name, value in environment.items()},
        **{f"spark.{who}.{what}": value for who in ("driver", "executor") for what, value in WORKER.items()},
        "spark.executor.instances": "1",
        "spark.dynamicAllocation.maxExecutors": str(MOST_EXECUTORS),
    }


def _job_run(answer: dict[str, Any]) -> JobRun:
    return JobRun(
        id=answer.get("id") or answer["jobRunId"],
        name=answer.get("name") or "",
        state=answer["state"],
        mode=answer.get("mode") or "",
        created_at=answer["createdAt"],
        details=answer.get("stateDetails") or "",
    )
