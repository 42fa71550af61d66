"""`ctc.schema` as Iceberg sees it."""

from __future__ import annotations

from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.transforms import DayTransform, IdentityTransform
from pyiceberg.types import BooleanType, DecimalType, IcebergType, IntegerType, LongType, NestedField, StringType, TimestamptzType

from ctc.schema import DECIMAL, Table

_ICEBERG: dict[str, IcebergType] = {
    "string": StringType(),
    "bigint": LongType(),
    "int": IntegerType(),
    "boolean": BooleanType(),
    "timestamp": TimestamptzType(),
}


def iceberg_schema(table: Table) -> Schema:
    """Columns in order, with field ids from 1; times are timestamptz in microseconds."""
    fields = (
        NestedField(field_id, column.name, _iceberg_type(column.type), required=column.required)
        for field_id, column in enumerate(table.columns, start=1)
    )
    return Schema(*fields)


def partition_spec(table: Table) -> PartitionSpec:
    """By the day of the table's time, then by its part (mostly the symbol), named as Spark names them."""
    ids = {column.name: field_id for field_id, column in enumerate(table.columns, start=1)}
    return PartitionSpec(
        PartitionField(ids[table.time], 1000, DayTransform(), f"{table.time}_day"),
        PartitionField(ids[table.part], 1001, IdentityTransform(), table.part),
    )


def _iceberg_type(word: str) -> IcebergType:
    if found := DECIMAL.fullmatch(word):
        return DecimalType(int(found[1]), int(found[2]))
    return _ICEBERG[word]
