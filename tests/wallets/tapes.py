"""Tapes written by hand, and markouts drawn at random without a tape: 200 of them take a second."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from ctc.model import Side
from ctc.wallets import Markout, SkillReport, WalletTrade

T0_US = 1_750_032_000_000_000  # a midnight (UTC)
DAY = T0_US // 86_400_000_000


class TradeTape:
    """Trades of one coin, numbered in the order of writing; seconds count from midnight."""

    def __init__(self, coin: str = "BTC") -> None:
        self.coin = coin
        self.trades: list[WalletTrade] = []

    def trade(self, second: float, price: str, quantity: str = "1", side: Side = "buy", buyer: str = "b", seller: str = "s") -> None:
        self.trades.append(
            WalletTrade(
                coin=self.coin,
                trade_id=len(self.trades),
                time_us=T0_US + round(second * 1_000_000),
                price=Decimal(price),
                quantity=Decimal(quantity),
                side=side,
                buyer=buyer,
                seller=seller,
            )
        )

    def ticks(self, first: int, last: int, price: str) -> None:
        """A print every 30 seconds."""
        for second in range(first, last, 30):
            self.trade(second, price, buyer="crowd", seller="others")


def drawn(seed: int, alphas: Sequence[float], days: int, *, per_day: int = 8, of_day: float = 6, of_episode: float = 12) -> list[Markout]:
    """Markouts of wallets with these alphas; those of one day have a common part, as overlapping ones do. Sizes are deviations."""
    rng = np.random.default_rng(seed)
    common = rng.normal(0, of_day, (len(alphas), days, 1))
    bp = np.asarray(alphas)[:, None, None] + common + rng.normal(0, of_episode, (len(alphas), days, per_day))
    return [
        Markout(f"w{wallet:03}", "taker", DAY + day, float(each))
        for wallet in range(len(alphas))
        for day in range(days)
        for each in bp[wallet, day]
    ]


def flagged(report: SkillReport) -> set[str]:
    return {score.wallet for score in report.scores if score.flagged}
