"""Columns that a table has beyond `ctc.schema`: what the job `evolve` added, with what new rows hold in them.

The table says it itself, by symbol, in the property `ctc.by-symbol.COLUMN`: a writer that runs meanwhile fills the column from its
next commit on, without a new version of the code. Such a column is nobody's whose rows are written: what can't be put into it is
left out, and said in the log, and no commit fails for it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from functools import lru_cache

import msgspec
import pyarrow as pa
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.schema import Schema

from ctc.codec import JSON_TROUBLE, json_trouble

BY_SYMBOL = "ctc.by-symbol."
_VALUES = msgspec.json.Decoder(dict[str, int | str])
log = logging.getLogger("ctc.lake")


def filled(rows: pa.Table, schema: Schema, properties: Mapping[str, str]) -> pa.Table:
    """The rows with the table's added columns, null where the property has no value for a symbol, or none that the column can hold."""
    types = {field.name: field for field in schema_to_pyarrow(schema, include_field_ids=False)}
    for name, said in properties.items():
        column = name.removeprefix(BY_SYMBOL)
        if column == name or column not in types or column in rows.column_names:
            continue
        values = _values(name, said, types[column].type)
        added = pa.array([values.get(symbol) for symbol in rows.column("symbol").to_pylist()], types[column].type)
        rows = rows.append_column(types[column], added)
    return rows


@lru_cache(maxsize=64)  # a commit a second asks again: what is wrong is logged once
def _values(name: str, said: str, kind: pa.DataType) -> Mapping[str, int | str]:
    """What a property says, as far as a column of this type can hold it."""
    try:
        values = _VALUES.decode(said)
    except JSON_TROUBLE as error:
        log.error(
            "the table's property %s is no object of values by symbol (%s): new rows read NULL; run the job evolve",
            name,
            json_trouble(error),
        )
        return {}
    fit: dict[str, int | str] = {}
    for symbol, value in values.items():
        try:
            pa.scalar(value, kind)
        except (pa.ArrowException, ArithmeticError, TypeError, ValueError) as error:
            log.error("the table's property %s has %r for %s (%s): new rows read NULL; run the job evolve", name, value, symbol, error)
        else:
            fit[symbol] = value
    return fit
