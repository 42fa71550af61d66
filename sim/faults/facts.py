"""What a session left in its stores, as far as it does not depend on when it ran: the two sides of every comparison."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ctc.aws.dead_letters import DeadLetters
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.query import LakeReader
from ctc.model import EPOCH
from ctc.settings import Settings
from sim.report import all_alerts

Row = tuple[Any, ...]
LINEAGE = frozenset({"shard", "sequence_number", "position"})
# What may differ between two runs: when it was read, where it lies in the log, how it came.
UNCOMPARED = LINEAGE | {"ingestion_timestamp", "is_backfilled", "backfilled"}
KEYS = {
    "raw_trades": ("exchange", "market", "native_symbol", "kind", "trade_id"),
    "anomalies": ("alert_id",),
    "volume_aggregates": ("exchange", "symbol", "window_start"),
    "spreads": ("symbol", "window_start"),
    "DynamoDB alerts": ("alert_id",),
    "DynamoDB bars": ("exchange", "symbol", "window_start"),
    "DynamoDB spreads": ("symbol", "window_start"),
    "DynamoDB snapshots": ("symbol",),
}
LAKE = ("raw_trades", "anomalies", "volume_aggregates", "spreads")
# Of a snapshot, those of the newest write alone are no facts.
_PAYLOAD = "raw_event_payload"
_SNAPSHOT = frozenset({"updated_at", "duplicates"})
NAMED = 5


class Table(msgspec.Struct, frozen=True):
    """Rows of one store as field -> value, in no order."""

    store: str
    rows: list[dict[str, Any]]

    def keyed(self) -> dict[Row, list[dict[str, Any]]]:
        """Rows by their key; more than one under a key is a doubled row."""
        found: dict[Row, list[dict[str, Any]]] = {}
        for row in self.rows:
            found.setdefault(tuple(row[name] for name in KEYS[self.store]), []).append(row)
        return found


class Facts(msgspec.Struct, frozen=True):
    """Every compared store by name, and the dead letters: how many under each category and reason."""

    tables: dict[str, Table]
    letters: dict[str, list[bytes]]

    def count(self, store: str) -> int:
        """Rows of a store."""
        return len(self.tables[store].rows) if store in self.tables else 0


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """One store of a disturbed session against what it had to hold."""

    store: str
    expected: int
    found: int
    missing: int
    extra: int
    doubled: int
    different: int
    first: list[str]

    @property
    def none(self) -> bool:
        """Whether the store holds exactly what it should."""
        return not (self.missing or self.extra or self.doubled or self.different)


def read_facts(settings: Settings) -> Facts:
    """All of them; the emulator must be up, and no query may still be writing."""
    lake = LakeReader(settings)
    try:
        tables = [Table(name, [plain(row) for row in lake.query(f"select * from {name}").to_pylist()]) for name in LAKE]  # noqa: S608
    finally:
        lake.close()
    tables.append(Table("DynamoDB alerts", [plain(msgspec.structs.asdict(alert)) for alert in all_alerts(settings)]))
    tables += _metrics(settings)
    return Facts({table.store: table for table in tables}, dead_letters(settings))


def plain(row: Mapping[str, Any], without: frozenset[str] = UNCOMPARED) -> dict[str, Any]:
    """A row without what may differ between two runs."""
    found = {name: value for name, value in row.items() if name not in without}
    if row.get("is_backfilled"):
        del found[_PAYLOAD]  # REST's body instead of the frame
    return found


def _metrics(settings: Settings) -> Iterator[Table]:
    store = DynamoMetrics(settings)
    snapshots = [msgspec.structs.asdict(each) for each in store.snapshots()]
    yield Table("DynamoDB snapshots", [plain(row, _SNAPSHOT) for row in snapshots])
    symbols = settings.session.symbols
    yield Table("DynamoDB bars", [msgspec.structs.asdict(bar) for symbol in symbols for bar in store.bars(symbol, EPOCH)])
    yield Table("DynamoDB spreads", [msgspec.structs.asdict(each) for symbol in symbols for each in store.spreads(symbol, EPOCH)])


def dead_letters(settings: Settings) -> dict[str, list[bytes]]:
    """Raw bytes of the dead letters by category."""
    found: dict[str, list[bytes]] = {}
    for letter in DeadLetters(settings).find():
        found.setdefault(letter.category, []).append(letter.raw)
    return found


def compare(expected: Facts, found: Facts, stores: Iterable[str] = KEYS) -> list[Difference]:
    """Store by store, field by field; a session without Spark has some of them."""
    return [
        _compare(expected.tables[store], found.tables[store]) for store in stores if store in expected.tables.keys() & found.tables.keys()
    ]


def _compare(due: Table, have: Table) -> Difference:
    wanted, rows = due.keyed(), have.keyed()
    missing = [key for key in wanted if key not in rows]
    extra = [key for key in rows if key not in wanted]
    different = [key for key in wanted if key in rows and not _alike(rows[key][0], wanted[key][0])]
    doubled = [key for key in rows if len(rows[key]) > len(wanted.get(key, [None]))]
    named = [f"{due.store} misses {_show(key)}" for key in missing[:NAMED]]
    named += [f"{due.store} has {_show(key)} too much" for key in extra[:NAMED]]
    named += [f"{due.store} has {_show(key)} {len(rows[key])} times" for key in doubled[:NAMED]]
    named += [f"{due.store}, {_show(key)}: {_unlike(rows[key][0], wanted[key][0])}" for key in different[:NAMED]]
    return Difference(
        store=due.store,
        expected=len(due.rows),
        found=len(have.rows),
        missing=len(missing),
        extra=len(extra),
        doubled=len(doubled),
        different=len(different),
        first=named,
    )


def _alike(found: Mapping[str, Any], due: Mapping[str, Any]) -> bool:
    return found == due or (_PAYLOAD not in found and {**found, _PAYLOAD: None} == {**due, _PAYLOAD: None})


def _show(key: Row) -> str:
    return " ".join(str(part) for part in key)


def _unlike(found: Mapping[str, Any], due: Mapping[str, Any]) -> str:
    return "; ".join(f"{name} is {found.get(name)!s}, not {value!s}" for name, value in due.items() if found.get(name) != value)
