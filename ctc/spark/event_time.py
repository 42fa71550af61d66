"""The detectors over trades in the order of the exchanges' own times: what came late, was back-filled or is history counts in its window.

There is no log then, so three things differ from log order (docs/LAKEHOUSE.md):
- heartbeats name no ids, since nothing is waited for;
- a venue also counts as connected where its ids show that nothing is missing, whatever its connection was;
- seconds without a heartbeat (a producer that was away, days that are history alone) get one, by the producer `event-time`.
Alerts keep the place in the log of the trade that fired them; trades of the history have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession

from ctc.aws.log import SPACE, Span, skipped_ids
from ctc.codec import Line
from ctc.detect import ALL_DETECTORS, Outcomes, SymbolFold
from ctc.detect.clock import SECOND_US
from ctc.model import Alert, Heartbeat, Position, Trade, VenueMark, from_us, space_names, to_us
from ctc.quality.dedup import is_dense
from ctc.schema import GAPS
from ctc.settings import Settings
from ctc.spark.batch import OUTCOMES, Place, by_symbol, packed, read_table, rows_in

PRODUCER = "event-time"
SILENT_US = 2 * SECOND_US  # without a heartbeat: longer than a producer that is there ever takes
SKIPPED = "key string, before long, after long, since long, until long"
Hole = tuple[int, int]  # microseconds of the trades on either side of ids that are missing
Holes = dict[str, list[Hole]]  # by symbol and space, as in `BTC-USDT|binance|spot|BTCUSDT|aggTrade`


def outcomes_by_event_time(spark: SparkSession, settings: Settings, span: Span, detectors: frozenset[str] = ALL_DETECTORS) -> DataFrame:
    """Rows of `OUTCOMES`, as `outcomes_of` gives them for log order."""
    until_us = None if span.until is None else to_us(span.until)
    function = partial(_fold, settings, detectors, holes_of(spark, settings, span), until_us)
    return by_symbol(spark, settings, msgspec.structs.replace(span, order="event-time"), function, OUTCOMES)


def holes_of(spark: SparkSession, settings: Settings, span: Span) -> Holes:
    """When ids of a dense space are missing that its exchange does have, by symbol and space."""
    natural: dict[str, list[tuple[int, int]]] = {}
    for row in (
        read_table(spark, settings, GAPS, msgspec.structs.replace(span, since=None, until=None, versions={}))
        .where("state = 'natural'")
        .select("symbol", *SPACE, "first_id", "last_id")
        .collect()
    ):
        natural.setdefault("|".join(row[:5]), []).append((row.first_id, row.last_id))
    found: Holes = {}
    for row in by_symbol(spark, settings, span, _dense_holes, SKIPPED, read=skipped_ids).collect():
        if not _covered(natural.get(row.key, ()), row.before + 1, row.after - 1):
            found.setdefault(row.key, []).append((row.since, row.until))
    return found


def _dense_holes(symbol: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Rows of `SKIPPED`: of the spaces whose ids follow each other where nothing is missing."""
    for batch in batches:
        keys = ["|".join(names) for names in zip(*(batch.column(name).to_pylist() for name in SPACE), strict=True)]
        dense = pa.array([is_dense(key) for key in keys], pa.bool_())
        named = pa.array([f"{symbol}|{key}" for key in keys], pa.string())
        sides = (batch.column(name) for name in ("before", "after", "since", "until"))
        yield pa.RecordBatch.from_arrays([named, *sides], names=["key", "before", "after", "since", "until"]).filter(dense)


def _covered(spans: Iterable[tuple[int, int]], first: int, last: int) -> bool:
    """Whether every id from first to last is in the spans."""
    for low, high in sorted(spans):
        if low <= first <= high:
            first = high + 1
    return first > last


