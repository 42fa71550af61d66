"""Runs streaming queries, keeps them running, and says how they are.

A query that fails, at its start too, is started again from its checkpoint after a growing pause (a Python worker may fail to connect
at a cold, loaded start; an emulator may be away); after `MAX_FAILURES` in a row without a batch between them the process ends.
"""

from __future__ import annotations

import json
import logging
import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from subprocess import TimeoutExpired
from typing import Any

import msgspec
from py4j.protocol import Py4JError, Py4JJavaError  # type: ignore[import-untyped]
from pyspark import SparkContext
from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from ctc import status
from ctc.errors import DataLoss, EngineLost, StreamError
from ctc.settings import Settings

log = logging.getLogger("ctc.spark")

MAX_FAILURES = 8
STOP_S = 20.0
STAGGER_S = 15.0
REHEARSED, REHEARSED_BYTES, REHEARSAL_S = 8, 64 << 10, 40.0  # batches of a query, bytes of a shard in each, and how long it may take
ENDING_S = 5.0  # a JVM that does not answer any more may take to end
Sink = Callable[[DataFrame, int], None]
# A stream's records from its oldest on, with the columns of `ctc.spark.source`; bytes of a shard that the first and any batch may have.
ReadRecords = Callable[[SparkSession, Settings, str, int | None, int | None], DataFrame]


class QueryPlan(msgspec.Struct, frozen=True):
    """A query by name: how its batches are made from records, what takes them, how often (seconds).

    `first_bytes` a shard bound its first batch (doubling from there) where something is to be seen soon. `rehearse` takes batches as
    `sink` does, and leaves nothing behind.
    """

    name: str
    stream: str
    transform: Callable[[DataFrame], DataFrame]
    sink: Sink
    every_s: int
    first_bytes: int | None = None
    rehearse: Sink | None = None


