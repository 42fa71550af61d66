"""What a session's log comes to without Spark: the platform's own folds over the records that the producer wrote, in this process.

For faults that strike before the stream this says the same as a whole session, in a quarter of the time: behind the
stream everything is a function of the log. Faults behind the stream need the whole session.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from ctc.aws.kinesis_shards import KinesisShards
from ctc.aws.rows import rows_of_alerts, rows_of_bars, rows_of_spreads
from ctc.codec import read_record
from ctc.detect import ALL_DETECTORS, Outcomes, SymbolFold
from ctc.model import Alert, Position
from ctc.quality.letters import Refused
from ctc.settings import Settings
from ctc.spark.dead_letters import letters_of
from ctc.spark.lake import LakeFold, from_ipc
from ctc.stream.shards import Entry
from sim.compare import compare_hot, newest
from sim.faults.facts import Facts, Table, plain
from sim.reference import reference

Records = dict[str, list[tuple[str, str, bytes, int]]]


class _Record(msgspec.Struct):
    """A record with the names that Spark's source gives its columns."""

    data: bytes
    partitionKey: str  # noqa: N815 - Spark's own name
    shardId: str  # noqa: N815
    sequenceNumber: str  # noqa: N815
    arrival_us: int


def read_folded(settings: Settings) -> tuple[Facts, list[str]]:
    """The facts, and where the folds differ from the reference over the same log."""
    trades: list[dict[str, Any]] = []
    bars: list[dict[str, Any]] = []
    spreads: list[dict[str, Any]] = []
    alerts: list[Alert] = []
    letters: dict[str, list[bytes]] = {}
    wrong: list[str] = []
    for symbol, records in sorted(_records(settings, settings.stream.trades).items()):
        for row in LakeFold(symbol, settings, None).take(list(records)):
            trades += from_ipc(row.trade_rows).to_pylist() if row.trade_rows else []
            for refused in msgspec.msgpack.decode(row.reject_rows, type=list[Refused]) if row.reject_rows else ():
                letters.setdefault(refused.category, []).append(refused.raw)
        if symbol not in settings.session.symbols:
            continue
        found = SymbolFold(symbol, settings, ALL_DETECTORS, None).take_records([each[:3] for each in records], frozenset({symbol}))
        alerts += found.alerts
        bars += rows_of_bars(found.bars).to_pylist()
        spreads += rows_of_spreads(found.spreads).to_pylist()
        wrong += _against_reference(symbol, records, found, settings)
    for records in _records(settings, settings.stream.dead_letters).values():
        for shard, number, data, arrival_us in records:
            for letter in letters_of(_Record(data, "", shard, number, arrival_us)):  # type: ignore[arg-type]
                letters.setdefault(letter.category, []).append(letter.raw)
    final = rows_of_alerts([alert for alert in alerts if alert.final]).to_pylist()
    hot = [msgspec.structs.asdict(alert) for alert in newest(alerts).values()]
    stores = {"raw_trades": trades, "anomalies": final, "volume_aggregates": bars, "spreads": spreads, "DynamoDB alerts": hot}
    return Facts({name: Table(name, [plain(row) for row in rows]) for name, rows in stores.items()}, letters), wrong


def _records(settings: Settings, stream: str) -> Records:
    """Every record of a stream by its key, in the order of the log."""
    shards = KinesisShards(settings, stream)
    found: Records = {}
    for shard in shards.list():
        for entry in _entries(shards, shard.id):
            found.setdefault(entry.key, []).append((shard.id, entry.sequence_number, entry.data, entry.arrival_us))
    return found


def _entries(shards: KinesisShards, shard: str) -> Iterator[Entry]:
    iterator: str | None = shards.iterator(shard, "")
    while iterator is not None:
        page = shards.get(iterator, 1_000)
        yield from page.entries
        iterator = page.next if page.entries or page.behind_ms else None


def _against_reference(symbol: str, records: list[tuple[str, str, bytes, int]], found: Outcomes, settings: Settings) -> list[str]:
    lines: list[tuple[Position, Any]] = [
        (Position(shard, int(number), index), line)
        for shard, number, data, _ in records
        for index, line in enumerate(read_record(data, frozenset({symbol})))
    ]
    due = reference(lines, symbol, settings)
    wrong = compare_hot(newest(due.alerts), newest(found.alerts).values()).sentences()
    wrong += [f"{symbol}: bars differ from the reference's"] if due.bars != found.bars else []
    wrong += [f"{symbol}: spreads differ from the reference's"] if due.spreads != found.spreads else []
    return [f"against its own log: {line}" for line in wrong]
