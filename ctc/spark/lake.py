"""The `lake` query: records to clean, unique rows of `raw_trades`, `wallet_trades` and `heartbeats`; refused lines to the dead letters.

One stateful operator, keyed by symbol, decodes each record once and hands on a few packed rows (Arrow), so that the
batch can be cached for three sinks at the price of its bytes. Each sink takes a batch at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from ctc.arrow import arrow_schema
from ctc.codec import read_record
from ctc.model import GapLedger, Heartbeat, IdSpan, Trade, space_names, to_us
from ctc.quality.counts import Tallies, Tally
from ctc.quality.dedup import Deduplicator, DedupState
from ctc.quality.ledger import Ledger
from ctc.quality.letters import Refused, symbol_of
from ctc.quality.rules import DUPLICATE, INCONSISTENT, LATE
from ctc.schema import GAPS, HEARTBEATS, RAW_TRADES, WALLET_TRADES, Table
from ctc.settings import Settings
from ctc.trade_rows import Placed, trade_columns, wallet_columns

# A packed row: what one symbol had in one batch (or a part of it, for large batches).
PACKED = (
    "symbol string, trades long, duplicates long, late long, inconsistent long, flagged long, heartbeats long, rejects long, "
    "final boolean, clock_us long, arrived_us long, trade_rows binary, heartbeat_rows binary, reject_rows binary, tallies binary, "
    "gap_rows binary, ledger binary, wallets long, wallet_rows binary"
)
CHUNK = 20_000  # trades a packed row at most
HEARTBEATS_ARROW = arrow_schema(HEARTBEATS)
GAPS_ARROW = arrow_schema(GAPS)
TRADES_DDL = ", ".join(f"`{column.name}` {column.type}" for column in RAW_TRADES.columns)
ROWS_OF = {RAW_TRADES.name: "trade_rows", WALLET_TRADES.name: "wallet_rows"}  # what Spark writes: too much for the driver

COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")  # the rows pass two pipes and a cache: a quarter of the bytes


class Spans:
    """Which of the kept trades arrived in which minute, as runs of them: flags are then counted by slices, not by trades."""

    def __init__(self) -> None:
        self._runs: list[tuple[Tally, int, int]] = []

    def end(self, tally: Tally, kept: int) -> None:
        """The trades since the last call, up to the `kept`th, belong to the tally."""
        start = self._runs[-1][2] if self._runs else 0
        if self._runs and self._runs[-1][0] is tally:
            start = self._runs.pop()[1]
        self._runs.append((tally, start, kept))

    def flag(self, columns: pa.RecordBatch, start: int) -> tuple[int, int, int]:
        """Count the rows that begin with the `start`th trade in their tallies; late, inconsistent and flagged ones of all."""
        late, inconsistent = columns.column("is_late"), columns.column("is_inconsistent")
        counts = (late.true_count, inconsistent.true_count)
        flagged = pc.or_(late, inconsistent)
        for tally, first, end in self._runs:
            low, high = max(first, start) - start, min(end, start + columns.num_rows) - start
            if high <= low:
                continue
            tally.kept += high - low
            tally.passed += high - low
            if any(counts):
                tally.broke(LATE, late.slice(low, high - low).true_count)
                tally.broke(INCONSISTENT, inconsistent.slice(low, high - low).true_count)
                tally.passed -= flagged.slice(low, high - low).true_count
        return *counts, flagged.true_count


@dataclass(slots=True)
class Taken:
    """What the records of one symbol in one batch were, as far as they have been read."""

    kept: list[Placed] = field(default_factory=list)
    beats: list[Placed] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)
    tallies: Tallies = field(default_factory=Tallies)
    spans: Spans = field(default_factory=Spans)


class LakeState(msgspec.Struct, frozen=True):
    """All that one symbol's lake fold remembers."""

    dedup: DedupState
    ledger: GapLedger


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(LakeState).decode