class Clockwork:
    """One symbol's heartbeats in event time: the recorded ones without ids, and one a second where there is none."""

    def __init__(self, symbol: str, holes: Mapping[str, list[Hole]]) -> None:
        self._symbol = symbol
        self._holes = holes
        self._last_us: int | None = None
        self._spaces: set[str] = set()
        self._peg: Any = None

    def trade(self, trade: Trade) -> Iterator[Heartbeat]:
        """The heartbeats that are due before this trade."""
        yield from self._until(to_us(trade.timestamp) - SILENT_US)
        if self._last_us is None:
            self._last_us = to_us(trade.timestamp) // SECOND_US * SECOND_US
        self._spaces.add(trade.space)

    def beat(self, beat: Heartbeat) -> Iterator[Heartbeat]:
        """A recorded one, after those that are due before it."""
        at = to_us(beat.heartbeat)
        yield from self._until(at - SILENT_US)
        if beat.peg is not None:
            self._peg = beat.peg
        self._last_us = at if self._last_us is None else max(self._last_us, at)
        marks = (
            msgspec.structs.replace(venue, connected=venue.connected or self._whole(venue.space, at), last_id=None, holes=())
            for venue in beat.venues
        )
        yield msgspec.structs.replace(beat, venues=tuple(marks))

    def end(self, until_us: int | None) -> Iterator[Heartbeat]:
        """Those that close the windows up to a moment that all data is asked for; none where that is not said."""
        if until_us is not None:
            yield from self._until(until_us)

    def _until(self, border_us: int) -> Iterator[Heartbeat]:
        if self._last_us is None or border_us - self._last_us < SECOND_US:
            return
        for at in range(self._last_us // SECOND_US * SECOND_US + SECOND_US, border_us + 1, SECOND_US):
            marks = (_mark(space, self._whole(space, at)) for space in sorted(self._spaces))
            yield Heartbeat(heartbeat=from_us(at), symbol=self._symbol, producer=PRODUCER, venues=tuple(marks), peg=self._peg)
            self._last_us = at

    def _whole(self, space: str, at: int) -> bool:
        """Whether no id of the second that ends then is missing; of ids that are not dense, and before the first, nobody knows."""
        if space not in self._spaces or not is_dense(space):
            return False
        return not any(start < at and at - SECOND_US < end for start, end in self._holes.get(f"{self._symbol}|{space}", ()))


def _mark(space: str, whole: bool) -> VenueMark:
    exchange, market, native, kind = space_names(space)
    return VenueMark(exchange=exchange, market=market, native_symbol=native, kind=kind, connected=whole, last_id=None)


class Places:
    """Numbers lines in event time, and gives alerts back the place in the log of the line that fired them."""

    def __init__(self) -> None:
        self._count = 0
        self._here: dict[int, Place] = {}
        self._open: dict[str, Place] = {}

    def next(self, place: Place) -> Position:
        self._count += 1
        self._here[self._count] = place
        return Position("", self._count, 0)

    def restore(self, alerts: Iterable[Alert]) -> list[Alert]:
        """The alerts of the lines since the last call."""
        found = []
        for alert in alerts:
            if alert.sequence_number is not None:
                place = self._here.get(int(alert.sequence_number)) or self._open[alert.alert_id]
                self._open[alert.alert_id] = place
                if alert.final:
                    del self._open[alert.alert_id]
                shard, number, position = place
                alert = msgspec.structs.replace(alert, shard=shard, sequence_number=number, position=position)
            found.append(alert)
        self._here.clear()
        return found


class _Symbol:
    """One symbol's fold with its clockwork."""

    def __init__(self, symbol: str, settings: Settings, detectors: frozenset[str], holes: Holes) -> None:
        self.symbol = symbol
        self._fold = SymbolFold(symbol, settings, detectors)
        self._clockwork, self._places = Clockwork(symbol, holes), Places()

    def take(self, rows: Iterable[tuple[Place, Line]]) -> pa.RecordBatch:
        pairs: list[tuple[Position, Line]] = []
        for place, line in rows:
            if isinstance(line, Trade):
                pairs += self._beats(self._clockwork.trade(line))
                pairs.append((self._places.next(place), line))
            elif isinstance(line, Heartbeat):
                pairs += self._beats(self._clockwork.beat(line))
        return self._said(pairs)

    def end(self, until_us: int | None, lateness: timedelta) -> pa.RecordBatch:
        closing = None if until_us is None else until_us + lateness // timedelta(microseconds=1) + SECOND_US
        return self._said(self._beats(self._clockwork.end(closing)))

    def _beats(self, beats: Iterable[Heartbeat]) -> list[tuple[Position, Line]]:
        return [(self._places.next((None, None, None)), beat) for beat in beats]

    def _said(self, pairs: list[tuple[Position, Line]]) -> pa.RecordBatch:
        said: Outcomes = self._fold.take(pairs)
        return packed(self.symbol, msgspec.structs.replace(said, alerts=self._places.restore(said.alerts)))


def _fold(
    settings: Settings, detectors: frozenset[str], holes: Holes, until_us: int | None, symbol: str, batches: Iterable[pa.RecordBatch]
) -> Iterator[pa.RecordBatch]:
    fold = _Symbol(symbol, settings, detectors, holes)
    for batch in batches:
        yield fold.take(rows_in(symbol, batch))
    yield fold.end(until_us, timedelta(seconds=settings.folds.lateness_s))
