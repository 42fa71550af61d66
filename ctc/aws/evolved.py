"""Columns that a table has beyond `ctc.schema`: what the job `evolve` added, with what new rows hold in them.

The table says it itself, by symbol, in the property `ctc.by-symbol.COLUMN`: a writer that runs meanwhile fills the column from its
next commit on, without a new version of the code.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema

BY_SYMBOL = "ctc.by-symbol."
_VALUES = msgspec.json.Decoder(dict[str, int | str])


def filled(rows: pa.Table, schema: Schema, properties: Mapping[str, str]) -> pa.Table:
    """The rows with the table's added columns, null where the property has no value for a symbol."""
    types = {field.name: field for field in schema_to_pyarrow(schema, include_field_ids=False)}
    for name, said in properties.items():
        column = name.removeprefix(BY_SYMBOL)
        if column == name or column not in types or column in rows.column_names:
            continue
        values = _VALUES.decode(said)
        added = pa.array([values.get(symbol) for symbol in rows.column("symbol").to_pylist()], types[column].type)
        rows = rows.append_column(types[column], added)
    return rows
