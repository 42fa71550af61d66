"""The examples of OpenAPI: one plausible answer of each kind."""

from __future__ import annotations

from typing import Any

from ctc.api.models import DISCLAIMER
from ctc.wallets.scored import CAVEAT

ALERT: dict[str, Any] = {
    "alert_id": "0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11",
    "type": "volume_spike",
    "rule": "z",
    "revision": 1,
    "final": True,
    "exchange": "binance",
    "symbol": "BTC-USDT",
    "severity": "medium",
    "detected_at": "2026-01-15T12:30:41Z",
    "event_time": "2026-01-15T12:30:40.871Z",
    "threshold": 2.5,
    "message": "BTC-USDT volume 3.3x above 1h average on Binance",
    "window_start": "2026-01-15T12:30:00Z",
    "window_end": "2026-01-15T12:31:00Z",
    "native_symbol": None,
    "side": None,
    "price": None,
    "quantity": None,
    "quote_volume": None,
    "trade_count": 2113,
    "first_trade_id": None,
    "last_trade_id": None,
    "z_score": 3.2,
    "robust_score": 4.75,
    "window_volume": 1500000,
    "rolling_mean": 450000,
    "rolling_std": 328125,
    "baseline_bars": 60,
    "spread_pct": None,
    "adjusted_spread_pct": None,
    "binance_vwap": None,
    "coinbase_vwap": None,
    "peg": None,
    "cause": None,
    "shard": "shardId-000000000001",
    "sequence_number": "49600000000000000000000000000000000000000000000000000042",
    "position": 17,
}

METRICS: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "current_price": {"binance": 67432.5, "coinbase": 67445.0},
    "spread_pct": -0.01853362,
    "volume_1h": {"binance": 2500000, "coinbase": 1800000},
    "anomaly_count_24h": 7,
    "last_whale": {
        "price": 67400,
        "quantity": 2.5,
        "side": "buy",
        "timestamp": "2026-01-15T12:29:58.104Z",
        "exchange": "binance",
        "quote_volume": 168500.0,
    },
    "updated_at": "2026-01-15T12:30:41Z",
    "clock": "2026-01-15T12:30:41Z",
    "newest_trade": {"binance": "2026-01-15T12:30:40.902Z", "coinbase": "2026-01-15T12:30:40.377Z"},
    "trades": 183204,
    "duplicates": 3,
    "late": 0,
    "final": False,
}

HEALTH: dict[str, Any] = {
    "status": "degraded",
    "reasons": ["producer has said nothing for 41 s"],
    "pipeline": "dead",
    "quiet": [],
    "checked_at": "2026-01-15T12:30:42Z",
    "stream_clock": "2026-01-15T12:30:41Z",
    "newest_trade": {"binance": "2026-01-15T12:30:40.902Z"},
    "newest_trade_age_s": {"binance": 0.098},
    "shards": {"shardId-000000000000": {"detect": 0.0, "lake": 4.112}},
    "shards_absent": None,
    "services": {"producer": {"state": "running", "age_s": 41.2, "details": {"pid": 4711}}},
    "queries": {
        "detect": {
            "state": "running",
            "age_s": 0.4,
            "batch": 812,
            "batch_at": "2026-01-15T12:30:41.000Z",
            "rows": 14,
            "rows_per_second": 21.5,
            "duration_ms": 651,
            "batch_age_s": 0.7,
            "clock": "2026-01-15T12:30:41Z",
            "lag_s": 0.5,
            "trades": 183204,
            "failures": 0,
            "trouble": None,
        }
    },
    "versions": {"ctc": "0.1.0", "python": "3.11.7", "fastapi": "0.165.0", "spark": "4.1.1"},
}

WHALE: dict[str, Any] = {
    "alert_id": "5be3a1c4-3a3b-5d0e-8a55-0d1b8a1b2c3d",
    "kind": "split",
    "exchange": "coinbase",
    "symbol": "ETH-USDT",
    "native_symbol": "ETH-USD",
    "side": "buy",
    "price": 3412.55,
    "quantity": 161.17,
    "quote_volume": 550000.6835,
    "trade_count": 11,
    "severity": "high",
    "event_time": "2026-01-15T12:30:40.871Z",
    "detected_at": "2026-01-15T12:30:41Z",
}

BAR: dict[str, Any] = {
    "exchange": "binance",
    "symbol": "BTC-USDT",
    "window_start": "2026-01-15T12:29:00Z",
    "window_end": "2026-01-15T12:30:00Z",
    "volume": 6.7213,
    "quote_volume": 453237.18,
    "trade_count": 812,
    "complete": True,
    "rolling_mean": 450000,
    "rolling_std": 328125,
    "z_score": 0.00986568,
    "robust_score": 0.12,
    "baseline_bars": 60,
}

SPREAD: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "window_start": "2026-01-15T12:30:00Z",
    "window_end": "2026-01-15T12:30:30Z",
    "binance_vwap": 67432.5,
    "coinbase_vwap": 67445,
    "spread_pct": -0.01853362,
    "adjusted_spread_pct": -0.00853547,
    "peg": 1.0001,
    "binance_quantity": 3.2,
    "coinbase_quantity": 0.9,
}

TRADE: dict[str, Any] = {
    "event_id": "9b2f6c1e-7a51-5b8e-9f06-3e1d1f7b9a10",
    "exchange": "binance",
    "native_symbol": "BTCUSDT",
    "kind": "aggTrade",
    "trade_id": 3124567890,
    "price": 67432.5,
    "quantity": 2.5,
    "quote_volume": 168581.25,
    "side": "buy",
    "timestamp": "2026-01-15T12:30:40.871Z",
    "ingestion_timestamp": "2026-01-15T12:30:40.902Z",
    "is_late": False,
    "raw_event_payload": '{"e":"aggTrade","a":3124567890}',
    "shard": "shardId-000000000001",
    "sequence_number": "49600000000000000000000000000000000000000000000000000042",
    "position": 17,
}

