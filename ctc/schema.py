"""Every table's columns, once: Spark's types, Iceberg's and Arrow's are all made from here (a test compares them).

A column is (name, type, required); types are Spark's DDL words. Prices and amounts are decimal(38,18).
"""

from __future__ import annotations

import re
from typing import NamedTuple

MONEY = "decimal(38,18)"
RATIO = "decimal(38,8)"
SHARE = "decimal(38,18)"  # a probability
TIME = "timestamp"
DECIMAL = re.compile(r"decimal\((\d+),(\d+)\)")


class Column(NamedTuple):
    """One column: Spark's DDL word for its type, and whether it may be null."""

    name: str
    type: str
    required: bool = False


class Table(NamedTuple):
    """An Iceberg table, partitioned by the day of `time` and by `part`."""

    name: str
    columns: tuple[Column, ...]
    time: str
    part: str = "symbol"

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]


_LINEAGE = (Column("shard", "string"), Column("sequence_number", "string"), Column("position", "int"))

RAW_TRADES = Table(
    "raw_trades",
    (
        Column("event_id", "string", True),
        Column("exchange", "string", True),
        Column("market", "string", True),
        Column("symbol", "string", True),
        Column("native_symbol", "string", True),
        Column("quote_currency", "string", True),
        Column("kind", "string", True),
        Column("trade_id", "bigint", True),
        Column("price", MONEY, True),
        Column("quantity", MONEY, True),
        Column("quote_volume", MONEY, True),
        Column("side", "string", True),
        Column("timestamp", TIME, True),
        Column("ingestion_timestamp", TIME, True),
        Column("is_late", "boolean", True),
        Column("is_inconsistent", "boolean", True),
        Column("is_backfilled", "boolean", True),
        Column("raw_event_payload", "string"),
        *_LINEAGE,
    ),
    "timestamp",
)

# Of the trades in `raw_trades` those whose exchange names the wallets; unique as they are there, by (timestamp, coin, trade_id).
WALLET_TRADES = Table(
    "wallet_trades",
    (
        Column("exchange", "string", True),
        Column("symbol", "string", True),
        Column("coin", "string", True),  # the exchange's own name of the market
        Column("trade_id", "bigint", True),
        Column("timestamp", TIME, True),
        Column("price", MONEY, True),
        Column("quantity", MONEY, True),
        Column("quote_volume", MONEY, True),
        Column("side", "string", True),  # the taker's: buy, and the buyer took
        Column("buyer", "string", True),
        Column("seller", "string", True),
        Column("hash", "string", True),
        *_LINEAGE,
    ),
    "timestamp",
)

# What the job `wallets` said last, one row a wallet, role and horizon that got a score; each run is one snapshot, with its reports in the
# snapshot's properties. The last five repeat on each row what the run read of `wallet_trades`.
WALLET_SCORES = Table(
    "wallet_scores",
    (
        Column("wallet", "string", True),
        Column("role", "string", True),  # taker or maker
        Column("horizon_s", "int", True),
        Column("verdict", "string", True),  # the report's: wallets differ, or no detectable skill
        Column("episodes", "int", True),
        Column("days", "int", True),
        Column("mean_bp", RATIO, True),
        Column("error_bp", RATIO, True),
        Column("p_value", SHARE, True),
        Column("alpha_bp", RATIO),
        Column("low_bp", RATIO),
        Column("high_bp", RATIO),
        Column("p_positive", SHARE),
        Column("flagged", "boolean", True),
        Column("run", "string", True),
        Column("coins", "string", True),  # with commas between
        Column("tape_since", TIME, True),
        Column("tape_until", TIME, True),
        Column("snapshot", "bigint", True),
    ),
    "tape_until",
    "role",
)

HEARTBEATS = Table(
    "heartbeats",
    (
        Column("symbol", "string", True),
        Column("timestamp", TIME, True),
        Column("producer", "string", True),
        Column("venues", "string", True),  # JSON list of ctc.model.VenueMark
        Column("peg", MONEY),
        Column("final", "boolean", True),
        *_LINEAGE,
    ),
    "timestamp",
)

