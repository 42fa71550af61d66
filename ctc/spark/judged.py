"""How far the stream's own alerts go, so that a run speaks for no alert that `detect` has yet to commit, and for none that `lake` has
yet to know of: swapped in, the one would come twice; the other would be taken out.

The two queries read the log apart, in batches of their own. `detect` commits a batch's alerts before its bars. So a bar that is in
`volume_aggregates` says that every alert of the time before its end is in `anomalies`, but for whales that a late trade makes: those
are known by their place in the log. A session's last heartbeat is no exception: of two producers each says one, and the first closes
every window, while what only the second has seen is still to come.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from pyspark.sql import Column, Row, SparkSession
from pyspark.sql import functions as F

from ctc.aws.log import PLACE, Span
from ctc.detect.clock import SECOND_US
from ctc.model import from_us
from ctc.schema import HEARTBEATS, VOLUME_AGGREGATES
from ctc.settings import Settings
from ctc.spark.batch import read_table

Place = tuple[str, str, int]  # shard, sequence number, position


class Judged(msgspec.Struct, frozen=True):
    """One symbol: `detect` has committed its alerts of the time before `closed`; it and the lake have both read up to `place`."""

    closed: datetime
    place: Place


def judged(spark: SparkSession, settings: Settings, span: Span) -> dict[str, Judged]:
    """By symbol that has heartbeats; others have no stream that could still say something."""
    whole = msgspec.structs.replace(span, since=None, until=None)
    bars = read_table(spark, settings, VOLUME_AGGREGATES, msgspec.structs.replace(whole, versions={}))
    closed = bars.groupBy("symbol").agg(F.max("window_end").alias("closed"))
    place, passed = _place(*map(F.col, PLACE)), F.col("closed") + F.make_dt_interval(secs=F.lit(settings.folds.lateness_s))
    rows = (
        read_table(spark, settings, HEARTBEATS, whole)
        .join(F.broadcast(closed), "symbol", "left")
        .groupBy("symbol")
        .agg(
            F.unix_micros(F.max("closed")).alias("closed_us"),
            F.unix_micros(F.max("timestamp")).alias("clock_us"),
            F.min(F.when(F.col("timestamp") >= passed, place)).alias("passed"),  # what closed the bar is this heartbeat or a later one
            F.max(place).alias("last"),
        )
        .collect()
    )
    return {row.symbol: _judged(settings, row) for row in rows}


def _judged(settings: Settings, row: Row) -> Judged:
    closed_us, place = row.closed_us or 0, row.passed or row.last
    if row.closed_us is not None and place == row.last:  # `detect` has read every heartbeat that the lake has
        closed_us = row.clock_us - settings.folds.lateness_s * SECOND_US
    return Judged(from_us(closed_us), (place.shard, place.number, place.position))


def read_by(place: Place | None) -> Column:
    """Whether a row of `anomalies` is no whale of one print, or one whose trade stood at this place of the log or before it."""
    if place is None:
        return F.lit(True)
    here = _place(F.col("shard"), F.col("sequence_number"), F.col("position"))
    return (F.col("rule") != "single") | F.col("shard").isNull() | (here <= _place(*map(F.lit, place)))


def _place(shard: Column, number: Column, position: Column) -> Column:
    """Sorted as the log is: a sequence number has up to 56 digits, and as text the longer one is the larger."""
    return F.struct(shard.alias("shard"), F.octet_length(number).alias("digits"), number.alias("number"), position.alias("position"))
