"""Columns beyond `ctc.schema`: filled where the table's property fits them, and nobody's trouble where it does not."""

from __future__ import annotations

import logging

import pyarrow as pa
import pytest
from pyiceberg.types import IntegerType, LongType, NestedField, PrimitiveType, StringType
from samples_lake import bar

from ctc.aws.columns import iceberg_schema
from ctc.aws.evolved import BY_SYMBOL, filled
from ctc.aws.lakehouse import TableAppender, catalog, create_tables, rows_of_bars
from ctc.schema import VOLUME_AGGREGATES
from ctc.settings import Settings

BARS = rows_of_bars([bar(0), bar(1, symbol="ETH-USDT")])


def column(kind: PrimitiveType, said: str) -> list[object]:
    """What two new rows, of BTC and ETH, hold in a column of this type."""
    own = iceberg_schema(VOLUME_AGGREGATES)
    schema = type(own)(*own.fields, NestedField(100, "added", kind, required=False))
    rows: pa.Table = filled(BARS, schema, {f"{BY_SYMBOL}added": said})
    assert rows.select(BARS.column_names) == BARS
    return list(rows.column("added").to_pylist())


@pytest.mark.parametrize(
    ("kind", "said", "held"),
    [
        (IntegerType(), '{"BTC-USDT": 1}', [1, None]),
        (LongType(), '{"BTC-USDT": 3000000000, "ETH-USDT": -2}', [3_000_000_000, -2]),
        (StringType(), '{"ETH-USDT": "one"}', [None, "one"]),
    ],
)
def test_new_rows_hold_what_the_property_says(kind: PrimitiveType, said: str, held: list[object]) -> None:
    assert column(kind, said) == held


@pytest.mark.parametrize(
    ("kind", "said", "held", "why"),
    [
        (IntegerType(), '{"BTC-USDT": "one", "ETH-USDT": 7}', [None, 7], "'one' for BTC-USDT"),
        (IntegerType(), '{"BTC-USDT": 3000000000, "ETH-USDT": 8}', [None, 8], "3000000000 for BTC-USDT"),
        (LongType(), '{"BTC-USDT": 9223372036854775808}', [None, None], "9223372036854775808 for BTC-USDT"),
        (StringType(), '{"BTC-USDT": 1}', [None, None], "1 for BTC-USDT"),
        (StringType(), '{"BTC-USDT": 1.5}', [None, None], "no object of values by symbol"),
        (StringType(), '["BTC-USDT"]', [None, None], "no object of values by symbol"),
        (StringType(), '{"BTC-USDT": "a"b"}', [None, None], "no object of values by symbol"),
    ],
)
def test_what_does_not_fit_reads_null_and_is_logged_once(
    kind: PrimitiveType, said: str, held: list[object], why: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "ctc.lake"):
        assert column(kind, said) == column(kind, said) == held
    (told,) = caplog.messages
    assert f"{BY_SYMBOL}added" in told
    assert why in told


@pytest.mark.emulator
def test_commits_go_on_where_a_property_does_not_fit(emulator: Settings) -> None:
    create_tables(emulator)
    table = catalog(emulator).load_table((emulator.lake.database, VOLUME_AGGREGATES.name))
    with table.update_schema() as change:
        change.add_column("market_cap_rank", IntegerType())
    with table.transaction() as changes:
        changes.set_properties({f"{BY_SYMBOL}market_cap_rank": '{"BTC-USDT": "first", "ETH-USDT": 2}'})
    assert TableAppender(emulator).append_once(VOLUME_AGGREGATES.name, BARS, query="detect", run="r", batch_id=0)
    found = catalog(emulator).load_table((emulator.lake.database, VOLUME_AGGREGATES.name)).scan().to_arrow().to_pylist()
    assert {(row["symbol"], row["market_cap_rank"]) for row in found} == {("BTC-USDT", None), ("ETH-USDT", 2)}
