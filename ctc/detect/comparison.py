"""Two computations of the same alerts, compared: same, added, gone or changed, each with its reason.

The reason is found by computing, not by guessing: between the stream's alerts and the new ones lies a third set, by the stream's
own rules over the new lines. What already differs there differs for the data; what only differs after it, for the rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal

import msgspec

from ctc.schema import ANOMALIES

Verdict = Literal["same", "added", "gone", "changed"]
Reason = Literal["", "threshold", "history", "back-fill", "late data", "order of lines", "unexplained"]
Row = Mapping[str, Any]
Minute = tuple[str, str, datetime]  # symbol, exchange, its start

# How an alert was found, not what it says: in event time both are other lines'.
FOUND_BY = frozenset({"detected_at", "shard", "sequence_number", "position"})
# What the trades of an alert's own window come to, whatever their order.
_HELD = ("trade_count", "window_volume", "quantity", "quote_volume", "first_trade_id", "last_trade_id", "binance_vwap", "coinbase_vwap")
BASELINE = 60  # minutes before a bar that its z and score rest on
_DATA: tuple[Reason, ...] = ("history", "back-fill", "late data")  # the first that applies is named


class Difference(msgspec.Struct, frozen=True):
    """One alert; `fields` are those that changed."""

    verdict: Verdict
    reason: Reason
    alert_id: str
    rule: str
    exchange: str
    symbol: str
    timestamp: datetime
    fields: tuple[str, ...] = ()


class Touched(msgspec.Struct, frozen=True):
    """Minutes by what befell their trades after the stream had closed them, or without it."""

    history: frozenset[Minute] = frozenset()
    backfilled: frozenset[Minute] = frozenset()
    late: frozenset[Minute] = frozenset()

    def of(self, minutes: Sequence[Minute]) -> Reason | None:
        """The weightiest thing that befell one of these minutes."""
        for reason, those in zip(_DATA, (self.history, self.backfilled, self.late), strict=True):
            if any(minute in those for minute in minutes):
                return reason
        return None


class Comparison(msgspec.Struct, frozen=True):
    """Every alert of either side."""

    same: int
    differences: list[Difference]

    def summary(self) -> list[tuple[str, str, str, int]]:
        """Rows of verdict, reason, rule and how many alerts, the same ones first."""
        counted = Counter((each.verdict, each.reason, each.rule) for each in self.differences)
        head = [("same", "", "", self.same)]
        return head + [(*key, count) for key, count in sorted(counted.items())]

    @property
    def unexplained(self) -> int:
        return sum(each.reason == "unexplained" for each in self.differences)


def compare(before: Iterable[Row], between: Iterable[Row] | None, after: Iterable[Row], touched: Touched, *, by_time: bool) -> Comparison:
    """The stream's rows of `anomalies`, those of its own rules over the new lines (None: the rules are the stream's), and the new ones.

    `by_time` says that the new lines are in event time; then what merely says how an alert was found does not count as a change.
    """
    old, new = _by_id(before), _by_id(after)
    middle = new if between is None else _by_id(between)
    ignored = FOUND_BY if by_time else frozenset[str]()
    names = [name for name in ANOMALIES.names if name not in ignored]
    found, same = [], 0
    for key in sorted(old.keys() | new.keys()):
        verdict, fields = _verdict(old.get(key), new.get(key), names)
        if verdict == "same":
            same += 1
            continue
        row = new.get(key) or old[key]
        by_data = _verdict(old.get(key), middle.get(key), names)[0] != "same"
        reason: Reason = _reason(old.get(key), middle.get(key), touched, by_time) if by_data else "threshold"
        found.append(
            Difference(verdict, reason, key, f"{row['type']}.{row['rule']}", row["exchange"], row["symbol"], row["timestamp"], fields)
        )
    return Comparison(same, found)


def _by_id(rows: Iterable[Row]) -> dict[str, Row]:
    return {row["alert_id"]: row for row in rows}


def _verdict(old: Row | None, new: Row | None, names: Sequence[str]) -> tuple[Verdict, tuple[str, ...]]:
    if old is None or new is None:
        return ("same" if old is new else "added" if old is None else "gone"), ()
    fields = tuple(name for name in names if old[name] != new[name])
    return ("changed" if fields else "same"), fields


def _reason(old: Row | None, new: Row | None, touched: Touched, by_time: bool) -> Reason:
    """Why the data alone makes a difference: its own window first, then the baseline it rests on, then the order of the same trades."""
    row = old or new
    if not by_time or row is None:
        return "unexplained"
    exchanges = row["exchange"].split("-")
    start = (row["window_start"] or row["timestamp"]).replace(second=0, microsecond=0)
    own = [(row["symbol"], exchange, start) for exchange in exchanges]
    before = [(row["symbol"], exchange, start - timedelta(minutes=back)) for exchange in exchanges for back in range(1, BASELINE + 1)]
    if found := touched.of(own) or touched.of(before if row["type"] == "volume_spike" else []):
        return found
    same = old is not None and new is not None and all(old[name] == new[name] for name in _HELD)
    return "order of lines" if same else "unexplained"
