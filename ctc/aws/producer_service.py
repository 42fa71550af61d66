"""The producer's service on ECS: how many tasks it shall have, and has."""

from __future__ import annotations

from typing import Any

import msgspec

from ctc.aws.clients import client, translating
from ctc.aws.deployment import Deployment
from ctc.errors import StoreError


class Counts(msgspec.Struct, frozen=True):
    """Tasks that shall run, run, and are on their way."""

    desired: int
    running: int
    pending: int


class ProducerService:
    """The service of a deployment."""

    def __init__(self, deployment: Deployment) -> None:
        self._settings = deployment.settings
        self._cluster, self._service = deployment.made.cluster, deployment.made.service
        self._ecs: Any = client("ecs", deployment.settings)

    def set_desired(self, count: int) -> None:
        """Ask for so many tasks."""
        with translating(f"setting the ECS service {self._service} to {count} tasks", self._settings):
            self._ecs.update_service(cluster=self._cluster, service=self._service, desiredCount=count)

    def counts(self) -> Counts:
        """As they are now. Raises StoreError when there is no such service."""
        with translating(f"looking at the ECS service {self._service}", self._settings):
            answer = self._ecs.describe_services(cluster=self._cluster, services=[self._service])
        if not answer["services"]:
            raise StoreError(f"the ECS service {self._cluster}/{self._service} is not there: run `ctc deploy`")
        (found,) = answer["services"]
        return Counts(desired=found["desiredCount"], running=found["runningCount"], pending=found["pendingCount"])
