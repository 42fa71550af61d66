"""The step `update-catalog`: the tables' column statistics in Glue, which Athena plans joins by (PRD 11.2).

Done again, they are the same.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ctc.aws.clients import client, translating
from ctc.aws.scan import LakeScan
from ctc.daily.distinct import Distinct
from ctc.schema import ANOMALIES, ANOMALIES_REPROCESSED, RAW_TRADES, SPREADS, VOLUME_AGGREGATES, Table
from ctc.settings import Settings

# What questions join and filter by.
COLUMNS: dict[Table, tuple[str, ...]] = {
    RAW_TRADES: ("symbol", "exchange", "trade_id", "timestamp", "price", "quote_volume"),
    ANOMALIES: ("symbol", "exchange", "type", "timestamp"),
    ANOMALIES_REPROCESSED: ("symbol", "exchange", "type", "timestamp"),
    VOLUME_AGGREGATES: ("symbol", "exchange", "window_start", "quote_volume"),
    SPREADS: ("symbol", "window_start", "spread_pct"),
}
# As the figures are made of them: text of whatever width, and times in UTC that name no zone, for which a function may have no tables.
_PLAIN = {"string": pa.string(), "timestamp": pa.timestamp("us")}


class Refreshed(msgspec.Struct, frozen=True):
    """A table whose statistics are those of now."""

    table: str
    rows: int
    columns: int


class Column:
    """What Glue keeps of one column, batch after batch."""

    def __init__(self) -> None:
        self.rows = self.nulls = self.letters = self.longest = 0
        self.low: Any = None
        self.high: Any = None
        self._distinct = Distinct()

    @property
    def distinct(self) -> int:
        return self._distinct.count()

    def add(self, values: pa.Array) -> None:
        self.rows += len(values)
        self.nulls += values.null_count
        there = values.drop_null()
        if not len(there):
            return
        bounds = pc.min_max(there)
        low, high = (bounds[which].as_py() for which in ("min", "max"))
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        self._distinct.add(there)
        if pa.types.is_string(there.type):
            lengths = pc.utf8_length(there)
            self.letters += pc.sum(lengths).as_py()
            self.longest = max(self.longest, pc.max(lengths).as_py())


def update_catalog(settings: Settings) -> list[Refreshed]:
    """Measure and write. Raises LakeError when a table can't be read, StoreError when Glue refuses."""
    glue: Any = client("glue", settings)
    lake = LakeScan(settings)
    done = []
    for table, names in COLUMNS.items():
        rows, found = _measured(lake, table, names)
        with translating(f"writing the statistics of {table.name} to Glue", settings):
            answer = glue.update_column_statistics_for_table(
                DatabaseName=settings.lake.database, TableName=table.name, ColumnStatisticsList=found
            )
        done.append(Refreshed(table.name, rows, len(found) - len(answer.get("Errors", ()))))
    return done


def _measured(lake: LakeScan, table: Table, names: tuple[str, ...]) -> tuple[int, list[dict[str, Any]]]:
    types, columns = {column.name: column.type for column in table.columns}, {name: Column() for name in names}
    for batch in lake.batches(table, names):
        for name, column in columns.items():
            column.add(batch.column(name).cast(_PLAIN.get(types[name], batch.column(name).type)))
    now = datetime.now(UTC)
    found = [
        {"ColumnName": name, "ColumnType": types[name], "AnalyzedTime": now, "StatisticsData": _statistics(types[name], column)}
        for name, column in columns.items()
        if column.low is not None
    ]
    return columns[names[0]].rows, found


def _statistics(kind: str, said: Column) -> dict[str, Any]:
    """Glue's form of one column's figures; times as days, as Glue has no other."""
    counts = {"NumberOfNulls": said.nulls, "NumberOfDistinctValues": said.distinct}
    low, high = said.low, said.high
    if kind == "string":
        mean = said.letters / (said.rows - said.nulls)
        return {"Type": "STRING", "StringColumnStatisticsData": {**counts, "MaximumLength": said.longest, "AverageLength": mean}}
    if kind == "timestamp":
        return {"Type": "DATE", "DateColumnStatisticsData": {**counts, "MinimumValue": _midnight(low), "MaximumValue": _midnight(high)}}
    if kind.startswith("decimal"):
        return {"Type": "DECIMAL", "DecimalColumnStatisticsData": {**counts, "MinimumValue": _decimal(low), "MaximumValue": _decimal(high)}}
    return {"Type": "LONG", "LongColumnStatisticsData": {**counts, "MinimumValue": low, "MaximumValue": high}}


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=UTC)


def _decimal(value: Decimal) -> dict[str, Any]:
    """Unscaled, as big-endian two's complement, with its scale."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "amounts are finite"
    unscaled = int(value.scaleb(-exponent))
    return {"UnscaledValue": unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True), "Scale": -exponent}
