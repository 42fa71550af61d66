"""Lines of a log as the rows of `ctc.aws.log`."""

from __future__ import annotations

from typing import Any

import msgspec
import pyarrow as pa
from log_strategies import Log

from ctc.arrow import arrow_schema
from ctc.aws.log import BEAT, READ
from ctc.codec import Line
from ctc.model import Heartbeat, Position, Trade
from ctc.schema import HEARTBEATS, RAW_TRADES, Table


def struct_of(table: Table, names: tuple[str, ...]) -> pa.StructType:
    schema = arrow_schema(table)
    return pa.struct([pa.field(name, schema.field(name).type) for name in names])


LINES = pa.schema(
    [
        pa.field("shard", pa.string()),
        pa.field("sequence_number", pa.string()),
        pa.field("position", pa.int32()),
        pa.field("trade", struct_of(RAW_TRADES, READ)),
        pa.field("beat", struct_of(HEARTBEATS, BEAT)),
    ]
)


def row(place: Position, line: Line) -> dict[str, Any]:
    found: dict[str, Any] = {"shard": place.shard, "sequence_number": str(place.sequence_number), "position": place.line}
    if isinstance(line, Trade):
        return {**found, "trade": {name: getattr(line, name) for name in READ}}
    assert isinstance(line, Heartbeat)
    venues = msgspec.json.encode(line.venues).decode()
    beat = {"timestamp": line.heartbeat, "producer": line.producer, "venues": venues, "peg": line.peg, "final": line.final}
    return {**found, "beat": beat}


def unique(log: Log) -> Log:
    """What the lake keeps of a log: each dense id once, no rejects."""
    seen: set[tuple[str, int]] = set()
    kept = []
    for place, line in sorted(log, key=lambda entry: entry[0]):
        if isinstance(line, Trade):
            if line.market == "spot" and (line.space, line.trade_id) in seen:
                continue
            seen.add((line.space, line.trade_id))
        if isinstance(line, Trade | Heartbeat):
            kept.append((place, line))
    return kept
