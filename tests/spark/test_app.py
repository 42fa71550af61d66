"""How queries are kept up, with Spark's part played by stand-ins; the fault `disk_full` does it to the real one."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyspark.errors import AnalysisException, StreamingQueryException
from pyspark.sql import DataFrame, SparkSession

from ctc import status
from ctc.errors import StreamError
from ctc.settings import Settings, load_profile
from ctc.spark.app import MAX_FAILURES, QueryPlan, StreamingApp, sweep_unbegun


class Engine:
    """A DataFrame, its writer and its query in one; `refuses` starts fail before one comes up, which ends the app's run."""

    status = {"isTriggerActive": False}  # noqa: RUF012
    lastProgress = None  # noqa: N815

    def __init__(self, refuses: int) -> None:
        self.refuses, self.starts = refuses, 0
        self.app: StreamingApp | None = None

    writeStream = property(lambda self: self)  # noqa: N815

    def __getattr__(self, name: str) -> Any:
        if name in ("queryName", "outputMode", "foreachBatch", "option", "trigger"):
            return lambda *_, **__: self
        raise AttributeError(name)

    @property
    def isActive(self) -> bool:  # noqa: N802
        assert self.app is not None
        self.app.stop()
        return True

    def start(self) -> Engine:
        self.starts += 1
        if self.starts <= self.refuses:
            raise AnalysisException("java.io.IOException: No space left on device\n\tat some.Class.method(Class.java:1)")
        return self

    def stop(self) -> None: ...


class Busy(Engine):
    """A query whose batches follow each other without a pause that anybody could see: one has ended at every third look."""

    status = {"isTriggerActive": True}  # noqa: RUF012
    isActive = True  # noqa: N815

    def __init__(self) -> None:
        super().__init__(refuses=0)
        self.asked, self.stopped_in = 0, -1

    @property
    def lastProgress(self) -> SimpleNamespace | None:  # type: ignore[override]  # noqa: N802
        self.asked += 1
        assert self._batch < 5, "it was not stopped"
        return SimpleNamespace(batchId=self._batch - 1) if self._batch else None

    @property
    def _batch(self) -> int:
        return self.asked // 3

    def stop(self) -> None:
        self.stopped_in = self._batch


class App(StreamingApp):
    """Reads nothing, and does not wait between its tries."""

    def __init__(self, settings: Settings, state: Path, engine: Engine) -> None:
        super().__init__(None, settings, state, lambda *_: engine)  # type: ignore[arg-type, return-value]
        engine.app = self

    def _sweep(self, checkpoint: str) -> None: ...


@pytest.fixture
def signals() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def plan() -> QueryPlan:
    return QueryPlan("lake", "trades", lambda records: records, lambda batch, batch_id: None, 1)


@pytest.mark.usefixtures("signals")
def test_query_that_fails_at_its_start_is_started_again(tmp_path: Path) -> None:
    engine = Engine(refuses=1)
    App(load_profile("sim"), tmp_path, engine).run([plan()])
    assert engine.starts == 2
    said = status.read(tmp_path, "lake")
    assert said is not None
    assert (said["failures"], said["state"]) == (1, "running")


@pytest.mark.usefixtures("signals")
def test_query_that_can_never_be_started_ends_the_process_with_its_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = Engine(refuses=1000)
    app = App(load_profile("sim"), tmp_path, engine)
    monkeypatch.setattr(app._stop, "wait", lambda _: False)
    with pytest.raises(StreamError, match=f"{MAX_FAILURES} times in a row, last with: .*No space left on device$"):
        app.run([plan()])
    said = status.read(tmp_path, "lake")
    assert said is not None
    assert said["state"] == "failed"


@pytest.mark.usefixtures("signals")
def test_symbols_that_ended_stay_ended_for_the_process_that_comes_after(tmp_path: Path) -> None:
    first = App(load_profile("sim"), tmp_path, Engine(refuses=0))
    first.report("lake", {"final": ["BTC-USDT"], "batch": 7})
    second = App(load_profile("sim"), tmp_path, Engine(refuses=0))
    second.run([plan()])
    said = status.read(tmp_path, "lake")
    assert said is not None
    assert said["final"] == ["BTC-USDT"]
    second.report("lake", {"final": ["ETH-USDT"], "batch": 8})
    said = status.read(tmp_path, "lake")
    assert said is not None
    assert (said["final"], said["batch"]) == (["BTC-USDT", "ETH-USDT"], 8)


@pytest.mark.parametrize("before", [0, 3])
def test_query_that_never_pauses_is_stopped_when_the_batch_that_runs_has_ended(tmp_path: Path, before: int) -> None:
    engine = Busy()
    engine.asked = before
    App(load_profile("sim"), tmp_path, engine)._stop_between_batches(engine)  # type: ignore[arg-type]
    assert engine.stopped_in == before // 3 + 1


@pytest.mark.spark
def test_query_starts_beside_what_a_killed_process_left_of_its_first_offsets(spark: SparkSession, tmp_path: Path) -> None:
    offsets = tmp_path / "checkpoint" / "offsets"
    offsets.mkdir(parents=True)
    left = offsets / ".0.2f0d7a4e-5c1b-4b7e-9d55-2f3f8c9a1b10.tmp"  # as Spark names them
    left.write_text("v1\n{")

    def counted() -> int:
        seen = 0

        def sink(batch: DataFrame, batch_id: int) -> None:
            nonlocal seen
            seen += batch.count()

        writer = spark.readStream.format("rate-micro-batch").option("rowsPerBatch", "5").load().writeStream
        query = writer.foreachBatch(sink).option("checkpointLocation", str(offsets.parent)).trigger(once=True).start()
        query.awaitTermination()
        return seen

    with pytest.raises(StreamingQueryException, match="should be empty on batch 0"):
        counted()
    sweep_unbegun(spark, str(offsets.parent))
    assert not left.exists()
    assert counted() == 5
    sweep_unbegun(spark, str(offsets.parent))
    assert (offsets / "0").exists()
