"""The parts of a deployment that are started, stopped and looked at, behind small protocols so that tests may bring their own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from ctc.aws.artifacts import Artifacts
from ctc.aws.deployment import Deployment
from ctc.aws.drained import Checkpoints
from ctc.aws.job_runs import JobRun, JobRuns
from ctc.aws.producer_service import Counts, ProducerService
from ctc.aws.streams import stream_states

Say = Callable[[str], None]


class Runs(Protocol):
    """Job runs (`ctc.aws.job_runs.JobRuns`)."""

    def application_state(self) -> str: ...
    def listed(self, *, alive: bool = False) -> list[JobRun]: ...
    def start_stream(self, script: str, arguments: Sequence[str], jars: Sequence[str]) -> str: ...
    def get(self, run: str) -> JobRun: ...
    def cancel(self, run: str) -> None: ...


class Tasks(Protocol):
    """The producer's tasks (`ctc.aws.producer_service.ProducerService`)."""

    def set_desired(self, count: int) -> None: ...
    def counts(self) -> Counts: ...


class Parts(msgspec.Struct, frozen=True):
    """What a deployment consists of. `behind` tells how long each query's oldest record has waited, `streams` the streams' states."""

    name: str
    runs: Runs
    tasks: Tasks
    jars: Callable[[], list[str]]
    behind: Callable[[], dict[str, float | None]]
    streams: Callable[[], dict[str, str]]
    pause: Callable[[float], object] = threading.Event().wait
    clock: Callable[[], float] = time.monotonic


def parts_of(deployment: Deployment) -> Parts:
    """The real ones. Nothing is asked of AWS yet."""
    settings = deployment.settings
    return Parts(
        name=deployment.name,
        runs=JobRuns(deployment),
        tasks=ProducerService(deployment),
        jars=lambda: Artifacts(deployment).jars(),
        behind=lambda: Checkpoints(settings).behind(),
        streams=lambda: stream_states(settings),
    )


def wait(parts: Parts, holds: Callable[[], bool], limit_s: float, every_s: float = 5.0) -> bool:
    """Ask until it holds; False when it does not within the limit."""
    deadline = parts.clock() + limit_s
    while not holds():
        if parts.clock() >= deadline:
            return False
        parts.pause(every_s)
    return True
