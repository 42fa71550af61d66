"""What the queries do with a batch. A batch may come twice (after a crash); each sink then changes nothing.

Tables keep the batch's number in their snapshots and skip it; DynamoDB writes apply if absent or newer; the files
of the dead-letter queue have names made from the batch; counts keep the batch they were last told (ctc/spark/quality.py).
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import msgspec
import pyarrow as pa
from pyspark.sql import DataFrame, Observation, Row
from pyspark.sql import functions as F
from pyspark.sql.functions import partitioning

from ctc.aws.lakehouse import BATCH_PROPERTY, QUERY_PROPERTY, RUN_PROPERTY, TableAppender, rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.model import GapLedger, Snapshot, from_us
from ctc.ports import AlertStore, MetricStore, MetricsWriter, QualityStore
from ctc.quality.counts import Tallies, Totals
from ctc.quality.letters import OTHER
from ctc.schema import ANOMALIES, GAPS, HEARTBEATS, QUALITY, RAW_TRADES, SPREADS, VOLUME_AGGREGATES, WALLET_TRADES, Table
from ctc.settings import Settings
from ctc.spark.dead_letters import letters_of
from ctc.spark.detect import decode_outcomes
from ctc.spark.lake import ROWS_OF, from_ipc, rows_in
from ctc.spark.once import commit_once
from ctc.spark.quality import TALLIES, LetterBox, QualitySink, totals_observed
from ctc.spark.session import CATALOG
from ctc.spark.tables import with_properties
from ctc.spark.warmth import CATALOG as EXERCISE

Report = Callable[[str, dict[str, Any]], None]  # query name, what its last batch did
_LEDGER = msgspec.json.Decoder(GapLedger)
MAX_SHOWN = 200  # latencies of one batch in a status file: a catch-up has thousands


def run_id(batch: DataFrame) -> str:
    """The query's id: lives as long as its checkpoint, so batch numbers never mean two things."""
    found = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
    assert found, "foreachBatch runs in the query's thread, which knows its id"
    return found


