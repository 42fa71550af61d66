"""The batch side without a JVM: sorted lines as Arrow batches, cut anywhere, give what the reference gives."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from batch_rows import LINES, row, unique
from hypothesis import given, settings
from hypothesis import strategies as st
from log_strategies import MINUTE, SYMBOL, T0, Log, Tape, logs, small_settings
from pyspark import cloudpickle

from ctc.aws.log import READ, WARM_UP, Span
from ctc.detect import ALL_DETECTORS
from ctc.model import Trade, from_us
from ctc.schema import ANOMALIES, SPREADS, VOLUME_AGGREGATES, Table
from ctc.spark.batch import finder, folder, rows_in
from sim.compare import compare_lake, compare_rows, newest
from sim.reference import Result, reference

SMALL = small_settings()


def batches(rows: list[dict[str, Any]], rng: random.Random) -> Iterator[pa.RecordBatch]:
    while rows:
        size = rng.choice([1, 3, 20, 500])
        yield pa.RecordBatch.from_pylist(rows[:size], schema=LINES)
        rows = rows[size:]


def found_in(rows: list[dict[str, Any]], table: Table, span: Span, seed: int = 0) -> list[dict[str, Any]]:
    outcomes = folder(SMALL, ALL_DETECTORS)(SYMBOL, batches(rows, random.Random(seed)))
    packed = [batch.select(["outcomes"]) for batch in outcomes]
    return [each for batch in finder(table, span)(packed) for each in batch.to_pylist()]


def differences(rows: list[dict[str, Any]], result: Result, span: Span, seed: int) -> list[str]:
    """What is not exactly the reference's in the three tables."""
    wanted = newest(alert for alert in result.alerts if alert.final)
    bars = [msgspec.structs.asdict(bar) for bar in result.bars]
    spreads = [msgspec.structs.asdict(spread) for spread in result.spreads]
    checks = (
        compare_lake(wanted, found_in(rows, ANOMALIES, span, seed)),
        compare_rows("bars", ("exchange", "symbol", "window_start"), bars, found_in(rows, VOLUME_AGGREGATES, span, seed)),
        compare_rows("spreads", ("symbol", "window_start"), spreads, found_in(rows, SPREADS, span, seed)),
    )
    return [line for check in checks for line in check.sentences()]


@settings(max_examples=40, deadline=None)
@given(logs(max_minutes=10), st.integers(0, 1_000))
def test_batch_says_what_the_reference_says_wherever_spark_cuts(log: Log, seed: int) -> None:
    kept = unique(log)
    assert differences([row(*entry) for entry in kept], reference(kept, SYMBOL, SMALL), Span(), seed) == []


def test_rows_of_a_batch_are_those_that_arrow_has_value_by_value() -> None:
    """Some without a place, as history is; cut out of a larger batch."""
    noise, tape = random.Random(3), Tape()
    for second in range(40):
        tape.trade(second + noise.random(), f"{noise.randrange(1, 10**9)}.000000000000000001", "2", noise.choice(["binance", "coinbase"]))
        tape.beat(second + 1, peg="1.0001" if second % 2 else None)
    given = [row(*entry) for entry in tape.log]
    for each in given[::3]:
        each |= {"shard": None, "sequence_number": None, "position": None}
    batch = pa.RecordBatch.from_pylist(given, schema=LINES).slice(3)
    for (place, each), wanted, (_, line) in zip(rows_in(SYMBOL, batch), batch.to_pylist(), tape.log[3:], strict=True):
        assert (each.symbol, *place) == (SYMBOL, wanted["shard"], wanted["sequence_number"], wanted["position"])
        names = READ if isinstance(line, Trade) else ("heartbeat", "producer", "venues", "peg", "final")
        assert [getattr(each, name) for name in names] == [getattr(line, name) for name in names]


def test_batch_of_a_part_says_what_the_whole_says_there() -> None:
    """Warmed up for 65 minutes, a part has the same bars, baselines and scores as the whole."""
    noise, tape = random.Random(5), Tape()
    for second in range(0, 200 * 60, 5):
        for exchange in ("binance", "coinbase"):
            tape.trade(second + noise.random(), str(noise.randrange(9_900, 10_100) / 100), str(noise.randrange(1, 500) / 100), exchange)
        tape.beat(second + 5, peg="1.0001")
    rows = [row(*entry) for entry in tape.log]
    since, until = from_us(T0 + 120 * MINUTE), from_us(T0 + 150 * MINUTE)
    span = Span(since=since, until=until)
    begin, end = since - WARM_UP, until + timedelta(minutes=2)
    part = [each for each in rows if begin <= (each.get("trade") or each["beat"])["timestamp"] < end]
    assert len(part) < len(rows) / 1.8
    for table, time in ((ANOMALIES, "window_start"), (VOLUME_AGGREGATES, "window_start"), (SPREADS, "window_start")):
        whole = [each for each in found_in(rows, table, Span()) if since <= (each[time] or each["timestamp"]) < until]
        assert found_in(part, table, span, 9) == whole
        assert whole, table.name


@pytest.mark.parametrize("minutes", [0, 1])
def test_batch_span_holds_its_start_and_not_its_end(minutes: int) -> None:
    moment = from_us(T0)
    span = Span(since=moment, until=moment + timedelta(minutes=minutes))
    assert span.holds(moment) is (minutes > 0)
    assert not span.holds(moment + timedelta(minutes=minutes))
    assert not span.holds(moment - timedelta(microseconds=1))


def test_batch_functions_reach_a_task_by_name() -> None:
    for function in (folder(SMALL, ALL_DETECTORS), finder(ANOMALIES, Span())):
        assert len(cloudpickle.dumps(function)) < 10_000
