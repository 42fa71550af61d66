"""A simulated session's stores, filled without sockets, streams and Spark: for tests and measurements of what reads them.

The exchanges' frames go through the platform's readers, codec and folds (`sim.day.log`), and what comes of them is written by the
queries' own writers, some market minutes at a time. What is missing is the stream between them.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pyarrow as pa

from ctc import status
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.lakehouse import TableAppender
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.quality import DynamoQuality
from ctc.aws.rows import rows_of_alerts, rows_of_bars, rows_of_quality, rows_of_spreads
from ctc.codec import pack
from ctc.detect import Outcomes, SymbolFold
from ctc.model import GapLedger, to_us
from ctc.quality.counts import QualityBatch, Tallies
from ctc.schema import ANOMALIES, GAPS, HEARTBEATS, QUALITY, RAW_TRADES, SPREADS, VOLUME_AGGREGATES, WALLET_TRADES
from ctc.settings import Settings
from ctc.spark.lake import LakeFold, from_ipc
from ctc.spark.quality import TALLIES, LetterBox
from sim.day.log import Record, SymbolLog, Written
from sim.plan import FIXED_START, Plan, make_plan, save_plan
from sim.truth import Ledger, Seeded

RUN = "filled"
BROKEN = (
    b'{"event_id": "cut sho',
    b"[1, 2]",
    b"\xff\xfe not JSON \x1b[31m<script>alert(1)</script>",
    b'{"event_id":"e","price":-1,"quantity":2,"symbol":"DOGE-USDT"}',
)
BROKEN_EVERY = 10  # minutes
_LEDGER = msgspec.json.Decoder(GapLedger)


def fill(
    settings: Settings, state: Path, *, seed: int, minutes: int, batch_minutes: int, rate: float = 1.0, say: Callable[[str], None]
) -> None:
    """Fill the (made, empty) tables with the first minutes of the session of `seed`, all symbols; the emulator must be up."""
    plan = make_plan(seed, FIXED_START, minutes * 60, settings, rate=rate)
    save_plan(plan, state)
    stores = _Stores(settings, state)
    symbols = [_Symbol(plan, name, index, minutes, settings) for index, name in enumerate(settings.session.symbols)]
    truth = Ledger(state, plan.name, plan.seed)
    for number, first in enumerate(range(0, minutes + 1, batch_minutes)):  # after the last minute comes what closes the log
        part = range(first, min(first + batch_minutes, minutes + 1))
        for each in symbols:
            truth.add(each.take(part))
        stores.write(number, symbols)
        say(f"{part[-1]} of {minutes} minutes")


class _Symbol:
    """One symbol's log, and both folds over it; holds what came of one batch."""

    def __init__(self, plan: Plan, name: str, index: int, minutes: int, settings: Settings) -> None:
        rng = random.Random(f"{plan.seed} {name}")
        self.name, self._index = name, index
        self._start_us = to_us(plan.start)
        self._minutes: Iterator[Written] = SymbolLog(plan, name, settings, rng).minutes(minutes)
        self._lake = LakeFold(name, settings, None)
        self._detect = SymbolFold(name, settings)
        self.packed: list[dict[str, Any]] = []
        self.outcomes: list[Outcomes] = []

    def take(self, part: Sequence[int]) -> tuple[Seeded, ...]:
        """Fold these minutes; what was planted in them."""
        self.packed, self.outcomes = [], []
        planted: list[Seeded] = []
        for number in part:
            written = next(self._minutes)
            arrival_us = self._start_us + number * 60_000_000
            records = [(*record, arrival_us) for record in (*written.records, *self._broken(number))]
            self.packed += [row.asDict() for row in self._lake.take(records)]
            self.outcomes.append(self._detect.take_records(written.records, frozenset({self.name})))
            planted += written.planted
        return tuple(seed for seed in planted if seed.symbol == self.name or seed.measure == "peg")

    def _broken(self, number: int) -> list[Record]:
        if number % BROKEN_EVERY or not number:
            return []
        line = BROKEN[number // BROKEN_EVERY % len(BROKEN)]
        return [("shardId-000000000001", f"{49_000_000_000_000_000_000_000 + 10 * number + self._index}", pack([line]))]


class _Stores:
    """The queries' writers: what `LakeSink` and `DetectSink` do with a batch."""

    def __init__(self, settings: Settings, state: Path) -> None:
        self._state = state
        self._appender = TableAppender(settings)
        self._alerts, self._metrics, self._quality = DynamoAlerts(settings), DynamoMetrics(settings), DynamoQuality(settings)
        self._letters = LetterBox(settings)

    def write(self, number: int, symbols: Sequence[_Symbol]) -> None:
        self._lake(number, [row for each in symbols for row in each.packed])
        self._detect(number, [outcome for each in symbols for outcome in each.outcomes])

    def _lake(self, number: int, rows: list[dict[str, Any]]) -> None:
        tallies, letters = Tallies(), dict[str, list[Any]]()
        for row in rows:
            if row["tallies"]:
                tallies.add(TALLIES.decode(row["tallies"]))
            if row["ledger"]:
                self._metrics.put_ledger(row["symbol"], _LEDGER.decode(row["ledger"]))
            if row["reject_rows"]:
                letters.setdefault(row["symbol"], []).extend(msgspec.msgpack.decode(row["reject_rows"]))
        samples = self._letters.put(RUN, number, {key: msgspec.msgpack.encode(some) for key, some in letters.items()})
        columns = ((RAW_TRADES, "trade_rows"), (WALLET_TRADES, "wallet_rows"), (HEARTBEATS, "heartbeat_rows"), (GAPS, "gap_rows"))
        for table, column in columns:
            parts = [from_ipc(row[column]) for row in rows if row[column]]
            if parts:
                self._append(table.name, pa.concat_tables(parts), "lake", number)
        self._append(QUALITY.name, rows_of_quality(tallies.listed()), "lake", number)
        self._quality.put(QualityBatch(query="lake", run=RUN, batch_id=number, tallies=tallies.listed(), samples=samples))
        totals = {name: sum(row[name] for row in rows) for name in ("trades", "heartbeats", "rejects")}
        status.publish(self._state, "lake", {"state": "stopped", "batch": number, "last": totals})

    def _detect(self, number: int, outcomes: list[Outcomes]) -> None:
        alerts = [alert for each in outcomes for alert in each.alerts]
        bars, spreads = [bar for each in outcomes for bar in each.bars], [one for each in outcomes for one in each.spreads]
        self._alerts.put(alerts)
        self._metrics.put([each.snapshot for each in outcomes], bars, spreads)
        final = rows_of_alerts([alert for alert in alerts if alert.final])
        for table, rows in ((ANOMALIES, final), (VOLUME_AGGREGATES, rows_of_bars(bars)), (SPREADS, rows_of_spreads(spreads))):
            self._append(table.name, rows, "detect", number)
        status.publish(self._state, "detect", {"state": "stopped", "batch": number, "last": {"alerts": len(alerts)}})

    def _append(self, name: str, rows: pa.Table, query: str, number: int) -> None:
        self._appender.append_once(name, rows, query=query, run=RUN, batch_id=number)
