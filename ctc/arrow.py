"""`ctc.schema` as Arrow sees it; apart from Iceberg's side, whose import every Spark worker would pay for."""

from __future__ import annotations

import pyarrow as pa

from ctc.schema import DECIMAL, Table

_ARROW: dict[str, pa.DataType] = {
    "string": pa.string(),
    "bigint": pa.int64(),
    "int": pa.int32(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
}


def arrow_schema(table: Table) -> pa.Schema:
    """The table's columns in order, required ones not nullable."""
    return pa.schema([pa.field(column.name, _arrow_type(column.type), nullable=not column.required) for column in table.columns])


def _arrow_type(word: str) -> pa.DataType:
    if found := DECIMAL.fullmatch(word):
        return pa.decimal128(int(found[1]), int(found[2]))
    return _ARROW[word]
