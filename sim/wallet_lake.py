"""A seeded tape (sim/alpha_tape.py) where a session's trades with addresses lie, and its scores where the job `wallets` puts them."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from ctc.arrow import arrow_schema
from ctc.aws.lakehouse import TableAppender
from ctc.aws.wallets import DynamoWallets
from ctc.model import EXACT, from_us
from ctc.schema import WALLET_TRADES
from ctc.settings import Settings
from ctc.wallets import AlphaRules, ScoreRun, Tape, WalletScore, WalletTrade, score_wallets, scored
from sim.alpha_tape import WalletMarket, wallet_tape

SMALL = WalletMarket(days=10, spread_bp=0, lucky=3, holder=3, plain=16, maker=10)


def put_tape(settings: Settings, trades: Iterable[WalletTrade], batch_id: int = 0) -> None:
    """Append trades to `wallet_trades` as Hyperliquid's."""
    TableAppender(settings).append_once(WALLET_TRADES.name, rows_of_tape(trades), query="tape", run="tape", batch_id=batch_id)


def rows_of_tape(trades: Iterable[WalletTrade]) -> pa.Table:
    """Rows of `wallet_trades`, without a place in a log."""
    return pa.Table.from_pylist([_row(trade) for trade in trades], schema=arrow_schema(WALLET_TRADES))


def _row(trade: WalletTrade) -> dict[str, object]:
    return {
        "exchange": "hyperliquid",
        "symbol": f"{trade.coin}-PERP",
        "coin": trade.coin,
        "trade_id": trade.trade_id,
        "timestamp": from_us(trade.time_us),
        "price": trade.price,
        "quantity": trade.quantity,
        "quote_volume": EXACT.multiply(trade.price, trade.quantity),
        "side": trade.side,
        "buyer": trade.buyer,
        "seller": trade.seller,
        "hash": f"0x{trade.trade_id:064x}",
        "shard": None,
        "sequence_number": None,
        "position": None,
    }


def put_scores(settings: Settings, seed: int, market: WalletMarket = SMALL) -> None:
    """Scores of the seed's tape into the hot store, computed without Spark."""
    DynamoWallets(settings).put(*scores_of(wallet_tape(seed, market).trades))


def scores_of(trades: list[WalletTrade], rules: AlphaRules | None = None, snapshot: int = 0) -> tuple[ScoreRun, list[WalletScore]]:
    """What the job should say of these trades, in one process."""
    rules = rules or AlphaRules()
    times = [trade.time_us for trade in trades]
    tape = Tape(
        snapshot=snapshot,
        trades=len(trades),
        coins=sorted({trade.coin for trade in trades}),
        since=from_us(min(times)),
        until=from_us(max(times)),
    )
    return scored(score_wallets(trades, rules), tape, rules)