class Latencies:
    """Seconds from a record's arrival in the stream to its alert in DynamoDB, of the newest alerts; catch-ups count too."""

    def __init__(self, kept: int = 5_000) -> None:
        self._seconds: deque[float] = deque(maxlen=kept)

    def add(self, arrivals_us: Iterable[int], now_us: int) -> list[float]:
        """Note arrivals whose alerts have just been written, and return what they took."""
        seconds = [round((now_us - arrival) / 1e6, 3) for arrival in arrivals_us]
        self._seconds.extend(seconds)
        return seconds

    def summary(self) -> dict[str, float | int] | None:
        """Count, p50, p95, p99 and max in seconds; None before the first."""
        ascending = sorted(self._seconds)
        if not ascending:
            return None
        shares = {f"p{share}": round(ascending[min(len(ascending) - 1, len(ascending) * share // 100)], 3) for share in (50, 95, 99)}
        return {"count": len(ascending), **shares, "max": round(ascending[-1], 3)}


@dataclass(slots=True)
class _Beside:
    """What a batch's packed rows hold beside trades; bytes by symbol, counts of the whole batch."""

    beats: list[pa.Table] = field(default_factory=list)
    gaps: list[pa.Table] = field(default_factory=list)
    ledgers: dict[str, bytes] = field(default_factory=dict)
    letters: dict[str, bytes] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    clocks: dict[str, datetime] = field(default_factory=dict)
    final: set[str] = field(default_factory=set)
    tallies: Tallies = field(default_factory=Tallies)

    @classmethod
    def of(cls, rows: Iterable[Row]) -> _Beside:
        found = cls()
        for row in rows:
            found._add(row)
        return found

    def _add(self, row: Row) -> None:
        if row.heartbeat_rows:
            self.beats.append(from_ipc(bytes(row.heartbeat_rows)))
        if row.gap_rows:
            self.gaps.append(from_ipc(bytes(row.gap_rows)))
            self.ledgers[row.symbol] = bytes(row.ledger)
        if row.reject_rows:
            self.letters[row.symbol] = bytes(row.reject_rows)
        if row.tallies:
            self.tallies.add(TALLIES.decode(row.tallies))
        if row.clock_us is not None:
            self.clocks[row.symbol] = from_us(row.clock_us)
        if row.final:
            self.final.add(row.symbol)
        for name in ("trades", "duplicates", "late", "inconsistent", "heartbeats", "rejects"):
            self.counts[name] = self.counts.get(name, 0) + row[name]
        if row.wallets:  # named where there are any
            self.counts["wallets"] = self.counts.get("wallets", 0) + row.wallets


class LakeSink:
    """Writes a packed batch to `raw_trades`, `wallet_trades` (both Spark), `heartbeats` and the dead letters, and counts it."""

    def __init__(self, settings: Settings, metrics: MetricStore, quality: QualityStore, published: MetricsWriter, report: Report) -> None:
        self._metrics = metrics
        self._database = f"{CATALOG}.{settings.lake.database}"
        self._appender = TableAppender(settings)
        self._letters = LetterBox(settings)
        self._quality = QualitySink("lake", self._appender, quality, published)
        self._report = report
        self._known: dict[tuple[str, str], int] = {}
        self._totals: dict[str, int] = {}
        self._clocks: dict[str, datetime] = {}

    def rehearse(self, batch: DataFrame, batch_id: int) -> None:
        """As a batch is taken, but trades go to a table on this machine's disk, and those in the lake are only read."""
        packed, observed = batch.persist(), Observation()
        try:
            _Beside.of(packed.drop(*ROWS_OF.values()).observe(observed, *totals_observed()).collect())
            rows, name = rows_in(packed, RAW_TRADES), f"{EXERCISE}.db.{RAW_TRADES.name}"
            if batch_id == 0:
                rows.writeTo(name).using("iceberg").partitionedBy(partitioning.days(RAW_TRADES.time), F.col("symbol")).create()
            else:
                commit_once(rows, name, {}, lambda: False)
        finally:
            packed.unpersist()
        batch.sparkSession.table(f"{self._database}.{RAW_TRADES.name}").limit(1).collect()
        self._appender.rehearse(HEARTBEATS.name, GAPS.name, QUALITY.name)

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        run = run_id(batch)
        packed, observed = batch.persist(), Observation("quality")
        try:
            # Collected, not iterated: an iterator would run the partitions one after the other. A row holds no trades here, only
            # what is beside them: one row a symbol, and one more for each CHUNK of its trades.
            found = _Beside.of(packed.drop(*ROWS_OF.values()).observe(observed, *totals_observed()).collect())
            samples = self._letters.put(run, batch_id, found.letters)
            for table, count in ((RAW_TRADES, "trades"), (WALLET_TRADES, "wallets")):
                if found.counts.get(count):
                    self._append(table, packed, run, batch_id)
            for table, rows in ((HEARTBEATS, found.beats), (GAPS, found.gaps)):
                if rows:
                    self._appender.append_once(table.name, pa.concat_tables(rows), query="lake", run=run, batch_id=batch_id)
            for symbol, ledger in found.ledgers.items():
                self._metrics.put_ledger(symbol, _LEDGER.decode(ledger))
        finally:
            packed.unpersist()
        self._quality.take(run, batch_id, found.tallies.listed(), samples, lambda: Totals(**observed.get))
        self._tell(found, batch_id)

    def _tell(self, found: _Beside, batch_id: int) -> None:
        self._clocks |= found.clocks
        for name, value in found.counts.items():
            self._totals[name] = self._totals.get(name, 0) + value
        self._report(
            "lake",
            {
                "batch": batch_id,
                "last": found.counts,
                "totals": self._totals,
                "clock": min(self._clocks.values(), default=None),
                "final": sorted(found.final),
                "quality_waiting": self._quality.waiting,
            },
        )

    def _append(self, table: Table, packed: DataFrame, run: str, batch_id: int) -> None:
        memory = (table.name, run)
        known = self._known.pop(memory, None)  # forgotten until the commit is through: one without an answer may have taken place
        if known is None:
            known = self._last(table, run)
        if batch_id > known:
            self._commit(table, rows_in(packed, table), run, batch_id)
        self._known[memory] = max(batch_id, known)

    def _last(self, table: Table, run: str) -> int:
        """The newest batch that the table has."""
        found = self._appender.last_batch(table.name, "lake", run)
        return -1 if found is None else found

    def _commit(self, table: Table, rows: DataFrame, run: str, batch_id: int) -> None:
        name, properties = f"{self._database}.{table.name}", {QUERY_PROPERTY: "lake", RUN_PROPERTY: run, BATCH_PROPERTY: str(batch_id)}
        if table is RAW_TRADES:
            commit_once(rows, name, properties, lambda: self._last(table, run) >= batch_id)
        else:
            with_properties(rows, name, properties).append()


class DetectSink:
    """Writes what the folds said: alerts and metrics to DynamoDB first (latency), then final facts to Iceberg.

    The driver holds one batch's outcomes at a time; they are fewer than the batch's trades, which the source bounds.
    """

    def __init__(self, settings: Settings, alerts: AlertStore, metrics: MetricStore, report: Report) -> None:
        self._alerts, self._metrics, self._report = alerts, metrics, report
        self._appender = TableAppender(settings)
        self._totals = {"alerts": 0, "bars": 0, "spreads": 0, "trades": 0}
        self._snapshots: dict[str, Snapshot] = {}
        self._latencies = Latencies()

    def rehearse(self, batch: DataFrame, batch_id: int) -> None:
        """As a batch is taken, but nothing is written, and the tables are only read."""
        outcomes = [decode_outcomes(bytes(row.outcomes)) for row in batch.collect()]
        rows_of_alerts([alert for each in outcomes for alert in each.alerts if alert.final])
        rows_of_bars([bar for each in outcomes for bar in each.bars])
        rows_of_spreads([spread for each in outcomes for spread in each.spreads])
        self._appender.rehearse(ANOMALIES.name, VOLUME_AGGREGATES.name, SPREADS.name)

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        run = run_id(batch)
        rows = batch.collect()  # one row a symbol
        outcomes = [decode_outcomes(bytes(row.outcomes)) for row in rows]
        alerts = [alert for each in outcomes for alert in each.alerts]
        bars = [bar for each in outcomes for bar in each.bars]
        spreads = [spread for each in outcomes for spread in each.spreads]
        self._alerts.put(alerts)
        latencies = self._latencies.add((at for row in rows for at in row.fired_us), time.time_ns() // 1000)
        self._metrics.put([each.snapshot for each in outcomes], bars, spreads)
        for table, columns in (
            (ANOMALIES, rows_of_alerts([alert for alert in alerts if alert.final])),
            (VOLUME_AGGREGATES, rows_of_bars(bars)),
            (SPREADS, rows_of_spreads(spreads)),
        ):
            self._appender.append_once(table.name, columns, query="detect", run=run, batch_id=batch_id)
        self._snapshots |= {each.snapshot.symbol: each.snapshot for each in outcomes}
        for name, values in (("alerts", alerts), ("bars", bars), ("spreads", spreads)):
            self._totals[name] += len(values)
        snapshots = self._snapshots.values()
        self._totals["trades"] = sum(each.trades for each in snapshots)
        self._report(
            "detect",
            {
                "batch": batch_id,
                "last": {"alerts": len(alerts), "latency_s": latencies[:MAX_SHOWN]},
                "totals": self._totals,
                "clock": min((each.clock for each in snapshots if each.clock), default=None),
                "final": sorted(each.symbol for each in snapshots if each.final),
                "latency_s": self._latencies.summary(),
            },
        )


class DeadLetterSink:
    """Files what the producer could not read (the dead-letter stream) beside what `lake` refused; all of it has failed."""

    def __init__(self, settings: Settings, quality: QualityStore, published: MetricsWriter, report: Report) -> None:
        self._letters = LetterBox(settings)
        self._quality = QualitySink("dead_letters", TableAppender(settings), quality, published)
        self._report, self._total = report, 0

    def __call__(self, batch: DataFrame, batch_id: int) -> None:
        run, tallies = run_id(batch), Tallies()
        refused = [letter for row in batch.toLocalIterator() for letter in letters_of(row)]
        for letter in refused:
            tallies.of(OTHER, letter.arrival_us).refuse(letter)
        if refused:
            samples = self._letters.put(run, batch_id, {"producer": msgspec.msgpack.encode(refused)})
            newest_us = max(letter.arrival_us for letter in refused)
            totals = Totals(processed=len(refused), passed=0, failed=len(refused), late=0, duplicates=0, arrived_us=newest_us)
            self._quality.take(run, batch_id, tallies.listed(), samples, lambda: totals)
        self._total += len(refused)
        self._report("dead_letters", {"batch": batch_id, "totals": {"letters": self._total}})
