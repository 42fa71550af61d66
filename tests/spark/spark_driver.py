"""Calls a stream reader as Spark 4.1.1 does: offsets in a log, as JSON; batches that are done again after a crash.

Written down from runs of `PythonMicroBatchStream`: a first start asks `latestOffset`, `initialOffset`, `partitions`; a restart
`partitions(end, end)` of the last batch in the log, then, if that was not committed, `partitions(start, end)`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from pyspark import cloudpickle

from ctc.spark.source import KinesisStreamReader

CRASHES = ("nothing", "before the log", "after the log", "after planning", "in a task", "after the sink")


class SparkDriver:
    """One query with its checkpoint; `connect` is called for every new reader process."""

    def __init__(self, make: Callable[[], KinesisStreamReader]) -> None:
        self._make = make
        self.log: list[str] = []  # the end of each batch
        self.committed = -1
        self.rows: dict[int, list[dict[str, Any]]] = {}  # by batch: a sink that takes each batch once
        self.crashes = 0
        self.planned_again = 0
        self.reader = make()

    def restart(self) -> None:
        """A new process on the same checkpoint."""
        self.crashes += 1
        self.reader = self._make()
        if self.log:
            self.reader.partitions(json.loads(self.log[-1]), json.loads(self.log[-1]))

    def trigger(self, crash: str = "nothing", plan_twice: bool = False) -> bool:
        """One trigger; False when there was nothing to do. `crash` says where the process dies."""
        if len(self.log) - 1 == self.committed and not self._construct(crash):
            return False
        if crash in ("before the log", "after the log"):
            return True
        batch = len(self.log) - 1
        start = self.log[batch - 1] if batch else json.dumps(self.reader.initialOffset())
        partitions = self.reader.partitions(json.loads(start), json.loads(self.log[batch]))
        if plan_twice:
            partitions = self.reader.partitions(json.loads(start), json.loads(self.log[batch]))
        if crash == "after planning":
            self.restart()
            return True
        self.planned_again += any(partition.held is None for partition in partitions)  # type: ignore[attr-defined]
        rows = self._run(partitions)
        if crash == "in a task":
            self.restart()
            return True
        before = self.rows.setdefault(batch, rows)
        assert before == rows, "a batch that is done again has the same records"
        if crash == "after the sink":
            self.restart()
            return True
        self.committed = batch
        self.reader.commit(json.loads(self.log[batch]))
        return True

    def _construct(self, crash: str) -> bool:
        end = json.dumps(self.reader.latestOffset())
        if crash == "before the log":
            self.restart()
            return True
        if not self.log:
            self.reader.initialOffset()
        elif end == self.log[-1]:
            return False
        self.log.append(end)
        if crash == "after the log":
            self.restart()
        return True

    def _run(self, partitions: list[Any]) -> list[dict[str, Any]]:
        """Each task has a copy of a reader that was made for the plan, and a copy of its partition."""
        rows = []
        for partition in partitions:
            task = cloudpickle.loads(cloudpickle.dumps(self._make()))
            for columns in task.read(cloudpickle.loads(cloudpickle.dumps(partition))):
                assert isinstance(columns, pa.RecordBatch)
                rows += columns.to_pylist()
        return rows

    @property
    def taken(self) -> dict[str, list[bytes]]:
        """What the sink has of each key, in order."""
        found: dict[str, list[bytes]] = {}
        for batch in sorted(self.rows):
            for row in self.rows[batch]:
                found.setdefault(row["partitionKey"], []).append(row["data"])
        return found