class StreamingApp:
    """One Spark application with its queries; `run` returns when it is told to stop, or raises when a query can't be kept up."""

    def __init__(self, spark: SparkSession, settings: Settings, state: Path, read: ReadRecords) -> None:
        self._spark, self._settings, self._state, self._read = spark, settings, state, read
        self._checkpoints = settings.spark.checkpoints or str(state / "checkpoints")
        self._stop = threading.Event()
        self._plans: dict[str, QueryPlan] = {}
        self._running: dict[str, StreamingQuery | str] = {}  # or why it could not be started
        self._failures: dict[str, int] = {}
        self._reports: dict[str, dict[str, Any]] = {}
        self._final: dict[str, set[str]] = {}  # symbols whose last line a query has taken in, since it has its checkpoint

    def report(self, query: str, values: dict[str, Any]) -> None:
        """What a sink tells after a batch; published with the query's own progress."""
        self._failures[query] = 0
        self._reports[query] = {**values, "reported_at": datetime.now(UTC)}
        self._publish(query)

    def rehearse(self, plans: list[QueryPlan], folder: Path, told: Callable[[], bool]) -> None:
        """Run each query for a few small batches of the oldest records, with its checkpoint in `folder`, until `told`.

        What a first batch costs above a later one is then paid: planning, classes, code that Spark generates, connections.
        """
        for plan in plans:
            if plan.rehearse is not None and not told():
                log.info("rehearsed %s for %d batches", plan.name, self._rehearsed(plan, plan.rehearse, folder, told))

    def _rehearsed(self, plan: QueryPlan, take: Sink, folder: Path, told: Callable[[], bool]) -> int:
        """How many batches it took."""
        seen = 0

        def sink(batch: DataFrame, batch_id: int) -> None:
            nonlocal seen
            take(batch, batch_id)
            seen += 1

        records = self._read(self._spark, self._settings, plan.stream, None, REHEARSED_BYTES)
        query = (
            plan.transform(records)
            .writeStream.outputMode("update")
            .foreachBatch(sink)
            .option("checkpointLocation", f"{folder}/{plan.name}")
            .start()
        )
        deadline, pause = time.monotonic() + REHEARSAL_S, threading.Event()
        while query.isActive and seen < REHEARSED and not told() and time.monotonic() < deadline:
            pause.wait(0.1)
        query.stop()  # in the middle of a batch: one follows the other at once, and nothing is kept of them
        if (error := query.exception()) is not None:
            log.warning("%s could not be rehearsed: %s", plan.name, error)
        return seen

    def run(self, plans: list[QueryPlan], *, warm: bool = False) -> None:
        """Start the queries in their order, a `warm` engine all at once, and keep them up until SIGTERM or `stop`."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        self._plans = {plan.name: plan for plan in plans}
        # Told by a process before this one, which is gone: nothing comes of such a symbol any more that would tell it again.
        self._final = {plan.name: set((status.read(self._state, plan.name) or {}).get("final", ())) for plan in plans}
        waiting = list(plans)
        next_at = time.monotonic()
        while not self._stop.wait(0.2):
            try:
                # One after the other: the first query's first batch has the cold machine for itself.
                while waiting and (warm or time.monotonic() >= next_at or set(self._running) <= set(self._reports)):
                    next_at = time.monotonic() + STAGGER_S
                    self._start(waiting.pop(0))
                for name in list(self._running):
                    self._keep_up(name)
            except (Py4JError, ConnectionError) as error:
                refuse_lost_engine(error)
                raise
        for query in self._running.values():
            if not isinstance(query, str):
                self._stop_between_batches(query)

    def stop(self) -> None:
        """Make `run` return after the queries have stopped."""
        self._stop.set()

    def _stop_between_batches(self, query: StreamingQuery) -> None:
        """Let the batch that runs end if it ends soon: a batch that is cut is only done again, but says so in the log.

        Where the next one follows at once, nobody may see the query pause: that one is cut as it begins.
        """
        newest, deadline, pause = _ended(query), time.monotonic() + STOP_S, threading.Event()
        while query.isActive and query.status["isTriggerActive"] and _ended(query) == newest and time.monotonic() < deadline:
            pause.wait(0.02)
        query.stop()

    def _start(self, plan: QueryPlan) -> None:
        try:
            self._sweep(f"{self._checkpoints}/{plan.name}")
            self._running[plan.name] = (
                plan.transform(self._records(plan))
                .writeStream.queryName(plan.name)
                .outputMode("update")
                .foreachBatch(plan.sink)
                .option("checkpointLocation", f"{self._checkpoints}/{plan.name}")
                .trigger(processingTime=f"{plan.every_s} seconds")
                .start()
            )
            log.info("query %s started", plan.name)
        except (PySparkException, Py4JJavaError) as error:
            self._running[plan.name] = words(error)

    def _sweep(self, checkpoint: str) -> None:
        sweep_unbegun(self._spark, checkpoint)

    def _records(self, plan: QueryPlan) -> DataFrame:
        return self._read(self._spark, self._settings, plan.stream, plan.first_bytes, None)

    def _keep_up(self, name: str) -> None:
        query = self._running[name]
        if not isinstance(query, str) and query.isActive:
            self._publish(name)
            return
        trouble = query if isinstance(query, str) else _why(query)
        self._failures[name] = failures = self._failures.get(name, 0) + 1
        log.error("query %s failed (%d in a row): %s", name, failures, trouble)
        self._publish(name, trouble)
        if failures >= MAX_FAILURES or DataLoss.__name__ in trouble:  # what is lost does not come back by trying again
            raise StreamError(f"the query {name} failed {failures} times in a row, last with: {trouble}")
        self._stop.wait(min(30.0, 0.5 * 2**failures))
        if not self._stop.is_set():
            self._start(self._plans[name])

    def _publish(self, name: str, trouble: str | None = None) -> None:
        query, report = self._running.get(name), self._reports.get(name, {})
        final = self._final.setdefault(name, set())
        final.update(report.get("final", ()))
        progress = query.lastProgress if isinstance(query, StreamingQuery) and query.isActive else None
        status.publish(
            self._state,
            name,
            {
                "state": "failed" if trouble else "running",
                "trouble": trouble,
                "failures": self._failures.get(name, 0),
                "progress": _slim(json.loads(progress.json)) if progress is not None else None,
                **report,
                "final": sorted(final),
            },
        )


def sweep_unbegun(spark: SparkSession, checkpoint: str) -> None:
    """Remove what a process that was killed while it wrote its first batch's offsets left in the query's `checkpoint`.

    Spark writes them to a hidden file and renames it. It refuses to start a query without a batch beside such a file, for good
    (`spark.sql.streaming.verifyCheckpointDirectoryEmptyOnStart`: state without offsets would count twice, which this is not).
    """
    jvm = spark._jvm
    assert jvm is not None
    folder = jvm.org.apache.hadoop.fs.Path(f"{checkpoint}/offsets")
    files = folder.getFileSystem(spark._jsparkSession.sessionState().newHadoopConf())
    found = [each.getPath() for each in files.listStatus(folder)] if files.exists(folder) else []
    if found and all(path.getName().startswith(".") for path in found):
        for path in found:
            log.warning("removed %s: a process ended while it wrote it", path)
            files.delete(path, False)


def refuse_lost_engine(error: Exception) -> None:
    """Raise EngineLost when there is no JVM any more behind a call that failed."""
    process = getattr(SparkContext._gateway, "proc", None)
    if process is None:
        return
    try:
        code = process.wait(ENDING_S)
    except TimeoutExpired:
        return
    raise EngineLost(
        f"Spark's JVM ended with exit status {code} while its queries ran: start again, they go on from their checkpoints"
    ) from error


def _ended(query: StreamingQuery) -> int | None:
    """The newest batch that is through."""
    progress = query.lastProgress
    return None if progress is None else progress.batchId


def _why(query: StreamingQuery) -> str:
    error: PySparkException | None
    try:
        error = query.exception()
    except PySparkException as raised:
        error = raised
    return words(error) if error is not None else "it ended without an error"


def words(error: Exception) -> str:
    """What an error says, without its stack."""
    text = str(error)
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    return " ".join(lines)[-2000:]


def _slim(progress: dict[str, Any]) -> dict[str, Any]:
    names = ("batchId", "timestamp", "numInputRows", "inputRowsPerSecond", "processedRowsPerSecond", "durationMs", "batchDuration")
    # The offset is what the API measures each shard's lag from.
    offsets = [source["endOffset"] for source in progress.get("sources", ()) if source.get("endOffset")]
    return {**{name: progress[name] for name in names if name in progress}, "offset": offsets[0] if offsets else None}