SESSION: dict[str, Any] = {
    "title": "simulated market",
    "market": "simulated",
    "clock": "2026-01-15T12:30:41Z",
    "ended": False,
    "symbols": ["BTC-USDT", "ETH-USDT", "SOL-USDT", "USDT-USD"],
    "peg_symbol": "USDT-USD",
    "exchanges": ["binance", "coinbase"],
    "thresholds": {"volume_z": 2.5, "volume_robust": 6, "whale": 100000, "spread_pct": 0.5},
    "volume_window_s": 60,
    "spread_window_s": 30,
    "poll_s": 10,
    "version": "0.1.0",
    "disclaimer": DISCLAIMER,
}

CURSOR = "1768480241000000.0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11"
PAGE = {"count": 1, "has_more": True, "next": CURSOR}
SINCE, UNTIL = "2026-01-15T10:30:41Z", "2026-01-15T12:30:41Z"
SYMBOL = {"symbol": "BTC-USDT", "peg": False, "native_symbols": {"binance": "BTCUSDT", "coinbase": "BTC-USD"}, "metrics": METRICS}
EVIDENCE = {"alert": ALERT, "bars": [BAR], "spreads": [], "trades": [TRADE], "trades_total": 2113, "trades_absent": None}

POINT: dict[str, Any] = {
    "start": "2026-01-15T12:26:00Z",
    "processed": 9120,
    "passed": 9117,
    "failed": 2,
    "late": 1,
    "inconsistent": 0,
    "duplicates": 14,
    "score": 99.9671,
    "failure_rate": 0.0219,
}

QUALITY: dict[str, Any] = {
    "as_of": "2026-01-15T12:30:00Z",
    "target": 99,
    "alarm_below": 95,
    "current": POINT,
    "total": {**POINT, "start": "2026-01-14T12:31:00Z", "processed": 2600000, "passed": 2599981, "score": 99.9993, "failure_rate": 0.0001},
    "series": [{**POINT, "start": "2026-01-15T12:30:00Z"}],
    "rules": [
        {
            "rule": "price_not_positive",
            "dimension": "validity",
            "action": "dead letter",
            "category": "invalid",
            "holds_when": "the price is above zero",
            "records": 2,
        }
    ],
    "samples": [
        {
            "id": "9f0c6a1be2d34475",
            "category": "invalid",
            "rules": ["price_not_positive"],
            "reasons": ["price is not above zero"],
            "symbol": "BTC-USDT",
            "exchange": None,
            "arrived_at": "2026-01-15T12:30:11.402Z",
            "size": 412,
            "raw": '{"event_id":"0f4d7a52-6f0e-5c5e-9d0b-2f6b0a4b8f11","exchange":"binance",…',
        }
    ],
}

GAPS: dict[str, Any] = {
    "symbol": "BTC-USDT",
    "spaces": [
        {
            "exchange": "binance",
            "market": "spot",
            "native_symbol": "BTCUSDT",
            "kind": "aggTrade",
            "first_id": 4017084500,
            "last_id": 4017131907,
            "newest_at": "2026-01-15T12:30:40.902Z",
            "ids": {"received": 47203, "backfilled": 195, "lost": 10},
            "spans": [
                {
                    "state": "backfilled",
                    "first_id": 4017100101,
                    "last_id": 4017100295,
                    "trades": 195,
                    "started_at": "2026-01-15T11:58:02.113Z",
                    "ended_at": "2026-01-15T11:58:09.774Z",
                },
                {
                    "state": "lost",
                    "first_id": 4017110001,
                    "last_id": 4017110010,
                    "trades": 0,
                    "started_at": "2026-01-15T12:11:30Z",
                    "ended_at": "2026-01-15T12:11:30Z",
                },
            ],
        }
    ],
}

ADDRESS = "0x31ca8395cf837de08b24da3f660e77761dfb974b"
SCORED: dict[str, Any] = {
    "run": "5f1d0a9b7c3e",
    "tape": {
        "snapshot": 4837283746152837465,
        "trades": 1832044,
        "coins": ["BTC", "ETH"],
        "since": "2026-01-01T00:00:00.114Z",
        "until": "2026-01-14T23:59:59.801Z",
    },
    "taker_fee_bp": 4.5,
    "maker_fee_bp": 1.5,
    "min_episodes": 30,
    "min_days": 5,
    "false_discovery_rate": 0.1,
    "reports": [
        {
            "role": "taker",
            "horizon_s": 300,
            "verdict": "wallets differ",
            "scored": 412,
            "flagged": 9,
            "too_few": 20318,
            "unpriced": 877,
            "between_bp": 3.91,
            "between_p": 0.0004,
            "mean_bp": -4.02,
        }
    ],
}
WALLET_SCORE: dict[str, Any] = {
    "wallet": ADDRESS,
    "role": "taker",
    "horizon_s": 300,
    "verdict": "wallets differ",
    "episodes": 212,
    "days": 14,
    "mean_bp": 7.31,
    "error_bp": 1.62,
    "p_value": 0.0003,
    "alpha_bp": 5.66,
    "low_bp": 3.18,
    "high_bp": 8.14,
    "p_positive": 0.9999,
    "flagged": True,
}
_SAID = {"caveat": CAVEAT, "disclaimer": DISCLAIMER}
WALLETS: dict[str, Any] = {"scored": SCORED, "scores": [WALLET_SCORE], "count": 1, "has_more": True, "next": ADDRESS, **_SAID}
WALLET: dict[str, Any] = {"scored": SCORED, "wallet": ADDRESS, "scores": [WALLET_SCORE], **_SAID}
