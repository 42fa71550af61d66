"""Exact comparison of what the platform stored with what it should have: alerts with the reference's, trades with the tape's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from heapq import merge
from itertools import groupby
from typing import Any, NamedTuple

import msgspec

from ctc.model import Alert
from ctc.schema import ANOMALIES

NAMED = 5  # how many differences are spelt out
HOT_FIELDS = tuple(name for name in Alert.__struct_fields__ if name not in ("alert_id", "message"))
LAKE_FIELDS = tuple(name for name in ANOMALIES.names if name not in ("alert_id", "message"))


class Equality(msgspec.Struct, frozen=True, kw_only=True):
    """Alerts of one store against the reference's, each alert's newest revision, all fields but the message."""

    store: str
    expected: int
    found: int
    missing: int
    extra: int
    doubled: int
    different: int
    first: list[str]

    @property
    def exact(self) -> bool:
        return not (self.missing or self.extra or self.doubled or self.different)

    def sentences(self) -> list[str]:
        """Empty when exact, else what is wrong."""
        if self.exact:
            return []
        head = (
            f"{self.store}: {self.missing} rows missing, {self.extra} extra, {self.doubled} doubled and {self.different} different "
            f"from the reference's {self.expected}."
        )
        return [head, *self.first]


class TapeTrade(NamedTuple):
    """A market trade as both the tape and `raw_trades` have it."""

    exchange: str
    native_symbol: str
    kind: str
    trade_id: int
    price: Decimal
    quantity: Decimal
    side: str
    timestamp: datetime

    @property
    def key(self) -> tuple[str, str, str, int]:
        return self[:4]


class TradeCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Rows of `raw_trades` against the tape. Checks of several markets add up: `a + b`."""

    tape: int = 0
    lake: int = 0
    missing: int = 0
    extra: int = 0
    doubled: int = 0
    different: int = 0
    first: list[str] = []

    @property
    def exact(self) -> bool:
        return not (self.missing or self.extra or self.doubled or self.different)

    def sentences(self) -> list[str]:
        """Empty when exact, else what is wrong."""
        if self.exact:
            return []
        head = (
            f"raw_trades: {self.missing} of {self.tape} trades missing, {self.extra} extra, {self.doubled} doubled and "
            f"{self.different} different from the tape."
        )
        return [head, *self.first]

    def __add__(self, other: TradeCheck) -> TradeCheck:
        sums = {name: getattr(self, name) + getattr(other, name) for name in self.__struct_fields__ if name != "first"}
        return TradeCheck(**sums, first=(self.first + other.first)[:NAMED])


def newest(alerts: Iterable[Alert]) -> dict[str, Alert]:
    """The highest revision of each alert by id, in the order in which ids were first said."""
    found: dict[str, Alert] = {}
    for alert in alerts:
        if alert.alert_id not in found or alert.revision > found[alert.alert_id].revision:
            found[alert.alert_id] = alert
    return found


def compare_hot(wanted: Mapping[str, Alert], found: Iterable[Alert]) -> Equality:
    """DynamoDB's alerts against the reference's newest revisions."""
    rows = [(alert.alert_id, {name: getattr(alert, name) for name in HOT_FIELDS}) for alert in found]
    due = {key: {name: getattr(alert, name) for name in HOT_FIELDS} for key, alert in wanted.items()}
    return _compare("DynamoDB", wanted, due, rows)


def compare_lake(wanted: Mapping[str, Alert], found: Iterable[Mapping[str, Any]]) -> Equality:
    """Rows of `anomalies` (columns of ctc.schema.ANOMALIES) against the reference's newest revisions."""
    rows = [(str(row["alert_id"]), {name: _plain(name, row.get(name)) for name in LAKE_FIELDS}) for row in found]
    due = {key: {name: _plain(name, _lake_value(alert, name)) for name in LAKE_FIELDS} for key, alert in wanted.items()}
    return _compare("anomalies", wanted, due, rows)


def _lake_value(alert: Alert, column: str) -> Any:
    return getattr(alert, "event_time" if column == "timestamp" else column)


def _plain(column: str, value: Any) -> Any:
    """One form for values of tables and structs: rules by their short names, moments aware and in UTC."""
    if column == "rule" and value is not None:
        return str(value).rpartition(".")[2]
    if isinstance(value, datetime):
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    return value


