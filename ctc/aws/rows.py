"""Findings as Arrow rows of their tables, money exact."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pyarrow as pa

from ctc.arrow import arrow_schema
from ctc.errors import LakeError
from ctc.model import Alert, Bar, Spread
from ctc.quality.counts import Tally
from ctc.quality.rules import RULES
from ctc.schema import ANOMALIES, QUALITY, SPREADS, VOLUME_AGGREGATES, WALLET_SCORES, Table
from ctc.wallets.scored import ScoreRun, WalletScore


def rows_of_alerts(alerts: Iterable[Alert]) -> pa.Table:
    """`anomalies`: `timestamp` is the event time, `rule` the name after the dot (`whale.split` is `split`)."""
    return _table(ANOMALIES, map(_anomaly, alerts))


def rows_of_bars(bars: Iterable[Bar]) -> pa.Table:
    """`volume_aggregates`, one row a closed bar."""
    return _table(VOLUME_AGGREGATES, map(msgspec.structs.asdict, bars))


def rows_of_spreads(spreads: Iterable[Spread]) -> pa.Table:
    """`spreads`, one row a closed window."""
    return _table(SPREADS, map(msgspec.structs.asdict, spreads))


def rows_of_quality(tallies: Iterable[Tally]) -> pa.Table:
    """`quality`: a row a symbol, minute and measure that counted anything."""
    return _table(QUALITY, (row for tally in tallies for row in _measures(tally)))


def rows_of_scores(run: ScoreRun, scores: Iterable[WalletScore]) -> pa.Table:
    """`wallet_scores`, one row a score."""
    tape = run.tape
    same = {
        "run": run.run,
        "coins": ",".join(tape.coins),
        "tape_since": tape.since,
        "tape_until": tape.until,
        "snapshot": tape.snapshot,
    }
    return _table(WALLET_SCORES, ({**msgspec.structs.asdict(score), **same} for score in scores))


def _measures(tally: Tally) -> Iterator[dict[str, Any]]:
    totals = {"processed": tally.processed, "passed": tally.passed, "failed": tally.failed}
    for measure, records in {**totals, **dict(sorted(tally.rules.items()))}.items():
        dimension = RULES[measure].dimension if measure in RULES else None
        if records:
            yield {"symbol": tally.symbol, "timestamp": tally.minute, "measure": measure, "dimension": dimension, "records": records}


def _anomaly(alert: Alert) -> dict[str, Any]:
    values = msgspec.structs.asdict(alert)
    values["timestamp"] = values["event_time"]
    values["rule"] = alert.rule.rpartition(".")[2]
    return values


def _table(table: Table, rows: Iterable[dict[str, Any]]) -> pa.Table:
    """The table's columns by name. Raises LakeError for a value that its column can't hold exactly."""
    listed = list(rows)
    schema = arrow_schema(table)
    arrays = [_column(table, field, [row[field.name] for row in listed]) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def _column(table: Table, field: pa.Field, values: list[Any]) -> pa.Array:
    try:
        if None in values and not field.nullable:
            raise LakeError(f"{table.name}.{field.name} is required, but a row has none; correct what made the row")
        return pa.array(values, field.type)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        worst = max((v for v in values if isinstance(v, Decimal)), key=abs, default=None)
        raise LakeError(f"{table.name}.{field.name} can't hold a value exactly (largest: {worst}): {error}") from error
