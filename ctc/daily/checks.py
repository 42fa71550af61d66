"""The step `quality-checks`: counts and schema of what the lake holds of a day (PRD 11.2)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

import msgspec
import pyarrow as pa
import pyarrow.compute as pc

from ctc.aws.historical import files, read
from ctc.aws.scan import LakeScan
from ctc.errors import LakeError
from ctc.schema import ANOMALIES_REPROCESSED, RAW_TRADES, Table
from ctc.settings import Settings

Rules = Mapping[str, Any]  # conditions on a row that breaks them, by what they say of all rows
KEYS = {RAW_TRADES: ("event_id", "trade"), ANOMALIES_REPROCESSED: ("alert_id", "alert")}
_field = pc.field
_ZERO = pc.scalar(pa.scalar(0, pa.decimal128(38, 18)))
_EXACT = _field("price").cast("double") * _field("quantity").cast("double")
_ALERTS: Rules = {
    "known types": ~_field("type").isin(["volume_spike", "whale", "spread"]),
    "whales are above their threshold": (_field("type") == "whale") & (_field("quote_volume") <= _field("threshold")),
}


class Check(msgspec.Struct, frozen=True):
    """One check of a day: how many rows broke it."""

    what: str
    broken: int


class Checked(msgspec.Struct, frozen=True):
    """All checks of a day, and what was counted of it."""

    date: date
    checks: list[Check]
    trades: int
    historical: int
    alerts: int

    @property
    def failed(self) -> list[Check]:
        return [check for check in self.checks if check.broken]


def check(settings: Settings, day: date) -> Checked:
    """Look at a day of the lake; changes nothing. Raises LakeError when it can't be read."""
    lake = LakeScan(settings)
    schemas = [Check(f"{table.name}: columns and types", lake.differing(table)) for table in KEYS]
    of_trades, trades = _looked(lake, RAW_TRADES, _trades(settings), day)
    of_alerts, alerts = _looked(lake, ANOMALIES_REPROCESSED, _ALERTS, day)
    past = _past(settings, day)
    unmerged = len(past) - (pc.sum(pc.is_in(past, value_set=trades)).as_py() or 0)
    of_day = [
        Check("raw_trades: there are trades", int(len(trades) == 0)),
        Check("raw_trades: has every trade of the day's history", unmerged),
    ]
    return Checked(day, [*schemas, *of_trades, *of_alerts, *of_day], len(trades), len(past), len(alerts))


def refuse_failed(checked: Checked) -> None:
    """Raise LakeError naming the checks that failed, so that the batch stops and people are told."""
    if checked.failed:
        said = "; ".join(f"{each.what} ({each.broken:,})" for each in checked.failed)
        raise LakeError(f"the lake's {checked.date} does not hold: {said}; see docs/LAKEHOUSE.md, Daily batch")


def _trades(settings: Settings) -> Rules:
    """The tolerance is PRD 9.1's."""
    return {
        "prices and amounts above zero": (_field("price") <= _ZERO) | (_field("quantity") <= _ZERO) | (_field("quote_volume") <= _ZERO),
        "quote volume is price times quantity, or flagged": ~_field("is_inconsistent")
        & (pc.abs(_EXACT - _field("quote_volume").cast("double")) > pc.scalar(0.0011) * _EXACT),
        "symbols of the session": ~_field("symbol").isin(list(settings.session.symbols)),
    }


def _looked(lake: LakeScan, table: Table, rules: Rules, day: date) -> tuple[list[Check], pa.ChunkedArray]:
    """The checks of a table's day, and its rows' keys."""
    key, noun = KEYS[table]
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    broken, keys = dict.fromkeys(rules, 0), []
    for batch in lake.batches(table, _columns(table), since, since + timedelta(days=1)):
        keys.append(batch.column(key).cast(pa.string()))
        for what, breaks in rules.items():
            broken[what] += batch.filter(breaks).num_rows
    every = pa.chunked_array(keys, pa.string())
    broken = {f"every {noun} once": len(every) - pc.count_distinct(every).as_py(), **broken}
    return [Check(f"{table.name}: {what}", rows) for what, rows in broken.items()], every


def _columns(table: Table) -> list[str]:
    used = {*(key for key, _ in KEYS.values()), "symbol", "price", "quantity", "quote_volume", "is_inconsistent", "type", "threshold"}
    return [name for name in table.names if name in used]


def _past(settings: Settings, day: date) -> pa.Array:
    """Keys of the trades in the day's files of history, each once."""
    found = [read(settings, key).column("event_id") for key in files(settings, settings.session.symbols, day, day)]
    return pc.unique(pa.chunked_array([chunk for column in found for chunk in column.chunks], pa.string()))
