"""Findings and trades for a small lake."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from ctc.model import Alert, Bar, Spread, event_id, id_space

START = datetime(2026, 1, 15, 12, 0, tzinfo=UTC)


def minute(number: int) -> datetime:
    return START + timedelta(minutes=number)


def alert(**changes: Any) -> Alert:
    """A single whale of Binance's BTC at 12:07, unless changed."""
    whale = Alert(
        alert_id="a1",
        type="whale",
        rule="whale.single",
        revision=0,
        final=True,
        exchange="binance",
        symbol="BTC-USDT",
        severity="medium",
        detected_at=minute(7) + timedelta(microseconds=250_000),
        event_time=minute(7),
        threshold=Decimal(100000),
        message="buy of 4.2 BTC for $260,400.84",
        native_symbol="BTCUSDT",
        side="buy",
        price=Decimal("62000.2"),
        quantity=Decimal("4.2"),
        quote_volume=Decimal("260400.84"),
        trade_count=1,
        first_trade_id=1007,
        last_trade_id=1007,
        shard="shardId-000000000000",
        sequence_number="49600000000000000007",
        position=3,
    )
    return msgspec.structs.replace(whale, **changes)


def bar(number: int, **changes: Any) -> Bar:
    """The bar of a minute; from the 20th on with a baseline."""
    known = number >= 20
    quiet = Bar(
        exchange="binance",
        symbol="BTC-USDT",
        window_start=minute(number),
        window_end=minute(number + 1),
        volume=Decimal("1.000000000000000001"),
        quote_volume=Decimal(62000 + number % 7 * 900),
        trade_count=40,
        complete=True,
        rolling_mean=Decimal("64000.5") if known else None,
        rolling_std=Decimal("1800.25") if known else None,
        z_score=Decimal("-0.5") if known else None,
        robust_score=Decimal("0.25") if known else None,
        baseline_bars=min(number, 60),
    )
    return msgspec.structs.replace(quiet, **changes)


def spread(number: int, **changes: Any) -> Spread:
    """The spread of half a minute."""
    start = START + timedelta(seconds=30 * number)
    close = Spread(
        symbol="BTC-USDT",
        window_start=start,
        window_end=start + timedelta(seconds=30),
        binance_vwap=Decimal("62000.12345678"),
        coinbase_vwap=Decimal("61990.5"),
        spread_pct=Decimal("0.01552424"),
        adjusted_spread_pct=Decimal("0.00552424"),
        peg=Decimal("0.9999"),
        binance_quantity=Decimal("2.5"),
        coinbase_quantity=Decimal("0.000000000000000001"),
    )
    return msgspec.structs.replace(close, **changes)


def trade_row(number: int, **changes: Any) -> dict[str, Any]:
    """A row of `raw_trades`: one print of Binance's BTC in the given minute, id 1000 + minute."""
    identity = 1000 + number
    return {
        "event_id": event_id(id_space("binance", "spot", "BTCUSDT", "aggTrade"), identity),
        "exchange": "binance",
        "market": "spot",
        "symbol": "BTC-USDT",
        "native_symbol": "BTCUSDT",
        "quote_currency": "USDT",
        "kind": "aggTrade",
        "trade_id": identity,
        "price": Decimal("62000.2"),
        "quantity": Decimal("4.2"),
        "quote_volume": Decimal("260400.84"),
        "side": "buy",
        "timestamp": minute(number),
        "ingestion_timestamp": minute(number) + timedelta(milliseconds=40),
        "is_late": False,
        "is_inconsistent": False,
        "is_backfilled": False,
        "raw_event_payload": f'{{"e":"aggTrade","s":"BTCUSDT","a":{identity}}}',
        "shard": "shardId-000000000000",
        "sequence_number": f"4960000000000000{identity:04}",
        "position": 3,
    } | changes
