"""Start what streams: Spark's job runs, then the producer."""

from __future__ import annotations

from ctc.aws.job_runs import JobRun
from ctc.cloud.parts import Parts, Say, wait
from ctc.errors import SessionError, SetupError, StreamError

Scripts = dict[str, tuple[str, ...]]
ONE: Scripts = {"stream": ("--queries", "lake,detect")}
EACH: Scripts = {"lake": (), "detect": ()}


def start(parts: Parts, say: Say, *, apart: bool = False, wait_s: float = 600.0) -> list[JobRun]:
    """Job runs and one producer, as they are once all run; `apart` gives each query a run of its own. What runs already is left.

    Raises SetupError where something is not there yet, SessionError where other runs read the streams, StreamError when a run ends or
    nothing runs within `wait_s` (0: do not wait).
    """
    absent = [f"{name} is {state}" for name, state in parts.streams().items() if state not in ("ACTIVE", "UPDATING")]
    if absent:
        raise SetupError(f"{'; '.join(absent)}: run `ctc deploy --streaming`, which makes what costs by the hour")
    jars = parts.jars()
    started = _start_runs(parts, EACH if apart else ONE, jars, say)
    say("asking for one producer")
    parts.tasks.set_desired(1)
    if wait_s and not wait(parts, lambda: _all_run(parts, started), wait_s):
        raise StreamError(f"not all of it runs after {wait_s:.0f} s: see `ctc status --profile NAME`, and wait, or `ctc stop`")
    return [parts.runs.get(run) for run in started]


def _start_runs(parts: Parts, scripts: Scripts, jars: list[str], say: Say) -> list[str]:
    """Their ids, of those that run already too: two runs on one checkpoint would undo each other's work."""
    wanted = {f"{parts.name}-{script}": script for script in scripts}
    alive = {run.name: run for run in parts.runs.listed(alive=True)}
    others = [f"{run.name} ({run.state})" for run in alive.values() if run.name not in wanted or not run.alive]
    if others:
        raise SessionError(f"other runs read the streams: {', '.join(others)}; run `ctc stop` first")
    ids = []
    for name, script in wanted.items():
        if name in alive:
            say(f"{name} runs already ({alive[name].id})")
            ids.append(alive[name].id)
            continue
        ids.append(parts.runs.start_stream(script, scripts[script], jars))
        say(f"started {name} as {ids[-1]}")
    return ids


def _all_run(parts: Parts, started: list[str]) -> bool:
    runs = [parts.runs.get(run) for run in started]
    ended = [f"{run.name} is {run.state}: {run.details or 'it gave no reason'}" for run in runs if not run.alive]
    if ended:
        raise StreamError(f"{'; '.join(ended)}; its log group is in `ctc status`")
    return all(run.state == "RUNNING" for run in runs) and parts.tasks.counts().running >= 1
