"""Sentences that people read."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from ctc.detect.messages import money, sentence
from ctc.model import Alert, from_us


def alert(**fields: Any) -> Alert:
    base = {
        "alert_id": "a", "revision": 0, "final": True, "exchange": "binance", "symbol": "BTC-USDT", "severity": "low",
        "detected_at": from_us(0), "event_time": from_us(0), "threshold": Decimal(1), "message": "",
    }  # fmt: skip
    return Alert(**{**base, **{name: Decimal(value) if isinstance(value, float) else value for name, value in fields.items()}})


VOLUME = {"type": "volume_spike", "rule": "volume.z", "rolling_mean": Decimal(100)}
SPREAD = {"type": "spread", "rule": "spread.raw", "exchange": "binance-coinbase", "spread_pct": Decimal("0.62345678")}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({**VOLUME, "window_volume": Decimal(330)}, "BTC-USDT volume 3.3x above 1h average on Binance"),
        ({**VOLUME, "window_volume": Decimal(8)}, "BTC-USDT volume 92% below 1h average on Binance"),
        ({**VOLUME, "window_volume": Decimal(8), "rolling_mean": Decimal(0)}, "BTC-USDT volume where 1h average is none on Binance"),
        (
            {**VOLUME, "rule": "volume.robust", "window_volume": Decimal(330), "robust_score": Decimal("7.12")},
            "BTC-USDT volume 3.3x above 1h average on Binance (robust score 7.1)",
        ),
        (
            {"type": "whale", "rule": "whale.split", "side": "buy", "quote_volume": Decimal(1_340_000), "trade_count": 12},
            "BTC-USDT buy of $1.34M in 12 prints on Binance",
        ),
        (
            {"type": "whale", "rule": "whale.single", "side": "sell", "quote_volume": Decimal(250_100), "trade_count": 1},
            "BTC-USDT sell of $250.10K on Binance",
        ),
        (SPREAD, "BTC-USDT 0.62% above Coinbase on Binance"),
        (
            {**SPREAD, "peg": Decimal("0.99421"), "cause": "peg", "adjusted_spread_pct": Decimal("0.04")},
            "BTC-USDT 0.62% above Coinbase on Binance, explained by USDT at $0.9942",
        ),
        (
            {**SPREAD, "rule": "spread.peg", "peg": Decimal("0.9942"), "cause": "venue", "adjusted_spread_pct": Decimal("-0.7")},
            "BTC-USDT 0.70% below Coinbase on Binance with USDT at $0.9942 taken into account",
        ),
    ],
)
def test_sentence_says_what_was_found(fields: dict[str, Any], said: str) -> None:
    assert sentence(alert(**fields)) == said


def test_money_picks_a_unit() -> None:
    assert [money(Decimal(amount)) for amount in (12, 1000, 999_999, 2_100_000_000)] == ["$12.00", "$1.00K", "$1000.00K", "$2.10B"]