ANOMALIES = Table(
    "anomalies",
    (
        Column("alert_id", "string", True),
        Column("type", "string", True),
        Column("rule", "string", True),  # the PRD's short name: z, robust, single, split, raw, peg
        Column("revision", "int", True),
        Column("exchange", "string", True),
        Column("symbol", "string", True),
        Column("severity", "string", True),
        Column("detected_at", TIME, True),
        Column("timestamp", TIME, True),  # the alert's event time
        Column("threshold", MONEY, True),
        Column("message", "string", True),
        Column("window_start", TIME),
        Column("window_end", TIME),
        Column("native_symbol", "string"),
        Column("side", "string"),
        Column("price", MONEY),
        Column("quantity", MONEY),
        Column("quote_volume", MONEY),
        Column("trade_count", "bigint"),
        Column("first_trade_id", "bigint"),
        Column("last_trade_id", "bigint"),
        Column("z_score", RATIO),
        Column("robust_score", RATIO),
        Column("window_volume", MONEY),
        Column("rolling_mean", RATIO),
        Column("rolling_std", RATIO),
        Column("baseline_bars", "int"),
        Column("spread_pct", RATIO),
        Column("adjusted_spread_pct", RATIO),
        Column("binance_vwap", RATIO),
        Column("coinbase_vwap", RATIO),
        Column("peg", MONEY),
        Column("cause", "string"),
        *_LINEAGE,
    ),
    "timestamp",
)

# What `reprocess` said last; each run is one snapshot, with its questions in the snapshot's properties.
ANOMALIES_REPROCESSED = Table("anomalies_reprocessed", ANOMALIES.columns, ANOMALIES.time)

VOLUME_AGGREGATES = Table(
    "volume_aggregates",
    (
        Column("exchange", "string", True),
        Column("symbol", "string", True),
        Column("window_start", TIME, True),
        Column("window_end", TIME, True),
        Column("volume", MONEY, True),
        Column("quote_volume", MONEY, True),
        Column("trade_count", "bigint", True),
        Column("complete", "boolean", True),
        Column("rolling_mean", RATIO),
        Column("rolling_std", RATIO),
        Column("z_score", RATIO),
        Column("robust_score", RATIO),
        Column("baseline_bars", "int", True),
    ),
    "window_start",
)

SPREADS = Table(
    "spreads",
    (
        Column("symbol", "string", True),
        Column("window_start", TIME, True),
        Column("window_end", TIME, True),
        Column("binance_vwap", RATIO, True),
        Column("coinbase_vwap", RATIO, True),
        Column("spread_pct", RATIO, True),
        Column("adjusted_spread_pct", RATIO),
        Column("peg", MONEY),
        Column("binance_quantity", MONEY, True),
        Column("coinbase_quantity", MONEY, True),
    ),
    "window_start",
)

GAPS = Table(
    "gaps",
    (
        Column("symbol", "string", True),
        Column("exchange", "string", True),
        Column("market", "string", True),
        Column("native_symbol", "string", True),
        Column("kind", "string", True),
        Column("state", "string", True),  # received, backfilled, natural, lost or halted (ctc.quality.ledger)
        Column("first_id", "bigint", True),
        Column("last_id", "bigint", True),
        Column("trades", "bigint", True),
        Column("started_at", TIME, True),
        Column("ended_at", TIME, True),
    ),
    "started_at",
)

QUALITY = Table(
    "quality",
    (
        Column("symbol", "string", True),  # `other` where a record's key is none of the session's
        Column("timestamp", TIME, True),  # the minute of arrival in the stream; a batch appends its part, readers add them up
        Column("measure", "string", True),  # processed, passed, failed, or a rule of ctc.quality.rules
        Column("dimension", "string"),  # the rule's
        Column("records", "bigint", True),
    ),
    "timestamp",
)

TABLES = {
    table.name: table
    for table in (
        RAW_TRADES, WALLET_TRADES, WALLET_SCORES, HEARTBEATS, ANOMALIES, ANOMALIES_REPROCESSED, VOLUME_AGGREGATES, SPREADS, GAPS, QUALITY,
    )
}  # fmt: skip
