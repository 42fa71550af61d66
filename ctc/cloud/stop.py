"""Stop what streams, in the order that loses nothing: the producer, what Spark has not read yet, Spark."""

from __future__ import annotations

from ctc.aws.job_runs import JobRun
from ctc.cloud.parts import Parts, Say, wait
from ctc.errors import StreamError


def stop(parts: Parts, say: Say, *, drain_s: float = 300.0, wait_s: float = 300.0) -> list[JobRun]:
    """The job runs that were ended. With `drain_s` 0 they are cancelled at once; what they have not read stays in the streams.

    Raises StreamError, having cancelled nothing, when not all is read within `drain_s`; and when something does not end.
    """
    say("asking for no producer")
    parts.tasks.set_desired(0)
    if not wait(parts, lambda: _gone(parts), wait_s):
        raise StreamError(f"the producer has not ended after {wait_s:.0f} s: see its tasks in ECS, and run `ctc stop` again")
    alive = parts.runs.listed(alive=True)
    if not alive:
        say("no job run is alive")
        return []
    if drain_s and any(run.state == "RUNNING" for run in alive):
        _drain(parts, say, drain_s)
    for run in alive:
        if run.alive:  # else it is being cancelled already
            say(f"cancelling {run.name} ({run.id})")
            parts.runs.cancel(run.id)
    if not wait(parts, lambda: not parts.runs.listed(alive=True), wait_s):
        raise StreamError(f"job runs have not ended after {wait_s:.0f} s: look with `ctc status`, and run `ctc stop` again")
    return [parts.runs.get(run.id) for run in alive]


def _gone(parts: Parts) -> bool:
    counts = parts.tasks.counts()
    return counts.running + counts.pending == 0


def _drain(parts: Parts, say: Say, drain_s: float) -> None:
    last: dict[str, float | None] = {}

    def drained() -> bool:
        nonlocal last
        last = parts.behind()
        say(f"waiting until Spark has read all: {told(last)}")
        return bool(last) and all(behind == 0 for behind in last.values())

    if not wait(parts, drained, drain_s):
        raise StreamError(
            f"Spark has not read all after {drain_s:.0f} s ({told(last)}): run `ctc stop` again, or `ctc stop --drain-s 0` to end it "
            f"all the same; records stay in the streams until their retention ends or `ctc deploy --idle` removes them"
        )


def told(behind: dict[str, float | None]) -> str:
    """How far queries are behind, for people."""
    return ", ".join(f"{query} {'unknown' if each is None else f'{each:.1f} s'} behind" for query, each in behind.items())
