"""Alerts, bars, spreads and snapshots with plausible values, for the tests of the hot stores and the API."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from ctc.model import Alert, Bar, GapLedger, IdSpan, Snapshot, SpaceLedger, Spread, Whale

NOON = datetime(2026, 1, 15, 12, 30, tzinfo=UTC)


def an_alert(number: int = 0, **fields: Any) -> Alert:
    values: dict[str, Any] = {
        "alert_id": str(uuid.UUID(int=number)),
        "type": "whale",
        "rule": "single",
        "revision": 0,
        "final": True,
        "exchange": "binance",
        "symbol": "BTC-USDT",
        "severity": "high",
        "detected_at": NOON,
        "event_time": NOON - timedelta(seconds=1),
        "threshold": Decimal(100_000),
        "message": "one trade of 540,000.00 on Binance",
        "side": "buy",
        "price": Decimal("67500.00"),
        "quantity": Decimal("8.0"),
        "quote_volume": Decimal("540000.000"),
    }
    return Alert(**{**values, **fields})


def a_bar(minute: int = 0, **fields: Any) -> Bar:
    start = NOON + timedelta(minutes=minute)
    values: dict[str, Any] = {
        "exchange": "binance",
        "symbol": "BTC-USDT",
        "window_start": start,
        "window_end": start + timedelta(minutes=1),
        "volume": Decimal("3.5"),
        "quote_volume": Decimal("236250.123456789012345678"),
        "trade_count": 7,
        "complete": True,
        "rolling_mean": None,
        "rolling_std": None,
        "z_score": None,
        "robust_score": None,
        "baseline_bars": 0,
    }
    return Bar(**{**values, **fields})


def a_spread(step: int = 0, **fields: Any) -> Spread:
    start = NOON + timedelta(seconds=30 * step)
    values: dict[str, Any] = {
        "symbol": "BTC-USDT",
        "window_start": start,
        "window_end": start + timedelta(seconds=30),
        "binance_vwap": Decimal("67432.50000000"),
        "coinbase_vwap": Decimal("67445.00000000"),
        "spread_pct": Decimal("-0.01853362"),
        "adjusted_spread_pct": None,
        "peg": None,
        "binance_quantity": Decimal("1.5"),
        "coinbase_quantity": Decimal("0.25"),
    }
    return Spread(**{**values, **fields})


def a_snapshot(trades: int = 10, **fields: Any) -> Snapshot:
    values: dict[str, Any] = {
        "symbol": "BTC-USDT",
        "current_price": {"binance": Decimal("67432.50"), "coinbase": Decimal("67445.00")},
        "spread_pct": Decimal("-0.01853362"),
        "volume_1h": {"binance": Decimal(2_500_000), "coinbase": Decimal(1_800_000)},
        "anomaly_count_24h": 7,
        "last_whale": Whale(
            price=Decimal(67_400),
            quantity=Decimal("2.5"),
            side="buy",
            timestamp=NOON,
            exchange="binance",
            quote_volume=Decimal("168500.0"),
        ),
        "updated_at": NOON,
        "clock": NOON,
        "newest_trade": {"binance": NOON, "coinbase": NOON - timedelta(seconds=2)},
        "trades": trades,
        "duplicates": 0,
        "late": 0,
    }
    return Snapshot(**{**values, **fields})


def a_ledger(received: int, lost: int) -> GapLedger:
    space = "binance|spot|BTCUSDT|aggTrade"
    span = IdSpan(space=space, state="lost", first_id=5, last_id=4 + lost, trades=0, started_at=NOON, ended_at=NOON)
    view = SpaceLedger(first_id=1, last_id=received + lost, newest=NOON, ids={"received": received, "lost": lost}, noted=[span])
    return GapLedger(spaces={space: view})
