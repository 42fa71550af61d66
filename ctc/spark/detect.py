"""The `detect` query: one stateful operator, keyed by symbol, hosting the detectors' folds (docs/FOLDS.md).

It is fed whole packed records, not trades: handing a trade over costs more than folding it
(docs/adr/0002-packed-arrow-rows.md). Rows leave at
once (output mode update, no timers); the folds keep time by the log's heartbeats alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from pyspark.sql import DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.streaming.stateful_processor import StatefulProcessor, StatefulProcessorHandle

from ctc.detect import Outcomes, SymbolFold
from ctc.settings import Settings

OUTCOMES = "symbol string, outcomes binary, fired_us array<long>"
_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Outcomes)


class DetectProcessor(StatefulProcessor):
    """`SymbolFold` inside Spark: one blob of state a symbol."""

    def __init__(self, settings: Settings, detectors: frozenset[str]) -> None:
        self._settings, self._detectors = settings, detectors

    def init(self, handle: StatefulProcessorHandle) -> None:
        self._state = handle.getValueState("fold", "blob binary")

    def handleInputRows(self, key: Any, rows: Any, timerValues: Any) -> Iterator[Row]:
        symbol = key[0]
        if symbol not in self._settings.session.symbols:
            return  # `lake` sends such records to the dead-letter queue
        state = self._state.get()
        fold = SymbolFold(symbol, self._settings, self._detectors, bytes(state[0]) if state else None)
        records = [(row.shardId, row.sequenceNumber, bytes(row.data), row.arrival_us) for row in rows]
        outcomes = fold.take_records([record[:3] for record in records], frozenset({symbol}))
        self._state.update((fold.dump(),))
        yield Row(symbol=symbol, outcomes=_ENCODER.encode(outcomes), fired_us=_arrivals(outcomes, records))

    def close(self) -> None:
        """Nothing is held open."""


def _arrivals(outcomes: Outcomes, records: list[tuple[str, str, bytes, int]]) -> list[int]:
    """When the record that fired each early alert had arrived in the stream: what its latency is measured from."""
    fired = {alert.sequence_number for alert in outcomes.alerts if alert.revision == 0 and alert.sequence_number}
    return [arrival_us for _, sequence_number, _, arrival_us in records if sequence_number in fired] if fired else []


def outcomes_of(records: DataFrame, settings: Settings, detectors: frozenset[str]) -> DataFrame:
    """One row a symbol that had records in the batch: what its folds said."""
    return (
        records.select(
            "partitionKey", "shardId", "sequenceNumber", "data", F.unix_micros("approximateArrivalTimestamp").alias("arrival_us")
        )
        .groupBy("partitionKey")
        .transformWithState(DetectProcessor(settings, detectors), OUTCOMES, "update", "none")
    )


def decode_outcomes(blob: bytes) -> Outcomes:
    """What the operator packed."""
    return _DECODER.decode(blob)
