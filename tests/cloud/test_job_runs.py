"""What EMR Serverless is asked for, checked against the service's own description."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.validate import validate_parameters

from ctc.aws.deployment import Deployment, Made
from ctc.aws.job_runs import stream_request
from ctc.settings import ROOT, load_profile

ROLE = "arn:aws:iam::000000000000:role/the-role"
MADE = Made(**{**{name: f"the-{name}" for name in Made.__struct_fields__}, "job_role_arn": ROLE})
TOLD = {"lake.bucket": "own-bucket", "whales.threshold": "250000"}
DEPLOYMENT = Deployment("ctc-cloud", "cloud", load_profile("cloud", TOLD), TOLD, MADE)


@pytest.fixture
def request_() -> dict[str, Any]:
    return stream_request(DEPLOYMENT, "stream", ["--queries", "lake"], ["s3://b/a.jar", "s3://b/b.jar"])


def test_request_is_one_that_the_service_knows(request_: dict[str, Any]) -> None:
    model = boto3.session.Session().client("emr-serverless", region_name="us-east-1").meta.service_model
    validate_parameters({**request_, "clientToken": "x"}, model.operation_model("StartJobRun").input_shape)


def test_run_streams_without_a_time_limit_and_keeps_its_ui_and_logs(request_: dict[str, Any]) -> None:
    assert (request_["mode"], request_["executionTimeoutMinutes"]) == ("STREAMING", 0)
    kept = request_["configurationOverrides"]["monitoringConfiguration"]
    assert kept["managedPersistenceMonitoringConfiguration"] == {"enabled": True}
    assert kept["cloudWatchLoggingConfiguration"]["logGroupName"] == "the-job_log_group"


def test_run_has_the_packed_python_the_jars_and_the_settings_on_every_worker(request_: dict[str, Any]) -> None:
    (given,) = request_["configurationOverrides"]["applicationConfiguration"]
    properties = given["properties"]
    assert properties["spark.archives"] == "s3://the-artifacts_bucket/code/environment.tar.gz#environment"
    assert properties["spark.jars"] == "s3://b/a.jar,s3://b/b.jar"
    for prefix in ("spark.emr-serverless.driverEnv", "spark.executorEnv"):
        assert properties[f"{prefix}.PYSPARK_PYTHON"] == "./environment/bin/python"
        assert properties[f"{prefix}.CTC_PROFILE"] == "cloud"
        assert properties[f"{prefix}.CTC_LAKE__BUCKET"] == "own-bucket"
    assert all(isinstance(value, str) for value in properties.values())


def test_settings_reach_the_run_as_they_were_told(request_: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = "spark.emr-serverless.driverEnv."
    for key, value in request_["configurationOverrides"]["applicationConfiguration"][0]["properties"].items():
        if key.startswith(f"{prefix}CTC_") and "__" in key:
            monkeypatch.setenv(key.removeprefix(prefix), value)
    assert load_profile("cloud") == DEPLOYMENT.settings


def test_driver_and_executors_stay_below_the_applications_cap_and_fit_its_warm_workers(request_: dict[str, Any]) -> None:
    properties = request_["configurationOverrides"]["applicationConfiguration"][0]["properties"]
    module = (ROOT / "infra" / "modules" / "emr-serverless" / "main.tf").read_text()
    for who in ("driver", "executor"):
        memory = sum(int(properties[f"spark.{who}.{part}"].removesuffix("g")) for part in ("memory", "memoryOverhead"))
        assert f'cpu    = "{properties[f"spark.{who}.cores"]} vCPU"' in module
        assert f'memory = "{memory} GB"' in module
    assert 2 * (1 + int(properties["spark.dynamicAllocation.maxExecutors"])) <= 8
