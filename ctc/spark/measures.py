"""What a score needs to know of each wallet, in Spark's tasks: markouts coin by coin, then means and errors wallet by wallet.

Figures are the very ones of `ctc.wallets.score_wallets`: means are exact sums rounded once, so that no order of rows shows in them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from itertools import groupby, islice
from operator import itemgetter
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame

from ctc.wallets.alpha import measure
from ctc.wallets.episodes import WalletTrade, episodes
from ctc.wallets.markouts import CoinPrices, Markout, markouts
from ctc.wallets.rules import AlphaRules

CHUNK = 20_000  # rows that a task hands on at once
READ = ("coin", "trade_id", "time_us", "price", "quantity", "side", "buyer", "seller")  # the fields of a WalletTrade
MARKOUTS = pa.schema([("role", pa.string()), ("horizon_s", pa.int32()), ("wallet", pa.string()), ("day", pa.int32()), ("bp", pa.float64())])
MARKOUTS_DDL = "role string, horizon_s int, wallet string, day int, bp double"  # day and bp null: an episode without a price
MEASURES = pa.schema(
    [
        *((name, pa.string()) for name in ("role", "wallet")),
        *((name, pa.int32()) for name in ("horizon_s", "episodes", "days", "unpriced", "too_few")),
        *((name, pa.float64()) for name in ("mean_bp", "error_bp", "p_value")),
    ]
)
MEASURES_DDL = (
    "role string, wallet string, horizon_s int, episodes int, days int, unpriced int, too_few int, "
    "mean_bp double, error_bp double, p_value double"
)
SCORE = ("wallet", "episodes", "days", "mean_bp", "error_bp", "p_value")  # null where a wallet has too few episodes or days
COUNTS = ("unpriced", "too_few")
Rows = Iterator[dict[str, Any]]
Batches = Iterable[pa.RecordBatch]


def measures(trades: DataFrame, rules: AlphaRules) -> DataFrame:
    """One row a wallet, role and horizon. A task holds one coin's trades, then one wallet's markouts."""
    by_coin = trades.repartition("coin").sortWithinPartitions("coin", "time_us", "trade_id")
    found = by_coin.mapInArrow(partial(_markouts, rules), MARKOUTS_DDL)
    by_wallet = found.repartition("wallet").sortWithinPartitions("role", "horizon_s", "wallet")
    return by_wallet.mapInArrow(partial(_measures, rules), MEASURES_DDL)


def _markouts(rules: AlphaRules, batches: Batches) -> Iterator[pa.RecordBatch]:
    return _packed(_markout_rows(rules, batches), MARKOUTS)


def _markout_rows(rules: AlphaRules, batches: Batches) -> Rows:
    for coin, rows in groupby(_listed(batches), key=itemgetter("coin")):
        trades = [WalletTrade(**row) for row in rows]
        prices = {coin: CoinPrices(trades, rules.fresh_s)}
        found = episodes(trades, rules.gap_s)
        for horizon_s in rules.horizons_s:
            for episode, each in zip(found, markouts(found, prices, horizon_s, rules), strict=True):
                day, bp = (each.day, each.bp) if each is not None else (None, None)
                yield {"role": episode.role, "horizon_s": horizon_s, "wallet": episode.wallet, "day": day, "bp": bp}


def _measures(rules: AlphaRules, batches: Batches) -> Iterator[pa.RecordBatch]:
    return _packed(_measure_rows(rules, batches), MEASURES)


def _measure_rows(rules: AlphaRules, batches: Batches) -> Rows:
    for (role, horizon_s, wallet), rows in groupby(_listed(batches), key=itemgetter("role", "horizon_s", "wallet")):
        days = [(row["day"], row["bp"]) for row in rows]
        priced = [Markout(wallet, role, day, bp) for day, bp in days if bp is not None]
        small = len(days) < rules.min_episodes
        own = None if small else measure(wallet, priced, rules)
        yield {
            "role": role,
            "wallet": wallet,
            "horizon_s": horizon_s,
            "unpriced": 0 if small else len(days) - len(priced),
            "too_few": int(small or (own is None and bool(priced))),
            **{name: getattr(own, name, None) for name in SCORE[1:]},
        }


def _listed(batches: Batches) -> Rows:
    for batch in batches:
        yield from batch.to_pylist()


def _packed(rows: Rows, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    while some := list(islice(rows, CHUNK)):
        yield pa.RecordBatch.from_pylist(some, schema=schema)
