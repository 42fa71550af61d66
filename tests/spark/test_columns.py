"""Columns say what lines say: the same log through `ColumnFold` and `SymbolFold`, cut anywhere."""

from __future__ import annotations

import random
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from batch_rows import LINES, row
from hypothesis import given, settings
from hypothesis import strategies as st
from log_strategies import SYMBOL, Log, Tape, logs, small_settings

from ctc.codec import Line
from ctc.detect import ALL_DETECTORS, SymbolFold, columns
from ctc.detect.columns import ColumnFold, Columns
from ctc.model import Heartbeat, Position, Trade
from ctc.settings import Settings
from ctc.spark.batch import ArrowColumns

SMALL = small_settings()


class Counting(ColumnFold):
    """Counts the lines that are taken as columns."""

    plain = 0

    def _take_plain(self, columns: Columns, start: int, end: int) -> None:
        self.plain += end - start
        super()._take_plain(columns, start, end)


def pieces(log: Log, rng: random.Random, sizes: tuple[int, ...] = (1, 3, 20, 200, 2_000)) -> Iterator[Log]:
    while log:
        size = rng.choice(sizes)
        yield log[:size]
        log = log[size:]


def compared(log: Log, seed: int, detectors: frozenset[str] = ALL_DETECTORS, chosen: Settings = SMALL) -> tuple[int, int]:
    """How many lines there were, and how many were taken as columns; what is said of each piece is the same to the last field."""
    lines = [(place, line) for place, line in sorted(log, key=lambda entry: entry[0]) if isinstance(line, Trade | Heartbeat)]
    by_line, by_column = SymbolFold(SYMBOL, chosen, detectors), Counting(SYMBOL, chosen, detectors, shortest=1)
    for piece in pieces(lines, random.Random(seed)):
        batch = pa.RecordBatch.from_pylist([row(*entry) for entry in piece], schema=LINES)
        wanted, found = by_line.take(stored(piece)), by_column.take_columns(ArrowColumns(SYMBOL, batch))
        assert msgspec.to_builtins(found) == msgspec.to_builtins(wanted)
    assert state_of(by_column) == state_of(by_line)
    return len(lines), by_column.plain


def stored(piece: Log) -> list[tuple[Position, Line]]:
    """The lines with amounts as the lake gives them, 18 places each."""
    places = Decimal("1E-18")

    def kept(line: Line) -> Line:
        if not isinstance(line, Trade):
            peg = line.peg if isinstance(line, Heartbeat) else None
            return line if peg is None else msgspec.structs.replace(line, peg=peg.quantize(places))
        amounts = {name: getattr(line, name).quantize(places) for name in ("price", "quantity", "quote_volume")}
        return msgspec.structs.replace(line, **amounts)

    return [(place, kept(line)) for place, line in piece]


def state_of(fold: SymbolFold) -> Any:
    """What a fold remembers, but for milliseconds of whales: columns keep none that can't grow any more."""
    dedup, (_, *whales), *rest = msgspec.msgpack.decode(fold.dump(), strict=False)
    return dedup, whales, rest


@settings(max_examples=150, deadline=None)
@given(logs(max_minutes=10), st.integers(0, 1_000))
def test_columns_say_what_lines_say_wherever_they_are_cut(log: Log, seed: int) -> None:
    compared(log, seed)


@pytest.mark.parametrize("detector", sorted(ALL_DETECTORS))
@settings(max_examples=20, deadline=None)
@given(log=logs(max_minutes=5), seed=st.integers(0, 1_000))
def test_one_detector_alone_says_the_same_by_columns(detector: str, log: Log, seed: int) -> None:
    compared(log, seed, frozenset({detector}))


def busy(seed: int, minutes: int = 90) -> Tape:
    """A market with spikes, whales in one print and in several, a quiet venue, trades out of order, and few holes."""
    noise, tape = random.Random(seed), Tape()
    for second in range(minutes * 60):
        loud = 40 if second // 60 % 17 == 16 else 1
        for _ in range(noise.choice([0, 1, 2, 5])):
            at, exchange = second + noise.random(), noise.choice(["binance", "binance", "coinbase"])
            price = str(noise.randrange(9_900, 10_100) / 100)
            for _ in range(noise.choice([1, 1, 1, 3])):
                tape.trade(at, price, str(noise.randrange(1, 500) * loud / 100), exchange)
        if noise.random() < 0.001:
            tape.trade(second - 200, "100", "1")  # late
        tape.beat(second + 1, peg="1.0001" if second % 3 else None)
    return tape


@pytest.mark.parametrize("seed", range(4))
def test_nearly_all_of_a_market_is_taken_as_columns(seed: int) -> None:
    lines, plain = compared(busy(seed).log, seed)
    assert plain > 0.8 * lines > 5_000


def test_beside_a_detector_that_takes_no_sums_every_line_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "COLUMNAR", frozenset({"volume", "whales"}))
    assert compared(busy(4, minutes=10).log, 4)[1] == 0
    assert compared(busy(4, minutes=10).log, 4, frozenset({"volume", "whales"}))[1] > 0
