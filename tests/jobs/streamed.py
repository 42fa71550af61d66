"""A small lake as the stream leaves it: a log of many faults through the very folds and appends of the two queries, batch by batch.

What Spark does between them (source, state store, triggers) is not here; tests/session runs that.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

import msgspec
import pyarrow as pa
from log_strategies import SYMBOL, Log, _Market, small_settings

from ctc.aws import hot
from ctc.aws.lakehouse import TableAppender, create_tables, rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.query import LakeReader
from ctc.codec import encode_line, pack
from ctc.detect import SymbolFold
from ctc.model import GapLedger, Heartbeat, Trade, event_id
from ctc.schema import GAPS, HEARTBEATS, RAW_TRADES
from ctc.settings import Settings
from ctc.spark.lake import LakeFold, from_ipc

OTHER = "ETH-USDT"
RUN = "11111111-aaaa"
KINDS = ("calm",) * 5 + (
    "spike", "calm", "late", "whale", "calm", "split", "apart", "binance_away", "calm", "hole", "late", "drought", "calm",
    "long_hole", "spike", "lost", "calm", "peg", "apart", "late", "calm", "whale", "spike", "calm",
)  # fmt: skip
Record = tuple[str, str, bytes, int]


def settings_for(emulator: Settings) -> Settings:
    """Thresholds that a short log reaches."""
    small = small_settings()
    return msgspec.structs.replace(
        emulator, volume=small.volume, whales=small.whales,
        session=msgspec.structs.replace(emulator.session, symbols=(SYMBOL, OTHER)),
    )  # fmt: skip


def log(seed: int = 7, kinds: tuple[str, ...] = KINDS) -> Log:
    """A market's log: spikes, whales, late trades, holes, a venue away."""
    return _Market(seed, 5, False).log(list(kinds))


def records(of: Log, symbol: str) -> list[Record]:
    """The log as packed records of the symbol."""
    found = []
    for (shard, number), entries in groupby(of, key=lambda entry: (entry[0].shard, entry[0].sequence_number)):
        lines = [_renamed(line, symbol) for _, line in entries]
        found.append((shard, str(number), pack([encode_line(line) for line in lines]), number % 10**15))
    return found


def _renamed(line: object, symbol: str) -> Trade | Heartbeat:
    """The line as one of the symbol's own markets."""
    coin = symbol.partition("-")[0]
    if isinstance(line, Heartbeat):
        venues = tuple(msgspec.structs.replace(each, native_symbol=each.native_symbol.replace("BTC", coin)) for each in line.venues)
        return msgspec.structs.replace(line, symbol=symbol, venues=venues)
    assert isinstance(line, Trade)
    own = msgspec.structs.replace(line, symbol=symbol, native_symbol=line.native_symbol.replace("BTC", coin))
    return msgspec.structs.replace(own, event_id=event_id(own.space, own.trade_id))


class Stream:
    """Both queries over records; `write` gives them one batch."""

    def __init__(self, settings: Settings) -> None:
        self.settings, self._appender, self.batch = settings, TableAppender(settings), 0
        self._metrics = DynamoMetrics(settings)
        self._lake: dict[str, bytes] = {}
        self._detect: dict[str, bytes] = {}

    def write(self, given: dict[str, list[Record]]) -> None:
        """One batch of each query: rows of every table, as their sinks write them."""
        self.write_lake(given)
        self.write_found(given)

    def write_lake(self, given: dict[str, list[Record]]) -> None:
        """The batch of the query `lake` alone: `write_found` is behind then."""
        tables: dict[str, list[pa.Table]] = {}
        ledgers: dict[str, bytes] = {}
        for symbol, some in given.items():
            lake = LakeFold(symbol, self.settings, self._lake.get(symbol))
            for row in lake.take(list(some)):
                for table, rows in ((RAW_TRADES, row.trade_rows), (HEARTBEATS, row.heartbeat_rows), (GAPS, row.gap_rows)):
                    if rows:
                        tables.setdefault(table.name, []).append(from_ipc(rows))
                if row.ledger:
                    ledgers[symbol] = row.ledger
            self._lake[symbol] = lake.dump()
        for name, parts in tables.items():
            self._appender.append_once(name, pa.concat_tables(parts), query="lake", run=RUN, batch_id=self.batch)
        for symbol, ledger in ledgers.items():
            self._metrics.put_ledger(symbol, msgspec.json.decode(ledger, type=GapLedger))

    def write_found(self, given: dict[str, list[Record]]) -> None:
        """The batch of the query `detect`."""
        said = []
        for symbol, some in given.items():
            fold = SymbolFold(symbol, self.settings, state=self._detect.get(symbol))
            said.append(fold.take_records([record[:3] for record in some], frozenset({symbol})))
            self._detect[symbol] = fold.dump()
        for name, rows in (
            ("anomalies", rows_of_alerts([alert for each in said for alert in each.alerts if alert.final])),
            ("volume_aggregates", rows_of_bars([bar for each in said for bar in each.bars])),
            ("spreads", rows_of_spreads([spread for each in said for spread in each.spreads])),
        ):
            self._appender.append_once(name, rows, query="detect", run=RUN, batch_id=self.batch)
        self.batch += 1


def stream(settings: Settings, batches: int = 4, seed: int = 7) -> tuple[Stream, Iterator[dict[str, list[Record]]]]:
    """A session's stream over an empty lake, and its batches to write."""
    create_tables(settings)
    hot.create_tables(settings)
    logs = {symbol: records(log(seed + index), symbol) for index, symbol in enumerate((SYMBOL, OTHER))}
    size = {symbol: -(-len(found) // batches) for symbol, found in logs.items()}
    parts = ({symbol: found[at * size[symbol] : (at + 1) * size[symbol]] for symbol, found in logs.items()} for at in range(batches))
    return Stream(settings), parts


def say(_: str) -> None:
    """Nobody listens."""


def ask(settings: Settings, sql: str) -> list[dict[str, Any]]:
    """Rows of the lake."""
    reader = LakeReader(settings)
    try:
        return list(reader.query(sql).to_pylist())
    finally:
        reader.close()
