"""A batch is counted once, and what is away never stops the query that counts."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest
from fakes_hot import MemoryQuality
from samples_quality import a_sample, a_tally

from ctc.errors import CtcError, SetupError, StoreError
from ctc.quality.counts import QualityBatch, Totals
from ctc.spark.quality import QualitySink


class Table:
    """`TableAppender.append_once` in memory."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.last = -1

    def append_once(self, name: str, rows: pa.Table, *, query: str, run: str, batch_id: int) -> bool:
        assert (name, query, run) == ("quality", "lake", "r")
        if rows.num_rows == 0 or batch_id <= self.last:
            return False
        self.last = batch_id
        self.rows += rows.to_pylist()
        return True


class Board:
    """CloudWatch in memory: adds up whatever it is told."""

    def __init__(self) -> None:
        self.told: list[int] = []
        self.trouble: Exception | None = None

    def publish(self, totals: Totals) -> None:
        if self.trouble:
            raise self.trouble
        self.told.append(totals.processed)


class Hot(MemoryQuality):
    """The hot copy, which may be away."""

    trouble: CtcError | None = None

    def put(self, batch: QualityBatch) -> None:
        if self.trouble:
            raise self.trouble
        super().put(batch)


def until(condition: Callable[[], bool]) -> None:
    deadline, pause = time.monotonic() + 60, threading.Event()
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.01)


class Room:
    def __init__(self) -> None:
        self.table, self.hot, self.board = Table(), Hot(), Board()
        self.sink = self.again()

    def again(self) -> QualitySink:
        """A sink of a new process."""
        self.sink = QualitySink("lake", self.table, self.hot, self.board)  # type: ignore[arg-type]
        return self.sink

    def take(self, batch_id: int, processed: int) -> None:
        totals = Totals(processed=processed, passed=processed, failed=0, late=0, duplicates=0, arrived_us=1)
        tallies = [a_tally(0, processed)] if processed else []
        self.sink.take("r", batch_id, tallies, [a_sample(batch_id)], lambda: totals)

    def hot_processed(self) -> int:
        return sum(minute.processed for minute in self.hot.view().minutes)


def test_batch_that_comes_twice_counts_once_everywhere() -> None:
    room = Room()
    room.take(1, 10)
    until(lambda: room.board.told == [10])
    room.again()
    room.take(1, 10)
    room.take(2, 5)
    until(lambda: room.board.told == [10, 5])
    assert sum(row["records"] for row in room.table.rows if row["measure"] == "processed") == room.hot_processed() == 15
    until(lambda: room.sink.waiting == 0)


def test_batch_without_records_is_not_published() -> None:
    room = Room()
    room.take(1, 0)
    room.take(2, 3)
    until(lambda: room.board.told == [3])


@pytest.mark.parametrize("trouble", [SetupError("away"), StoreError("refused")])
def test_what_is_away_gets_its_batches_later_in_order(trouble: CtcError) -> None:
    room = Room()
    room.hot.trouble = room.board.trouble = trouble
    for batch_id in (1, 2, 3):
        room.take(batch_id, 10 * batch_id)
    assert room.sink.waiting == 3
    assert sum(row["records"] for row in room.table.rows if row["measure"] == "processed") == 60
    until(room.sink._publishing.done)
    room.hot.trouble = room.board.trouble = None
    room.take(4, 1)
    until(lambda: room.board.told == [10, 20, 30, 1])
    assert room.hot_processed() == 61
    until(lambda: room.sink.waiting == 0)


def test_mistake_in_publishing_is_told_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    room = Room()
    room.board.trouble = ValueError("a mistake of ours")
    room.take(1, 1)
    until(lambda: "a mistake of ours" in caplog.text)
    room.take(2, 2)
    assert room.hot_processed() == 3
