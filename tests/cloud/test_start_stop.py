"""In which order a deployment is started and stopped, and what it refuses; with parts in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

import msgspec
import pytest

from ctc.aws.job_runs import JobRun
from ctc.aws.producer_service import Counts
from ctc.cloud.look import look
from ctc.cloud.parts import Parts
from ctc.cloud.start import start
from ctc.cloud.stop import stop
from ctc.errors import SessionError, SetupError, StreamError

AT = datetime(2026, 11, 27, 12, tzinfo=UTC)
JARS = ["s3://b/code/jars/a.jar"]


class World:
    """EMR Serverless and ECS in memory: each look moves them a step on. `did` tells what was asked of them, in order."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.runs: dict[str, JobRun] = {}
        self.task = Counts(desired=0, running=0, pending=0)
        self.behind: list[dict[str, float | None]] = [{"detect": 0.0, "lake": 0.0}]
        self.states = {"trades": "ACTIVE", "trades-dlq": "ACTIVE"}
        self.ends_as = "RUNNING"  # what a new run becomes
        self._ids = count(1)
        self.now = 0.0

    def application_state(self) -> str:
        return "STARTED"

    def listed(self, *, alive: bool = False) -> list[JobRun]:
        self._move()
        return [run for run in self.runs.values() if not alive or run.alive or run.state == "CANCELLING"]

    def start_stream(self, script: str, arguments: Sequence[str], jars: Sequence[str]) -> str:
        assert jars == JARS
        self.did.append(" ".join(["start", script, *arguments]))
        return self.add(f"ctc-cloud-{script}", "SUBMITTED")

    def add(self, name: str, state: str) -> str:
        run = JobRun(id=f"r{next(self._ids)}", name=name, state=state, mode="STREAMING", created_at=AT)
        self.runs[run.id] = run
        return run.id

    def get(self, run: str) -> JobRun:
        self._move()
        return self.runs[run]

    def cancel(self, run: str) -> None:
        self.did.append(f"cancel {run}")
        self.runs[run] = msgspec.structs.replace(self.runs[run], state="CANCELLING")

    def set_desired(self, count: int) -> None:
        self.did.append(f"desire {count}")
        self.task = Counts(desired=count, running=self.task.running, pending=0)

    def counts(self) -> Counts:
        self.task = msgspec.structs.replace(self.task, running=self.task.desired)
        return self.task

    def how_far(self) -> dict[str, float | None]:
        self.did.append("ask how far")
        return self.behind.pop(0) if len(self.behind) > 1 else self.behind[0]

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def _move(self) -> None:
        after = {"SUBMITTED": self.ends_as, "CANCELLING": "CANCELLED"}
        self.runs = {key: msgspec.structs.replace(run, state=after.get(run.state, run.state)) for key, run in self.runs.items()}

    def parts(self) -> Parts:
        return Parts(
            name="ctc-cloud",
            runs=self,
            tasks=self,
            jars=lambda: list(JARS),
            behind=self.how_far,
            streams=lambda: self.states,
            pause=self.pause,
            clock=lambda: self.now,
        )


def silent(line: str) -> None:
    """For those who don't listen."""


@pytest.fixture
def world() -> World:
    return World()


def test_start_begins_spark_and_then_the_producer_and_waits_until_both_run(world: World) -> None:
    (run,) = start(world.parts(), silent)
    assert world.did == ["start stream --queries lake,detect", "desire 1"]
    assert (run.name, run.state) == ("ctc-cloud-stream", "RUNNING")
    assert world.task.running == 1


def test_start_apart_gives_each_query_a_run(world: World) -> None:
    assert [run.name for run in start(world.parts(), silent, apart=True)] == ["ctc-cloud-lake", "ctc-cloud-detect"]


def test_start_again_leaves_what_runs(world: World) -> None:
    (first,) = start(world.parts(), silent)
    (again,) = start(world.parts(), silent)
    assert again.id == first.id
    assert world.did.count("start stream --queries lake,detect") == 1


@pytest.mark.parametrize(("other", "state"), [("ctc-cloud-lake", "RUNNING"), ("ctc-cloud-stream", "CANCELLING"), ("by-hand", "PENDING")])
def test_start_refuses_while_another_run_reads_the_streams(other: str, state: str, world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.add(other, state)
    monkeypatch.setattr(world, "_move", lambda: None)
    with pytest.raises(SessionError, match=f"{other} \\({state}\\); run `ctc stop`"):
        start(world.parts(), silent)
    assert world.did == []


def test_start_refuses_without_streams(world: World) -> None:
    world.states["trades"] = "absent"
    with pytest.raises(SetupError, match="trades is absent: run `ctc deploy --streaming`"):
        start(world.parts(), silent)
    assert world.did == []


def test_start_says_why_a_run_has_ended(world: World) -> None:
    world.ends_as = "FAILED"
    with pytest.raises(StreamError, match="ctc-cloud-stream is FAILED"):
        start(world.parts(), silent)


def test_start_says_that_it_takes_too_long(world: World) -> None:
    world.ends_as = "PENDING"
    with pytest.raises(StreamError, match="after 60 s"):
        start(world.parts(), silent, wait_s=60)
    assert world.now >= 60


def test_stop_ends_the_producer_waits_until_all_is_read_and_then_cancels(world: World) -> None:
    start(world.parts(), silent)
    world.did.clear()
    world.behind = [{"detect": 3.0, "lake": None}, {"detect": 0.0, "lake": 12.0}, {"detect": 0.0, "lake": 0.0}]
    said: list[str] = []
    (run,) = stop(world.parts(), said.append)
    assert world.did == ["desire 0", "ask how far", "ask how far", "ask how far", "cancel r1"]
    assert run.state == "CANCELLED"
    assert "waiting until Spark has read all: detect 3.0 s behind, lake unknown behind" in said


def test_stop_cancels_nothing_that_has_not_read_all(world: World) -> None:
    start(world.parts(), silent)
    world.behind = [{"detect": 0.0, "lake": 70.0}]
    with pytest.raises(StreamError, match=r"lake 70\.0 s behind.*--drain-s 0"):
        stop(world.parts(), silent, drain_s=30)
    assert [run.state for run in world.runs.values()] == ["RUNNING"]


def test_stop_without_draining_asks_nobody_how_far_it_is(world: World) -> None:
    start(world.parts(), silent)
    world.did.clear()
    stop(world.parts(), silent, drain_s=0)
    assert world.did == ["desire 0", "cancel r1"]


def test_stop_of_what_does_not_run_is_no_error(world: World) -> None:
    assert stop(world.parts(), silent) == []
    assert world.did == ["desire 0"]


def test_look_tells_of_each_part_and_of_one_that_can_not_be_asked(world: World) -> None:
    start(world.parts(), silent)
    world.behind = [{"detect": 0.0, "lake": None}]
    assert [row[:2] for row in look(world.parts())] == [
        ("application", "STARTED"),
        ("job run ctc-cloud-stream", "RUNNING"),
        ("producer", "RUNNING"),
        ("stream trades", "ACTIVE"),
        ("stream trades-dlq", "ACTIVE"),
        ("query detect", "DRAINED"),
        ("query lake", "UNKNOWN"),
    ]
    refused: Callable[[], Any] = lambda: (_ for _ in ()).throw(SetupError("no"))  # noqa: E731
    rows = look(msgspec.structs.replace(world.parts(), streams=refused))
    assert [row for row in rows if row.state == "unknown"] == [("stream", "unknown", "no"), ("query", "unknown", "no")]
