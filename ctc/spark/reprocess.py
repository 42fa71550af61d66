"""The job `reprocess`: alerts anew from `raw_trades`, by the folds that the stream runs, into `anomalies_reprocessed` (PRD 10.2).

One commit replaces the table's content, so a run that is killed leaves the run before it; older runs stay to be read as snapshots.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import reduce
from operator import or_
from typing import Any

import msgspec
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.aws.history import Commit, LakeHistory, as_of
from ctc.aws.lakehouse import QUERY_PROPERTY, RUN_PROPERTY, create_tables
from ctc.aws.log import Span
from ctc.detect.comparison import Comparison, compare
from ctc.errors import LakeError
from ctc.model import from_us
from ctc.schema import ANOMALIES, ANOMALIES_REPROCESSED, HEARTBEATS, RAW_TRADES
from ctc.settings import Settings
from ctc.spark.batch import outcomes_of, rows_of
from ctc.spark.event_time import outcomes_by_event_time
from ctc.spark.judged import Judged, Place, judged, read_by
from ctc.spark.tables import Say, current_snapshot, full_name, rows_at, with_properties
from ctc.spark.touched import touched_minutes

QUERY = "reprocess"
ASKED_PROPERTY = "ctc.asked"  # JSON of `Asked`
TYPES = {"volume": "volume_spike", "whales": "whale", "spread": "spread"}  # what a detector's alerts are in tables
_FOLDS = {"log": outcomes_of, "event-time": outcomes_by_event_time}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a run was about; kept in its snapshot, so that a swap knows what it may replace.

    `horizons` say by symbol up to when alerts are decided, by the run's clock and by the stream's own commits: a window that was not
    closed there is nobody's to judge. `places` say up to which line of its log both have read. `base` is the snapshot of `anomalies`
    that it was compared with.
    """

    run: str
    order: str
    since: datetime | None
    until: datetime | None
    types: tuple[str, ...]
    horizons: dict[str, datetime]
    trades: int | None
    base: int | None
    rules: dict[str, Any]
    places: dict[str, Place] = {}
    unexplained: int = 0


class Reprocessed(msgspec.Struct, frozen=True):
    """A run that is through."""

    asked: Asked
    alerts: int
    comparison: Comparison


def reprocess(spark: SparkSession, stream: Settings, rules: Settings, span: Span, detectors: frozenset[str], say: Say) -> Reprocessed:
    """Compute, write, compare. `stream` are the settings that the session ran with, `rules` those to compute by.

    Raises LakeError for a snapshot that is not there or holds nothing.
    """
    create_tables(stream)  # a lake that is older than the table has it now
    span = resolved(stream, span)
    through = judged(spark, stream, span)
    base = current_snapshot(spark, stream, ANOMALIES.name)  # after that: it holds all alerts that the stream has judged then
    say(f"folding raw_trades at snapshot {span.versions[RAW_TRADES.name]} in {span.order} order")
    outcomes = _FOLDS[span.order](spark, rules, span, detectors).persist()
    try:
        asked = _asked(span, rules, detectors, _horizons(outcomes, rules, through), through, base)
        in_scope = scope(asked)
        found = rows_of(outcomes, ANOMALIES, span).where(in_scope).toArrow().to_pylist()
        comparison = _compared(spark, stream, rules, span, detectors, asked, found, say)
        asked = msgspec.structs.replace(asked, unexplained=comparison.unexplained)
        say(f"writing {len(found):,} alerts to {ANOMALIES_REPROCESSED.name}")
        _write(rows_of(outcomes, ANOMALIES, span).where(in_scope), stream, asked)
    finally:
        outcomes.unpersist()
    return Reprocessed(asked, len(found), comparison)


def resolved(settings: Settings, span: Span) -> Span:
    """The span with the snapshots to read: that of `raw_trades` that was named, or of that moment, or the newest, and of `heartbeats` the
    one that the same batch of the stream left."""
    commits = LakeHistory(settings).commits()
    trades, beats = (commits.get(table.name, []) for table in (RAW_TRADES, HEARTBEATS))
    version = span.versions.get(RAW_TRADES.name)
    if version is not None:
        at = next((each for each in trades if each.snapshot_id == version), None)
    else:
        at = as_of(trades, span.as_of) if span.as_of is not None else trades[0] if trades else None
    if at is None:
        asked = f"snapshot {version}" if version is not None else f"anything as of {span.as_of}" if span.as_of else "anything"
        raise LakeError(f"raw_trades does not hold {asked}: `ctc query --named snapshots` lists what there is")
    versions = {RAW_TRADES.name: at.snapshot_id}
    beat = next(iter(beats), None) if at == trades[0] else _same_batch(trades, beats, at)
    if beat is not None:
        versions[HEARTBEATS.name] = beat.snapshot_id
    return msgspec.structs.replace(span, versions=versions, as_of=None)


