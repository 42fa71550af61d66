"""What the function that stops spending stops, and that one failure does not spare the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from ctc.aws.auto_stop import ALIVE, stop
from ctc.aws.clients import client
from ctc.errors import StoreError
from ctc.settings import Settings

NO_TASK = {"containerDefinitions": [{"name": "producer", "image": "none", "essential": True}]}


class Jobs:
    """EMR Serverless, as far as this goes: an application's job runs, on pages of one."""

    def __init__(self, states: dict[str, str]) -> None:
        self.states = states

    def get_paginator(self, call: str) -> Jobs:
        assert call == "list_job_runs"
        return self

    def paginate(self, *, applicationId: str, states: list[str]) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's name
        yield from ({"jobRuns": [{"id": run}]} for run, state in list(self.states.items()) if state in states)

    def cancel_job_run(self, *, applicationId: str, jobRunId: str) -> None:  # noqa: N803
        self.states[jobRunId] = "CANCELLED"


class NoService:
    """ECS where the service is gone."""

    def update_service(self, **_: Any) -> None:
        raise ClientError({"Error": {"Code": "ServiceNotFoundException", "Message": "Service not found."}}, "UpdateService")


@pytest.mark.emulator
def test_stop_leaves_no_task_and_no_job(emulator: Settings) -> None:
    ecs, name = client("ecs", emulator), emulator.lake.database
    ecs.create_cluster(clusterName=name)
    ecs.register_task_definition(family=name, **NO_TASK)
    ecs.create_service(cluster=name, serviceName="producer", taskDefinition=name, desiredCount=0)
    ecs.update_service(cluster=name, service="producer", desiredCount=1)
    jobs = Jobs({"lake": "RUNNING", "detect": "PENDING", "yesterday": "SUCCESS"})
    assert stop(jobs, ecs, "app", name, "producer") == {"service": "producer", "cancelled": ["lake", "detect"]}
    assert ecs.describe_services(cluster=name, services=["producer"])["services"][0]["desiredCount"] == 0
    assert jobs.states == {"lake": "CANCELLED", "detect": "CANCELLED", "yesterday": "SUCCESS"}


def test_stop_cancels_jobs_though_the_service_is_gone_and_says_so() -> None:
    jobs = Jobs({"lake": "RUNNING"})
    with pytest.raises(StoreError, match="ECS service producer"):
        stop(jobs, NoService(), "app", "cluster", "producer")
    assert jobs.states == {"lake": "CANCELLED"}


def test_stop_counts_every_state_in_which_a_job_costs_as_alive() -> None:
    ended = {"SUCCESS", "FAILED", "CANCELLED", "CANCELLING"}
    import boto3

    model = boto3.session.Session().client("emr-serverless", region_name="us-east-1").meta.service_model
    assert set(model.shape_for("JobRunState").enum) - ended == set(ALIVE)
