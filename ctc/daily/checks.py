"""The step `quality-checks`: counts and schema of what the lake holds of a day (PRD 11.2)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import msgspec

from ctc.aws.columns import iceberg_schema
from ctc.aws.historical import PREFIX, files
from ctc.aws.lakehouse import catalog
from ctc.aws.query import LakeReader
from ctc.errors import LakeError
from ctc.schema import ANOMALIES_REPROCESSED, RAW_TRADES, TABLES
from ctc.settings import Settings

CHECKED = (RAW_TRADES.name, ANOMALIES_REPROCESSED.name)
_DAY = "timestamp >= $since and timestamp < $until"
# Each counts rows that break something; the tolerance is PRD 9.1's.
_SQL = {
    "raw_trades: every trade once": f"select count(*) - count(distinct event_id) from raw_trades where {_DAY}",
    "raw_trades: prices and amounts above zero": (
        f"select count(*) from raw_trades where {_DAY} and (price <= 0 or quantity <= 0 or quote_volume <= 0)"
    ),
    "raw_trades: quote volume is price times quantity, or flagged": (
        f"select count(*) from raw_trades where {_DAY} and not is_inconsistent "
        "and abs(price::double * quantity::double - quote_volume::double) > 0.0011 * price::double * quantity::double"
    ),
    "raw_trades: symbols of the session": f"select count(*) from raw_trades where {_DAY} and not list_contains($symbols, symbol)",
    "anomalies_reprocessed: every alert once": f"select count(*) - count(distinct alert_id) from anomalies_reprocessed where {_DAY}",
    "anomalies_reprocessed: known types": (
        f"select count(*) from anomalies_reprocessed where {_DAY} and type not in ('volume_spike', 'whale', 'spread')"
    ),
    "anomalies_reprocessed: whales are above their threshold": (
        f"select count(*) from anomalies_reprocessed where {_DAY} and type = 'whale' and quote_volume <= threshold"
    ),
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
    since = datetime(day.year, day.month, day.day, tzinfo=UTC)
    about: dict[str, object] = {"since": since, "until": since + timedelta(days=1)}
    reader = LakeReader(settings)
    try:
        checks = list(_schemas(settings))
        for what, sql in _SQL.items():
            given = {**about, "symbols": list(settings.session.symbols)} if "$symbols" in sql else about
            checks.append(Check(what, _number(reader, sql, given)))
        trades = _number(reader, f"select count(*) from raw_trades where {_DAY}", about)
        alerts = _number(reader, f"select count(*) from anomalies_reprocessed where {_DAY}", about)
        historical, unmerged = _historical(settings, reader, day)
    finally:
        reader.close()
    checks += [Check("raw_trades: there are trades", int(trades == 0)), Check("raw_trades: has every trade of the day's history", unmerged)]
    return Checked(day, checks, trades, historical, alerts)


def refuse_failed(checked: Checked) -> None:
    """Raise LakeError naming the checks that failed, so that the batch stops and people are told."""
    if checked.failed:
        said = "; ".join(f"{each.what} ({each.broken:,})" for each in checked.failed)
        raise LakeError(f"the lake's {checked.date} does not hold: {said}; see docs/LAKEHOUSE.md, Daily batch")


def _schemas(settings: Settings) -> Iterator[Check]:
    """Columns of `ctc.schema` that a table lacks or has otherwise; more of them are no fault (the job `evolve`)."""
    lake = catalog(settings)
    for name in CHECKED:
        there = {
            field.name: (field.field_type, field.required) for field in lake.load_table((settings.lake.database, name)).schema().fields
        }
        wanted = {field.name: (field.field_type, field.required) for field in iceberg_schema(TABLES[name]).fields}
        yield Check(f"{name}: columns and types", sum(there.get(column) != kind for column, kind in wanted.items()))


def _historical(settings: Settings, reader: LakeReader, day: date) -> tuple[int, int]:
    """Trades in the files of the day, and those of them that the table does not have."""
    if not any(True for _ in files(settings, settings.session.symbols, day, day)):
        return 0, 0
    pattern = f"s3://{settings.lake.raw_bucket}/{PREFIX}symbol=*/date={day.isoformat()}/*.parquet".replace("'", "''")
    past = f"select distinct event_id from read_parquet('{pattern}', hive_partitioning = false)"
    total = _number(reader, f"select count(*) from ({past})", {})
    return total, _number(reader, f"select count(*) from ({past}) where event_id not in (select event_id from raw_trades)", {})


def _number(reader: LakeReader, sql: str, parameters: dict[str, object]) -> int:
    return int(reader.query(sql, parameters or None).column(0)[0].as_py() or 0)