def _same_batch(trades: list[Commit], beats: list[Commit], at: Commit) -> Commit | None:
    """The heartbeats of the stream's newest batch in `raw_trades` then."""
    last = next((each for each in trades if each.at <= at.at and each.query == "lake" and each.batch is not None), None)
    if last is None or last.batch is None:
        return None
    found = [
        each for each in beats if each.run == last.run and each.query == "lake" and each.batch is not None and each.batch <= last.batch
    ]
    if not found:
        raise LakeError(f"the heartbeats of batch {last.batch} are no longer there: choose a newer snapshot of raw_trades")
    return max(found, key=lambda each: each.batch or 0)


def scope(asked: Asked) -> Column:
    """Which rows of `anomalies` a run speaks for: its symbols, types and time, and what was decided by its end."""
    moment = F.coalesce("window_start", "timestamp")
    end = F.coalesce("window_end", F.col("timestamp") + F.expr("interval 1 microsecond"))  # a moment is over once the clock is past it
    decided = end + F.make_dt_interval(secs=F.lit(asked.rules["folds"]["lateness_s"]))
    each = [
        (F.col("symbol") == symbol) & (decided <= F.lit(horizon)) & read_by(asked.places.get(symbol))
        for symbol, horizon in sorted(asked.horizons.items())
    ]
    found = reduce(or_, each, F.lit(False)) & F.col("type").isin(*asked.types)
    if asked.since is not None:
        found &= moment >= F.lit(asked.since)
    if asked.until is not None:
        found &= moment < F.lit(asked.until)
    return found


def rules_of(settings: Settings) -> dict[str, Any]:
    """What decides about alerts in the settings."""
    return {name: msgspec.to_builtins(getattr(settings, name)) for name in ("volume", "whales", "spread", "folds")}


def _horizons(outcomes: DataFrame, rules: Settings, through: Mapping[str, Judged]) -> dict[str, datetime]:
    """How far each symbol's clock came; no farther than the stream's own alerts go."""
    rows = outcomes.groupBy("symbol").agg(F.max("clock_us").alias("clock_us")).collect()
    own = {row.symbol: from_us(row.clock_us) for row in rows if row.clock_us is not None}
    lateness = timedelta(seconds=rules.folds.lateness_s)
    return {symbol: min(horizon, through[symbol].closed + lateness) if symbol in through else horizon for symbol, horizon in own.items()}


def _asked(
    span: Span, rules: Settings, detectors: frozenset[str], horizons: dict[str, datetime], through: Mapping[str, Judged], base: int | None
) -> Asked:
    about: Mapping[str, Any] = {
        "order": span.order,
        "since": span.since,
        "until": span.until,
        "types": tuple(sorted(TYPES[name] for name in detectors)),
        "horizons": horizons,
        "trades": span.versions[RAW_TRADES.name],
        "base": base,
        "rules": rules_of(rules),
        "places": {symbol: each.place for symbol, each in through.items()},
    }
    run = hashlib.sha256(msgspec.json.encode(about, order="deterministic")).hexdigest()[:12]
    return Asked(run=run, **about)


def _compared(
    spark: SparkSession, stream: Settings, rules: Settings, span: Span, detectors: frozenset[str], asked: Asked,
    found: list[dict[str, Any]], say: Say,
) -> Comparison:  # fmt: skip
    in_scope = scope(asked)
    between = None
    if rules_of(stream) != rules_of(rules):
        say("folding once more by the stream's own rules, to tell what differs for the rules from what differs for the data")
        own = _FOLDS[span.order](spark, stream, span, detectors)
        between = rows_of(own, ANOMALIES, span).where(in_scope).toArrow().to_pylist()
    say("comparing with anomalies")
    before: list[dict[str, Any]] = []
    if asked.base is not None:
        before = rows_at(spark, stream, ANOMALIES.name, asked.base).where(in_scope).toArrow().to_pylist()
    by_time = span.order == "event-time"
    return compare(before, between, found, touched_minutes(spark, stream, span, by_time=by_time), by_time=by_time)


def _write(rows: DataFrame, settings: Settings, asked: Asked) -> None:
    properties = {QUERY_PROPERTY: QUERY, RUN_PROPERTY: asked.run, ASKED_PROPERTY: msgspec.json.encode(asked).decode()}
    with_properties(rows, full_name(settings, ANOMALIES_REPROCESSED.name), properties).overwrite(F.lit(True))
