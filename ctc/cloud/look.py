"""How a deployment is: its application, job runs, producer, streams, and how far Spark is behind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from ctc.cloud.parts import Parts
from ctc.errors import CtcError

RUNS_SHOWN = 5


class Row(NamedTuple):
    """One part: what it is, its state in AWS's words, and more about it."""

    part: str
    state: str
    detail: str = ""


def look(parts: Parts) -> list[Row]:
    """One row a part; what can't be asked is a row too, with the reason."""
    rows: list[Row] = []
    for part, ask in (("application", _application), ("producer", _producer), ("stream", _streams), ("query", _queries)):
        try:
            rows += ask(parts)
        except CtcError as error:
            rows.append(Row(part, "unknown", str(error)))
    return rows


def _application(parts: Parts) -> Iterator[Row]:
    yield Row("application", parts.runs.application_state())
    runs = parts.runs.listed()
    for run in [*(each for each in runs if each.alive), *(each for each in runs if not each.alive)][:RUNS_SHOWN]:
        detail = f"{run.id}, since {run.created_at:%Y-%m-%d %H:%M}{f': {run.details}' if run.details else ''}"
        yield Row(f"job run {run.name}", run.state, detail)


def _producer(parts: Parts) -> Iterator[Row]:
    counts = parts.tasks.counts()
    state = "RUNNING" if counts.running >= max(1, counts.desired) else "PENDING" if counts.desired else "STOPPED"
    yield Row("producer", state, f"{counts.running} of {counts.desired} tasks, {counts.pending} on their way")


def _streams(parts: Parts) -> Iterator[Row]:
    for name, state in parts.streams().items():
        yield Row(f"stream {name}", state)


def _queries(parts: Parts) -> Iterator[Row]:
    """Only while there is a stream to be behind of."""
    if "absent" in parts.streams().values():
        return
    for query, wait in parts.behind().items():
        state = "UNKNOWN" if wait is None else "DRAINED" if wait == 0 else "BEHIND"
        yield Row(f"query {query}", state, "no checkpoint for every shard" if wait is None else f"{wait:.1f} s")
