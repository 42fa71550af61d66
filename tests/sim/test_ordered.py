"""The comparison at a session's end: the same verdict as one that holds everything, in memory that does not grow."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.compare import NAMED, TapeTrade, TradeCheck, compare_sorted, compare_trades
from sim.external_sort import in_order
from sim.ordered import sorted_tape

T0 = datetime(2026, 1, 15, 12, tzinfo=UTC)
AMOUNTS = [Decimal(1), Decimal("1.50"), Decimal("12345678901234567890.123456789012345678"), Decimal("1E-30"), Decimal("9" * 40)]
TRADES = st.builds(
    TapeTrade,
    st.sampled_from(["binance", "coinbase"]),
    st.sampled_from(["BTCUSDT", "BTC-USD", "BTCUSDTÄ"]),
    st.sampled_from(["trade", "aggTrade"]),
    st.one_of(st.integers(0, 5), st.just((1 << 63) - 1)),
    st.sampled_from(AMOUNTS),
    st.sampled_from(AMOUNTS),
    st.sampled_from(["buy", "sell"]),
    st.sampled_from([T0, T0 + timedelta(microseconds=1)]),
)


def held(tape: list[TapeTrade], lake: list[TapeTrade]) -> TradeCheck:
    """The verdict the plain way."""
    due = {trade.key: trade for trade in tape}
    first = {row.key: row for row in reversed(lake)}
    wrong = [row for key, row in first.items() if key in due and due[key] != row]
    return TradeCheck(
        tape=len(due),
        lake=len(lake),
        missing=len(due.keys() - first.keys()),
        extra=len(first.keys() - due.keys()),
        doubled=len(lake) - len(first),
        different=len(wrong),
    )


@given(st.lists(TRADES, max_size=30), st.lists(TRADES, max_size=30))
def test_comparison_in_order_says_what_one_that_holds_all_says(tape: list[TapeTrade], lake: list[TapeTrade]) -> None:
    check = compare_trades(tape, lake)
    assert TradeCheck(**{name: getattr(check, name) for name in TradeCheck.__struct_fields__ if name != "first"}) == held(tape, lake)
    assert len(check.first) == min(NAMED, check.missing + check.extra + check.doubled + check.different)
    assert compare_trades(tape, list({trade.key: trade for trade in tape}.values())).exact


ROWS = st.lists(st.tuples(st.sampled_from(["a", "b", "ä", "aa"]), st.integers(-3, 3), st.integers()), max_size=30)


@settings(max_examples=100, deadline=None)  # each writes files
@given(ROWS, st.integers(1, 40), st.integers(1, 8))
def test_rows_come_in_order_however_many_runs_they_are_sorted_in(rows: list[tuple[str, int, int]], run: int, size: int) -> None:
    rows = [(text, number, value % 1000) for text, number, value in rows]
    schema = pa.schema([("text", pa.string()), ("number", pa.int64()), ("value", pa.int64())])
    parts = [rows[start : start + size] for start in range(0, len(rows), size)]
    batches = [pa.RecordBatch.from_arrays([pa.array(column) for column in zip(*part, strict=True)], schema=schema) for part in parts]
    with TemporaryDirectory() as folder:
        found = list(in_order(batches, ("text", "number", "value"), Path(folder), run))
        assert list(Path(folder).iterdir()) == []
    assert found == sorted(rows)


@settings(max_examples=100, deadline=None)  # each writes files
@given(st.lists(TRADES, max_size=30))
def test_order_keeps_every_field_of_every_trade(trades: list[TapeTrade]) -> None:
    with TemporaryDirectory() as folder:
        found = list(sorted_tape(trades, Path(folder)))
    assert [trade.key for trade in found] == sorted(trade.key for trade in trades)
    assert sorted(map(repr, found)) == sorted(map(repr, trades)), "digit for digit"


def many(count: int, step: int = 1) -> Iterator[TapeTrade]:
    for number in range(0, count, step):
        yield TapeTrade("binance", "BTCUSDT", "aggTrade", number, Decimal(number), Decimal(1), "buy", T0)


def test_order_and_comparison_hold_a_few_trades_at_a_time(tmp_path: Path) -> None:
    peaks = []
    for count in (40_000, 80_000):
        tracemalloc.start()
        check = compare_sorted(sorted_tape(many(count), tmp_path), many(count, step=2))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert (check.tape, check.lake, check.missing, len(check.first)) == (count, count // 2, count // 2, NAMED)
    assert peaks[1] < 1.2 * peaks[0]