class LakeFold:
    """Decodes and deduplicates one symbol's records in log order; the same decisions as `detect`, by the same code."""

    def __init__(self, symbol: str, settings: Settings, state: bytes | None) -> None:
        self._symbol = symbol
        allowed = settings.session.symbols
        self._symbols = frozenset({symbol} if symbol in allowed else ())
        self._label = symbol_of(symbol, allowed)
        kept = _DECODE(state) if state else None
        self._dedup = Deduplicator(symbol, settings.folds.hole_patience_s, kept.dedup if kept else None)
        self._ledger = Ledger(settings.quality.halt_after_s, kept.ledger if kept else None)
        self._late_us = settings.quality.late_after_s * 1_000_000
        self._tolerance = settings.quality.consistency_pct / 100

    def dump(self) -> bytes:
        """The state to go on from."""
        return _ENCODE(LakeState(self._dedup.state, self._ledger.state))

    def take(self, records: list[tuple[str, str, bytes, int]]) -> Iterator[Row]:
        """Packed rows of records given as (shard, sequence number, data, arrival in microseconds)."""
        records.sort(key=lambda record: (record[0], int(record[1])))
        taken, before = Taken(), self._dedup.state.duplicates
        for record in records:
            self._read(taken, *record)
        arrived_us = max((record[3] for record in records), default=None)
        yield from self._packed(taken, self._dedup.state.duplicates - before, arrived_us)

    def _read(self, taken: Taken, shard: str, sequence_number: str, data: bytes, arrival_us: int) -> None:
        kept, beats, refused = taken.kept, taken.beats, taken.refused
        twice, letters = self._dedup.state.duplicates, len(refused)
        for line_number, line in enumerate(read_record(data, self._symbols)):
            if isinstance(line, Trade):
                if self._dedup.feed(line):
                    kept.append(Placed(line, shard, sequence_number, line_number))
                    self._ledger.trade(line)
            elif isinstance(line, Heartbeat):
                self._dedup.feed(line)
                self._note_gaps()
                self._note_holes(line)
                beats.append(Placed(line, shard, sequence_number, line_number))
            else:
                place = (self._symbol, shard, sequence_number, line_number, arrival_us)
                refused.append(Refused(line.category, line.reasons, line.raw, *place, line.rules))
        tally = taken.tallies.of(self._label, arrival_us)
        tally.broke(DUPLICATE, self._dedup.state.duplicates - twice)
        for letter in refused[letters:]:
            tally.refuse(letter)
        taken.spans.end(tally, len(kept))

    def _note_gaps(self) -> None:
        """Where they were declared: what came after all comes after that, in whatever batch."""
        for gap in self._dedup.gaps:
            self._ledger.gap(gap)
        self._dedup.gaps.clear()

    def _note_holes(self, beat: Heartbeat) -> None:
        """The folds take no hole out of what they gave up before; the ledger does."""
        for venue in beat.venues:
            for first, last in venue.holes:
                self._ledger.skipped(venue.space, first, last, beat.heartbeat)

    def _packed(self, taken: Taken, duplicates: int, arrived_us: int | None) -> Iterator[Row]:
        """A row for each chunk of trades; what is beside them is in the first, the tallies, which need all flags, in the last."""
        kept, beats, refused, ids = taken.kept, taken.beats, taken.refused, self._ledger.spans()
        for start in range(0, len(kept), CHUNK) or (0,):
            part = kept[start : start + CHUNK]
            columns = trade_columns(part, self._late_us, self._tolerance) if part else None
            wallets = wallet_columns(part)
            late, inconsistent, flagged = taken.spans.flag(columns, start) if columns is not None else (0, 0, 0)
            yield Row(
                symbol=self._symbol,
                trades=len(part),
                duplicates=duplicates,
                late=late,
                inconsistent=inconsistent,
                flagged=flagged,
                heartbeats=len(beats),
                rejects=len(refused),
                final=any(beat.line.final for beat in beats),
                clock_us=max((to_us(beat.line.heartbeat) for beat in beats), default=None),
                arrived_us=arrived_us,
                trade_rows=to_ipc(columns) if columns is not None else None,
                heartbeat_rows=to_ipc(heartbeat_columns(beats)) if beats else None,
                reject_rows=msgspec.msgpack.encode(refused) if refused else None,
                tallies=msgspec.msgpack.encode(taken.tallies.listed()) if start + CHUNK >= len(kept) else None,
                gap_rows=to_ipc(gap_columns(self._symbol, ids)) if ids else None,
                ledger=msgspec.json.encode(self._ledger.state) if ids else None,
                wallets=wallets.num_rows if wallets is not None else 0,
                wallet_rows=to_ipc(wallets) if wallets is not None else None,
            )
            beats, refused, ids, duplicates = [], [], [], 0  # the first row has them


