"""Looks at what else a demo needs of an account: who asks, tables, the producer's image, alarms."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

from ctc.aws.clients import client, translating
from ctc.settings import Settings


def caller(settings: Settings) -> str:
    """The ARN of whose credentials these are."""
    with translating("asking AWS whose credentials these are", settings):
        return str(client("sts", settings).get_caller_identity()["Arn"])


def table_states(settings: Settings) -> dict[str, str]:
    """ACTIVE, CREATING, ... by hot table; "absent" where there is none."""
    dynamo: Any = client("dynamodb", settings)
    found = {}
    for name in (settings.tables.alerts, settings.tables.metrics):
        found[name] = "absent"
        with translating(f"looking at the DynamoDB table {name}", settings), suppress(dynamo.exceptions.ResourceNotFoundException):
            found[name] = dynamo.describe_table(TableName=name)["Table"]["TableStatus"]
    return found


def lake_tables(settings: Settings) -> set[str]:
    """Names of the tables in the lake's database."""
    glue: Any = client("glue", settings)
    with translating(f"listing tables of {settings.lake.database} in Glue", settings):
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=settings.lake.database)
        return {each["Name"] for page in pages for each in page["TableList"]}


def image_is_there(settings: Settings, image: str) -> bool:
    """Whether the registry holds `REPOSITORY:TAG`."""
    repository, _, tag = image.partition("/")[2].rpartition(":")
    ecr: Any = client("ecr", settings)
    missing = (ecr.exceptions.ImageNotFoundException, ecr.exceptions.RepositoryNotFoundException)
    with translating(f"looking for {image} in ECR", settings), suppress(*missing):
        return bool(ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"])
    return False


def alarms_ringing(settings: Settings, prefix: str) -> list[str]:
    """Names of the deployment's alarms that ring."""
    cloudwatch: Any = client("cloudwatch", settings)
    with translating("looking at CloudWatch's alarms", settings):
        pages = cloudwatch.get_paginator("describe_alarms").paginate(AlarmNamePrefix=prefix, StateValue="ALARM")
        return [alarm["AlarmName"] for page in pages for alarm in page["MetricAlarms"]]
