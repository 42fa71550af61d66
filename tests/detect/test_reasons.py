"""Why an alert differs in event time: by what befell its trades, by the order of the same trades, or by nothing that is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ctc.detect.comparison import Touched, compare
from ctc.schema import ANOMALIES

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
SPIKE = dict.fromkeys(ANOMALIES.names) | {
    "alert_id": "a", "type": "volume_spike", "rule": "z", "exchange": "binance", "symbol": "BTC-USDT",
    "timestamp": AT + timedelta(seconds=9),
    "window_start": AT, "window_end": AT + timedelta(minutes=1), "trade_count": 7, "window_volume": 3, "z_score": 5,
}  # fmt: skip
Row = dict[str, Any]


def reason(before: list[Row], after: list[Row], touched: Touched | None = None) -> tuple[str, str]:
    (found,) = compare(before, None, after, touched or Touched(), by_time=True).differences
    return found.verdict, found.reason


def test_same_trades_in_another_order_are_seen_by_what_they_come_to() -> None:
    later = {**SPIKE, "timestamp": AT + timedelta(seconds=10)}
    assert reason([SPIKE], [later]) == ("changed", "order of lines")
    assert compare([SPIKE], None, [later], Touched(), by_time=False).unexplained == 1


@pytest.mark.parametrize("changed", [{"trade_count": 8}, {"window_volume": 4}])
def test_other_trades_that_nobody_knows_of_are_not_explained(changed: Row) -> None:
    assert reason([SPIKE], [{**SPIKE, **changed}]) == ("changed", "unexplained")


@pytest.mark.parametrize(("before", "after", "verdict"), [([SPIKE], [], "gone"), ([], [SPIKE], "added")])
def test_alert_of_one_side_alone_needs_a_reason(before: list[Row], after: list[Row], verdict: str) -> None:
    assert reason(before, after) == (verdict, "unexplained")
    own = ("BTC-USDT", "binance", AT)
    assert reason(before, after, Touched(late=frozenset({own}))) == (verdict, "late data")
    hour_before = ("BTC-USDT", "binance", AT - timedelta(hours=1))
    assert reason(before, after, Touched(history=frozenset({hour_before}))) == (verdict, "history")
    other = ("BTC-USDT", "coinbase", AT)
    assert reason(before, after, Touched(late=frozenset({other}))) == (verdict, "unexplained")
