"""The `lake` query: records to clean, unique rows of `raw_trades` and `heartbeats`; what is refused to the dead-letter queue.

One stateful operator, keyed by symbol, decodes each record once and hands on a few packed rows (Arrow), so that the
batch can be cached for three sinks at the price of its bytes. Each sink takes a batch at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from ctc.aws.columns import arrow_schema
from ctc.codec import read_record
from ctc.model import EXACT, Heartbeat, Reject, Trade, to_us
from ctc.quality.dedup import Deduplicator
from ctc.schema import HEARTBEATS, RAW_TRADES
from ctc.settings import Settings

# A packed row: what one symbol had in one batch (or a part of it, for large batches).
PACKED = (
    "symbol string, trades long, duplicates long, late long, inconsistent long, heartbeats long, rejects long, final boolean, "
    "clock_us long, trade_rows binary, heartbeat_rows binary, reject_rows binary"
)
CHUNK = 25_000  # trades a packed row at most: about 15 MB
TRADES_ARROW = arrow_schema(RAW_TRADES)
HEARTBEATS_ARROW = arrow_schema(HEARTBEATS)
TRADES_DDL = ", ".join(f"`{column.name}` {column.type}" for column in RAW_TRADES.columns)

Placed = tuple[str, str, int]  # shard, sequence number, line


class Refused(msgspec.Struct, frozen=True):
    """A dead letter: the reasons, the bytes (base64) and where they stood in the log."""

    category: str
    reasons: tuple[str, ...]
    raw: bytes
    key: str
    shard: str
    sequence_number: str
    position: int
    arrival_us: int


class LakeFold:
    """Decodes and deduplicates one symbol's records in log order; the same decisions as `detect`, by the same code."""

    def __init__(self, symbol: str, settings: Settings, state: bytes | None) -> None:
        self._symbol = symbol
        allowed = settings.session.symbols
        self._symbols = frozenset({symbol} if symbol in allowed else ())
        patience = settings.folds.hole_patience_s
        self._dedup = Deduplicator.load(symbol, patience, state) if state else Deduplicator(symbol, patience)
        self._late_us = settings.quality.late_after_s * 1_000_000
        self._tolerance = settings.quality.consistency_pct / 100

    def dump(self) -> bytes:
        """The state to go on from."""
        return self._dedup.dump()

    def take(self, records: list[tuple[str, str, bytes, int]]) -> Iterator[Row]:
        """Packed rows of records given as (shard, sequence number, data, arrival in microseconds)."""
        records.sort(key=lambda record: (record[0], int(record[1])))
        kept: list[tuple[Trade, Placed]] = []
        beats: list[tuple[Heartbeat, Placed]] = []
        refused: list[Refused] = []
        before = self._dedup.state.duplicates
        for shard, sequence_number, data, arrival_us in records:
            for line_number, line in enumerate(read_record(data, self._symbols)):
                if isinstance(line, Reject):
                    refused.append(
                        Refused(line.category, line.reasons, line.raw, self._symbol, shard, sequence_number, line_number, arrival_us)
                    )
                elif self._dedup.feed(line):
                    kept.append((line, (shard, sequence_number, line_number)))  # type: ignore[arg-type]
                elif isinstance(line, Heartbeat):
                    beats.append((line, (shard, sequence_number, line_number)))
        self._dedup.gaps.clear()  # detect declares them; here they only keep the clock moving
        duplicates = self._dedup.state.duplicates - before
        for start in range(0, len(kept), CHUNK) or (0,):
            first = start == 0
            yield self._packed(kept[start : start + CHUNK], beats if first else [], refused if first else [], duplicates if first else 0)

    def _packed(self, kept: list[tuple[Trade, Placed]], beats: list[tuple[Heartbeat, Placed]], refused: list[Refused], twice: int) -> Row:
        late, inconsistent, columns = 0, 0, None
        if kept:
            columns = trade_columns(kept, self._late_us, self._tolerance)
            late, inconsistent = (columns.column(name).true_count for name in ("is_late", "is_inconsistent"))
        return Row(
            symbol=self._symbol,
            trades=len(kept),
            duplicates=twice,
            late=late,
            inconsistent=inconsistent,
            heartbeats=len(beats),
            rejects=len(refused),
            final=any(beat.final for beat, _ in beats),
            clock_us=max((to_us(beat.heartbeat) for beat, _ in beats), default=None),
            trade_rows=to_ipc(columns) if columns is not None else None,
            heartbeat_rows=to_ipc(heartbeat_columns(beats)) if beats else None,
            reject_rows=msgspec.msgpack.encode(refused) if refused else None,
        )


def trade_columns(kept: list[tuple[Trade, Placed]], late_us: int, tolerance: Decimal) -> pa.RecordBatch:
    """`raw_trades` rows; late and inconsistent ones are flagged (PRD 9.1) and stay."""
    trades = [trade for trade, _ in kept]
    limit = late_us / 1_000_000
    late = [(trade.ingestion_timestamp - trade.timestamp).total_seconds() > limit for trade in trades]
    given: dict[str, list[Any]] = {
        "is_late": late,
        "is_inconsistent": [not _consistent(trade, tolerance) for trade in trades],
        "shard": [place[0] for _, place in kept],
        "sequence_number": [place[1] for _, place in kept],
        "position": [place[2] for _, place in kept],
    }
    arrays = [
        pa.array(given[field.name] if field.name in given else [getattr(trade, field.name) for trade in trades], field.type)
        for field in TRADES_ARROW
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=TRADES_ARROW)


def _consistent(trade: Trade, tolerance: Decimal) -> bool:
    exact = EXACT.multiply(trade.price, trade.quantity)
    return exact == trade.quote_volume or abs(EXACT.subtract(exact, trade.quote_volume)) <= EXACT.multiply(exact, tolerance)


def heartbeat_columns(beats: list[tuple[Heartbeat, Placed]]) -> pa.RecordBatch:
    """`heartbeats` rows: with `raw_trades`, all that a fold reads."""
    rows = [
        {
            "symbol": beat.symbol,
            "timestamp": beat.heartbeat,
            "producer": beat.producer,
            "venues": msgspec.json.encode(beat.venues).decode(),
            "peg": beat.peg,
            "final": beat.final,
            "shard": place[0],
            "sequence_number": place[1],
            "position": place[2],
        }
        for beat, place in beats
    ]
    return pa.RecordBatch.from_pylist(rows, schema=HEARTBEATS_ARROW)


def to_ipc(columns: pa.RecordBatch) -> bytes:
    """Arrow's stream form, with its schema."""
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, columns.schema) as writer:
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


def trades_of(packed: DataFrame) -> DataFrame:
    """`raw_trades` rows of packed ones."""
    return packed.where("trade_rows is not null").select("trade_rows").mapInArrow(_unpack, TRADES_DDL)


def _unpack(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        for blob in batch.column(0):
            with pa.ipc.open_stream(blob.as_buffer()) as reader:
                yield from reader