def _compare(
    store: str, wanted: Mapping[str, Alert], due: Mapping[str, dict[str, Any]], rows: list[tuple[str, dict[str, Any]]]
) -> Equality:
    found = dict(rows)
    missing = [key for key in due if key not in found]
    extra = sorted(key for key in found if key not in due)
    different = [key for key in due if key in found and found[key] != due[key]]
    named = [f"missing: {_name(wanted[key])}" for key in missing[:NAMED]]
    named += [f"extra: {found[key]['rule']} {found[key]['exchange']} {found[key]['symbol']} ({key})" for key in extra[:NAMED]]
    named += [f"different: {_name(wanted[key])}: {_unlike(found[key], due[key])}" for key in different[:NAMED]]
    return Equality(
        store=store,
        expected=len(due),
        found=len(rows),
        missing=len(missing),
        extra=len(extra),
        doubled=len(rows) - len(found),
        different=len(different),
        first=named,
    )


def _name(alert: Alert) -> str:
    when = alert.event_time.isoformat(timespec="milliseconds")
    return f"{alert.rule} {alert.exchange} {alert.symbol} at {when} ({alert.alert_id})"


def _unlike(found: Mapping[str, Any], due: Mapping[str, Any]) -> str:
    parts = [f"{name} is {found[name]!s}, not {value!s}" for name, value in due.items() if found[name] != value]
    return "; ".join(parts)


def compare_trades(tape: Iterable[TapeTrade], lake: Iterable[TapeTrade]) -> TradeCheck:
    """Every trade of the tape once and no other, in whatever order. Holds both: millions are for `compare_sorted`."""
    return compare_sorted(sorted(tape, key=_key), sorted(lake, key=_key))


def compare_sorted(tape: Iterable[TapeTrade], lake: Iterable[TapeTrade]) -> TradeCheck:
    """The same of two sides that ascend by `TapeTrade.key`, in memory for one trade of each."""
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    missing: list[str] = []
    both = merge(((False, trade) for trade in tape), ((True, trade) for trade in lake), key=_key_of_side)
    for _, group in groupby(both, key=_key_of_side):
        due, rows = None, list[TapeTrade]()
        for stored, trade in group:
            if stored:
                rows.append(trade)
            else:
                due = trade
        counts.update(tape=due is not None, lake=len(rows))
        if due is not None and not rows:
            counts["missing"] += 1
            _name_one(missing, f"missing: {due}")
            continue
        if due is None:
            counts["extra"] += 1
            _name_one(wrong, f"extra: {rows[0]}")
        elif due != rows[0]:
            counts["different"] += 1
            _name_one(wrong, f"different from {due[4:]}: {rows[0]}")
        for row in rows[1:]:
            counts["doubled"] += 1
            _name_one(wrong, f"doubled: {row}")
    return TradeCheck(**counts, first=(wrong + missing)[:NAMED])


def _key(trade: TapeTrade) -> tuple[str, str, str, int]:
    return trade[:4]


def _key_of_side(each: tuple[bool, TapeTrade]) -> tuple[str, str, str, int]:
    return each[1][:4]


def _name_one(named: list[str], words: str) -> None:
    if len(named) < NAMED:
        named.append(words)


def compare_rows(table: str, key: tuple[str, ...], due: Iterable[Mapping[str, Any]], found: Iterable[Mapping[str, Any]]) -> Equality:
    """Rows of a table of closed windows against the reference's, by key, all the reference's fields."""
    wanted = {tuple(_plain("", row[name]) for name in key): row for row in due}
    rows = [(tuple(_plain("", row[name]) for name in key), row) for row in found]
    have = dict(rows)
    missing = [each for each in wanted if each not in have]
    extra = [each for each in have if each not in wanted]
    different = [
        (each, name)
        for each, row in wanted.items()
        if each in have
        for name, value in row.items()
        if _plain(name, have[each][name]) != _plain(name, value)
    ]
    named = [f"missing: {each}" for each in missing[:NAMED]] + [f"extra: {each}" for each in extra[:NAMED]]
    named += [f"different: {each} {name}: {have[each][name]}, not {wanted[each][name]}" for each, name in different[:NAMED]]
    return Equality(
        store=table,
        expected=len(wanted),
        found=len(rows),
        missing=len(missing),
        extra=len(extra),
        doubled=len(rows) - len(have),
        different=len({each for each, _ in different}),
        first=named,
    )
