"""The step `update-catalog`: the tables' column statistics in Glue, which Athena plans joins by (PRD 11.2).

Done again, they are the same.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec

from ctc.aws.clients import client, translating
from ctc.aws.query import LakeReader
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
_EPOCH = date(1970, 1, 1)


class Refreshed(msgspec.Struct, frozen=True):
    """A table whose statistics are those of now."""

    table: str
    rows: int
    columns: int


def update_catalog(settings: Settings) -> list[Refreshed]:
    """Measure and write. Raises LakeError when a table can't be read, StoreError when Glue refuses."""
    glue: Any = client("glue", settings)
    reader = LakeReader(settings)
    done = []
    try:
        for table, names in COLUMNS.items():
            rows, found = _measured(reader, table, names)
            with translating(f"writing the statistics of {table.name} to Glue", settings):
                answer = glue.update_column_statistics_for_table(
                    DatabaseName=settings.lake.database, TableName=table.name, ColumnStatisticsList=found
                )
            done.append(Refreshed(table.name, rows, len(found) - len(answer.get("Errors", ()))))
    finally:
        reader.close()
    return done


def _measured(reader: LakeReader, table: Table, names: tuple[str, ...]) -> tuple[int, list[dict[str, Any]]]:
    types = {column.name: column.type for column in table.columns}
    parts = [
        f"struct_pack(nulls := count(*) - count({name}), distinct_values := approx_count_distinct({name}), "
        f"low := min({name}), high := max({name})"
        + (f", longest := max(length({name})), mean := avg(length({name}))" if types[name] == "string" else "")
        + f") as {name}"
        for name in names
    ]
    (row,) = reader.query(f"select count(*) as rows_, {', '.join(parts)} from {table.name}").to_pylist()  # noqa: S608 - our own names
    now = datetime.now(UTC)
    found = [
        {"ColumnName": name, "ColumnType": types[name], "AnalyzedTime": now, "StatisticsData": _statistics(types[name], row[name])}
        for name in names
        if row[name]["low"] is not None
    ]
    return row["rows_"], found


def _statistics(kind: str, said: dict[str, Any]) -> dict[str, Any]:
    """Glue's form of one column's figures; times as days, as Glue has no other."""
    counts = {"NumberOfNulls": said["nulls"], "NumberOfDistinctValues": said["distinct_values"]}
    low, high = said["low"], said["high"]
    if kind == "string":
        return {"Type": "STRING", "StringColumnStatisticsData": {**counts, "MaximumLength": said["longest"], "AverageLength": said["mean"]}}
    if kind == "timestamp":
        return {"Type": "DATE", "DateColumnStatisticsData": {**counts, "MinimumValue": _midnight(low), "MaximumValue": _midnight(high)}}
    if kind.startswith("decimal"):
        return {"Type": "DECIMAL", "DecimalColumnStatisticsData": {**counts, "MinimumValue": _decimal(low), "MaximumValue": _decimal(high)}}
    return {"Type": "LONG", "LongColumnStatisticsData": {**counts, "MinimumValue": low, "MaximumValue": high}}


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _decimal(value: Decimal) -> dict[str, Any]:
    """Unscaled, as big-endian two's complement, with its scale."""
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "amounts are finite"
    unscaled = int(value.scaleb(-exponent))
    return {"UnscaledValue": unscaled.to_bytes(unscaled.bit_length() // 8 + 1, "big", signed=True), "Scale": -exponent}