def heartbeat_columns(beats: list[Placed]) -> pa.RecordBatch:
    """`heartbeats` rows: with `raw_trades`, all that a fold reads."""
    rows = [
        {
            "symbol": beat.line.symbol,
            "timestamp": beat.line.heartbeat,
            "producer": beat.line.producer,
            "venues": msgspec.json.encode(beat.line.venues).decode(),
            "peg": beat.line.peg,
            "final": beat.line.final,
            "shard": beat.shard,
            "sequence_number": beat.sequence_number,
            "position": beat.position,
        }
        for beat in beats
    ]
    return pa.RecordBatch.from_pylist(rows, schema=HEARTBEATS_ARROW)


def gap_columns(symbol: str, spans: list[IdSpan]) -> pa.RecordBatch:
    """`gaps` rows: what became of the ids of this batch."""
    rows = []
    for span in spans:
        exchange, market, native, kind = space_names(span.space)
        names = {"symbol": symbol, "exchange": exchange, "market": market, "native_symbol": native, "kind": kind}
        rows.append(names | {name: getattr(span, name) for name in GAPS_ARROW.names if name not in names})
    return pa.RecordBatch.from_pylist(rows, schema=GAPS_ARROW)


def to_ipc(columns: pa.RecordBatch) -> bytes:
    """Arrow's stream form, with its schema."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, columns.schema, options=COMPRESSED) as writer:
        writer.write_batch(columns)
    return bytes(sink.getvalue())


def from_ipc(data: bytes) -> pa.Table:
    """What `to_ipc` wrote."""
    with pa.ipc.open_stream(data) as reader:
        return reader.read_all()


class LakeProcessor(StatefulProcessor):
    """`LakeFold` inside Spark: one blob of state a symbol."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def init(self, handle: StatefulProcessorHandle) -> None:
        self._state = handle.getValueState("dedup", "blob binary")

    def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[Row]:
        state = self._state.get()
        fold = LakeFold(key[0], self._settings, bytes(state[0]) if state else None)
        yield from fold.take([(row.shardId, row.sequenceNumber, bytes(row.data), row.arrival_us) for row in rows])
        self._state.update((fold.dump(),))

    def close(self) -> None:
        """Nothing is held open."""


def packed_rows(records: DataFrame, settings: Settings) -> DataFrame:
    """Columns of `PACKED` from the source's records."""
    return (
        records.select(
            "partitionKey", "shardId", "sequenceNumber", "data", F.unix_micros("approximateArrivalTimestamp").alias("arrival_us")
        )
        .groupBy("partitionKey")
        .transformWithState(LakeProcessor(settings), PACKED, "update", "none")
    )


def rows_in(packed: DataFrame, table: Table) -> DataFrame:
    """Rows of one of `ROWS_OF` in packed ones."""
    columns = ", ".join(f"`{column.name}` {column.type}" for column in table.columns)
    own = ROWS_OF[table.name]
    return packed.where(f"{own} is not null").select(own).mapInArrow(_unpack, columns)


def _unpack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for blob in batch.column(0):
            with pa.ipc.open_stream(blob.as_buffer()) as reader:
                yield from reader
