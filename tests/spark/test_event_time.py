"""Event time without a JVM: what is late, filled in or history alone gives the bars and alerts of a log that nothing befell."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pytest
from log_strategies import MINUTE, SYMBOL, T0, Log, Tape, small_settings, space_of
from test_batch import LINES, found_in, row

from ctc.aws.log import Span
from ctc.detect import ALL_DETECTORS
from ctc.detect.comparison import FOUND_BY
from ctc.model import Trade, from_us, to_us
from ctc.schema import ANOMALIES, SPREADS, VOLUME_AGGREGATES, Table
from ctc.spark.batch import finder
from ctc.spark.event_time import Holes, _fold

SMALL = small_settings()
Rows = list[dict[str, Any]]


def market(seed: int = 3, minutes: int = 30) -> Tape:
    """Both venues trade every few seconds; a spike, a whale, a split order and venues apart among them."""
    noise, tape = random.Random(seed), Tape()
    for second in range(minutes * 60):
        for exchange in ("binance", "coinbase"):
            if noise.random() < 0.3:
                apart = 3 if exchange == "binance" and second // 60 == 20 else 0
                size = 40 if second // 60 == 15 else 1
                quantity = "20" if noise.random() < 0.002 else str(noise.randrange(1, 100) * size / 100)
                tape.trade(
                    second + 0.1 + noise.randrange(700) / 1000, str(noise.randrange(9_990, 10_010) / 100 + apart), quantity, exchange
                )
        if second == 600:
            for _ in range(2):
                tape.trade(second + 0.9, "100", "7")
        tape.beat(second + 1, peg="1.0001")
    return tape


def by_time(rows: Rows, table: Table, holes: Holes | None = None, until_us: int | None = None, seed: int = 0) -> Rows:
    ordered, rng = sorted(rows, key=_key), random.Random(seed)
    pieces = []
    while ordered:
        size = rng.choice([1, 7, 300])
        pieces.append(pa.RecordBatch.from_pylist(ordered[:size], schema=LINES))
        ordered = ordered[size:]
    packed = [batch.select(["outcomes"]) for batch in _fold(SMALL, ALL_DETECTORS, holes or {}, until_us, SYMBOL, pieces)]
    return [each for batch in finder(table, Span())(packed) for each in batch.to_pylist()]


def _key(line: dict[str, Any]) -> tuple[Any, ...]:
    trade, beat = line.get("trade"), line.get("beat")
    if trade is None:
        return beat["timestamp"], 0, beat["producer"], 0
    return trade["timestamp"], 1, trade["exchange"], trade["trade_id"]


def without_place(rows: Iterable[dict[str, Any]]) -> list[str]:
    return sorted(str({name: value for name, value in each.items() if name not in FOUND_BY}) for each in rows)


def rows_of(log: Log) -> Rows:
    return [row(*entry) for entry in log]


@pytest.mark.parametrize("table", [ANOMALIES, VOLUME_AGGREGATES, SPREADS], ids=lambda table: table.name)
@pytest.mark.parametrize("seed", [3, 4])
def test_log_that_nothing_befell_says_the_same_in_event_time(table: Table, seed: int) -> None:
    rows = rows_of(market(seed).log)
    wanted = found_in(rows, table, Span())
    assert len(wanted) > 3
    found = by_time(rows, table)
    assert without_place(found) == without_place(wanted)
    if table is ANOMALIES:
        places = {(each["alert_id"], each["shard"], each["sequence_number"], each["position"]) for each in wanted}
        assert {(each["alert_id"], each["shard"], each["sequence_number"], each["position"]) for each in found} == places


@pytest.mark.parametrize("table", [ANOMALIES, VOLUME_AGGREGATES, SPREADS], ids=lambda table: table.name)
def test_what_history_fills_in_counts_as_if_it_had_come(table: Table) -> None:
    whole = market()
    away = range(10 * 60, 12 * 60 + 20)  # seconds that Binance's socket missed, with the split order
    wanted = found_in(rows_of(whole.log), table, Span())
    rows: Rows = []
    for place, line in whole.log:
        mine = row(place, line)
        second = (to_us(line.timestamp if isinstance(line, Trade) else line.heartbeat) - T0) // 1_000_000
        if isinstance(line, Trade) and line.exchange == "binance" and second in away:
            mine |= {"shard": None, "sequence_number": None, "position": None}  # merged by the job `history`
        elif not isinstance(line, Trade) and second in away:
            venues = mine["beat"]["venues"].replace('"connected":true', '"connected":false', 1)
            assert venues != mine["beat"]["venues"]
            mine["beat"]["venues"] = venues
        rows.append(mine)
    assert without_place(by_time(rows, table)) == without_place(wanted)
    # Where ids are missing still, the venue was away.
    missing = [each for each in rows if each["shard"] is not None]
    gap = {f"{SYMBOL}|{space_of('binance')}": [(T0 + away[0] * 1_000_000, T0 + (away[-1] + 1) * 1_000_000)]}
    assert without_place(by_time(missing, table, gap)) != without_place(wanted)
    if table is VOLUME_AGGREGATES:
        bars = {(each["exchange"], each["window_start"]): each["complete"] for each in by_time(missing, table, gap)}
        assert not bars.get(("binance", from_us(T0 + 11 * MINUTE)))
        assert bars["coinbase", from_us(T0 + 11 * MINUTE)]


def test_day_that_is_history_alone_has_its_bars_and_closes() -> None:
    whole = market()
    rows = [
        row(place, line) | {"shard": None, "sequence_number": None, "position": None}
        for place, line in whole.log
        if isinstance(line, Trade)
    ]
    until_us = T0 + 30 * MINUTE
    found = {(each["exchange"], each["window_start"]): each for each in by_time(rows, VOLUME_AGGREGATES, until_us=until_us)}
    wanted = {(each["exchange"], each["window_start"]): each for each in found_in(rows_of(whole.log), VOLUME_AGGREGATES, Span())}
    assert found.keys() >= wanted.keys()
    assert max(start for _, start in found) == from_us(until_us - MINUTE)
    sums = ("volume", "quote_volume", "trade_count")
    assert all(found[key][name] == wanted[key][name] for key in wanted for name in sums)
    assert all(each["complete"] for (_, start), each in found.items() if start > from_us(T0 + MINUTE))
    alerts = by_time(rows, ANOMALIES, until_us=until_us)
    whales = [each["alert_id"] for each in found_in(rows_of(whole.log), ANOMALIES, Span()) if each["type"] == "whale"]
    assert sorted(each["alert_id"] for each in alerts if each["type"] == "whale") == sorted(whales)
    assert all(each["shard"] is None for each in alerts)
