"""A simulated day in the lake: named queries, `reprocess` beside DuckDB and Polars, and what `maintain` changes about them."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import msgspec
import polars as pl

from bench import jobs, rules_duckdb, rules_polars
from bench.asking import Asked, asked
from bench.rules_duckdb import Found
from bench.running import Say, running
from bench.table import Row
from ctc.aws import clients
from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import catalog
from ctc.aws.query import LakeReader
from ctc.errors import CtcError
from ctc.schema import HEARTBEATS, RAW_TRADES
from ctc.session import reachable
from ctc.settings import Settings
from ctc.spark.maintain import Maintained
from sim.filled import fill

SEED, TIMES = 7, 3
STREAM = "select rule, exchange, symbol, epoch_us(coalesce(window_start, timestamp)) as us from anomalies"
KIB = 1 << 10


class Other(msgspec.Struct, frozen=True):
    """Another engine by the same rules: median seconds of `TIMES`, and its alerts."""

    name: str
    seconds: float
    found: Counter[Found]


def batch(state: Path, say: Say, minutes: int, append_minutes: int, times: int) -> list[Row]:
    """So many market minutes of every symbol, of which each append of the stream's writers holds a few. Raises CtcError.

    Each named query is asked so many times.
    """
    with running(state, say, {}) as run:
        say(f"filling the lake with {minutes:,} market minutes, {append_minutes} an append")
        fill(run.settings, run.state, seed=SEED, minutes=minutes, batch_minutes=append_minutes, say=lambda _: None)
        return measured(run.settings, run.state, say, times)


def batch_of(lake: Path, say: Say, times: int) -> list[Row]:
    """The same over the lake of a session that has ended, as of a day that was replayed; its old snapshots go. Raises CtcError."""
    with reachable(lake) as settings:
        return measured(settings, lake, say, times)


def measured(settings: Settings, state: Path, say: Say, times: int) -> list[Row]:
    """`reprocess`, the named queries, `maintain`, and both again."""
    rows = reprocessed(settings, state, say, "as the stream left them")
    since = _first(settings)
    say("asking the named queries")
    before = asked(settings, state, times, since)
    say("maintaining the tables")
    done, wall = jobs.run("maintain", state)
    say("asking again")
    after = asked(settings, state, times, since)
    rows += reprocessed(settings, state, say, "after maintain")
    rows += [_maintained(each) for each in done.tables]
    beside = f"{wall:.1f} s with Spark's start and end"
    rows.append(Row(section="maintain", what="all of it, no old snapshot kept", value=done.seconds, unit="s", beside=beside))
    return rows + [_asked(name, each, before[name]) for name, each in after.items()]


def _first(settings: Settings) -> datetime:
    """The minute of the first trade."""
    reader = LakeReader(settings)
    try:
        found: datetime = reader.query("select date_trunc('minute', min(timestamp)) as first from raw_trades").to_pylist()[0]["first"]
    finally:
        reader.close()
    return found


def reprocessed(settings: Settings, state: Path, say: Say, when: str) -> list[Row]:
    """`reprocess` in log order beside both others, over the same files. Raises CtcError where it is not exactly the stream."""
    table = LakeHistory(settings).commits()[RAW_TRADES.name][0]
    say(f"reprocessing {table.rows:,} trades in {table.files:,} files, {when}")
    done, wall = jobs.run("reprocess", state)
    if done.differences:
        raise CtcError(f"{done.differences} of {done.alerts} reprocessed alerts are not the stream's")
    others = (by_duckdb(settings), by_polars(settings))
    fastest = min(each.seconds for each in others)
    beside = "; ".join(f"{each.name}: {table.rows / each.seconds:,.0f} trades/s ({each.seconds:.2f} s)" for each in others)
    what = f"{table.rows:,} trades in {table.files:,} files, {when}"
    stream = _alerts(settings)
    agreed = "; ".join(f"{each.name}: {_agreement(stream, each.found)}" for each in others)
    return [
        Row(
            section="reprocess", what=what, value=table.rows / done.seconds, unit="trades/s", aim="half the faster", beside=beside,
            ratio=fastest / done.seconds,
        ),
        Row(section="reprocess", what=f"the same with Spark's start and end ({wall:.1f} s)", value=table.rows / wall, unit="trades/s",
            beside=beside, ratio=fastest / wall),
        Row(section="reprocess", what="alerts, each the stream's to the last field", value=done.alerts, unit="alerts", beside=agreed),
    ]  # fmt: skip


def by_duckdb(settings: Settings) -> Other:
    """By a new reader each time, as `ctc query` has one."""

    def ask() -> Counter[Found]:
        reader = LakeReader(settings)
        try:
            return rules_duckdb.found(reader.query, settings)
        finally:
            reader.close()

    return _timed("DuckDB", ask)


def by_polars(settings: Settings) -> Other:
    """Over the files that Iceberg's metadata name now; finding those is not in its time, as it is in the others'."""
    keys = clients.credentials(settings)
    options = {
        **keys, "aws_endpoint_url": clients.endpoint("s3", settings) or "", "aws_region": settings.aws.region, "aws_allow_http": "true",
    }  # fmt: skip
    lake, database = catalog(settings), settings.lake.database
    files = {
        name: [task.file.file_path for task in lake.load_table((database, name)).scan().plan_files()]
        for name in (RAW_TRADES.name, HEARTBEATS.name)
    }

    def ask() -> Counter[Found]:
        trades, beats = (pl.scan_parquet(own, storage_options=options) for own in files.values())
        return rules_polars.found(trades, beats, settings)

    return _timed("Polars", ask)


def _timed(name: str, ask: Callable[[], Counter[Found]]) -> Other:
    took, found = [], Counter[Found]()
    for _ in range(TIMES):
        began = time.perf_counter()
        found = ask()
        took.append(time.perf_counter() - began)
    return Other(name, statistics.median(took), found)


def _alerts(settings: Settings) -> Counter[Found]:
    reader = LakeReader(settings)
    try:
        rows = reader.query(STREAM).to_pydict()
    finally:
        reader.close()
    return Counter(zip(*rows.values(), strict=True))


def _agreement(stream: Counter[Found], found: Counter[Found]) -> str:
    if found == stream:
        return f"the same {stream.total():,}"
    lacks, invents = (Counter(rule for rule, *_ in each.elements()) for each in (stream - found, found - stream))
    told = ", ".join(f"{rule} -{lacks[rule]} +{invents[rule]}" for rule in sorted(lacks | invents))
    return f"{found.total():,}, of which differ {told}"


def _maintained(each: Maintained) -> Row:
    before, after = each.before, each.after
    changes = (
        f"{before.files:,} before",
        f"{before.bytes / KIB:,.0f} KiB now {after.bytes / KIB:,.0f}",
        f"{before.manifests} manifests now {after.manifests}",
        f"{before.snapshots} snapshots now {after.snapshots}",
        f"count by symbol {before.query_ms:.0f} ms now {after.query_ms:.0f}",
    )
    ratio = after.files / before.files if before.files else None
    return Row(section="maintain", what=f"files of {each.table}", value=after.files, unit="files", beside="; ".join(changes), ratio=ratio)


def _asked(name: str, after: Asked, before: Asked) -> Row:
    beside = f"{before.command:.2f} s before maintain; the question alone {after.question:.2f} s, before {before.question:.2f} s"
    what = f"ctc query --named {name}"
    return Row(section="query", what=what, value=after.command, unit="s", aim="1", beside=beside, ratio=after.command / before.command)
