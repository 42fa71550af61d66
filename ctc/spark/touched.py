"""Which minutes hold trades that the stream did not have in time: merged from history, back-filled, or late by the folds' rule."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from functools import partial
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from ctc.aws.log import Span
from ctc.detect.clock import MINUTE_US, SECOND_US, closed_before
from ctc.detect.comparison import Minute, Touched
from ctc.model import Trade, from_us, to_us
from ctc.quality.dedup import Deduplicator
from ctc.schema import RAW_TRADES
from ctc.settings import Settings
from ctc.spark.batch import by_symbol, read_table, rows_in

LATE = "symbol string, exchange string, minute_us long"


def touched_minutes(spark: SparkSession, settings: Settings, span: Span, *, by_time: bool) -> Touched:
    """Nothing in log order, where the stream had exactly the same lines."""
    if not by_time:
        return Touched()
    minute = F.date_trunc("minute", "timestamp").alias("minute")
    rows = (
        read_table(spark, settings, RAW_TRADES, span)
        .where("is_backfilled")
        .select("symbol", "exchange", minute, F.col("shard").isNull().alias("history"))
        .distinct()
        .toArrow()
        .to_pylist()
    )
    as_it_came = msgspec.structs.replace(span, order="log")
    late = by_symbol(spark, settings, as_it_came, partial(_late, settings), LATE).distinct().collect()
    return Touched(
        history=frozenset(_minute(row) for row in rows if row["history"]),
        backfilled=frozenset(_minute(row) for row in rows if not row["history"]),
        late=frozenset((row.symbol, row.exchange, from_us(row.minute_us)) for row in late),
    )


def _minute(row: dict[str, Any]) -> Minute:
    start: datetime = row["minute"]
    return row["symbol"], row["exchange"], start


def _late(settings: Settings, symbol: str, batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The minutes of trades that came after their minute was closed, by the folds' own clock."""
    dedup = Deduplicator(symbol, settings.folds.hole_patience_s)
    for batch in batches:
        found: dict[str, list[Any]] = {"symbol": [], "exchange": [], "minute_us": []}
        for _, line in rows_in(symbol, batch):
            closed = closed_before(dedup.clock, MINUTE_US, settings.folds.lateness_s * SECOND_US)
            if isinstance(line, Trade) and to_us(line.timestamp) < closed:
                for name, value in (
                    ("symbol", symbol),
                    ("exchange", line.exchange),
                    ("minute_us", to_us(line.timestamp) // MINUTE_US * MINUTE_US),
                ):
                    found[name].append(value)
            dedup.feed(line)
        types = {"symbol": pa.string(), "exchange": pa.string(), "minute_us": pa.int64()}
        yield pa.RecordBatch.from_arrays([pa.array(found[name], kind) for name, kind in types.items()], names=list(types))
