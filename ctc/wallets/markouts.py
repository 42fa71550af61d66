"""What an episode was worth some minutes later, beyond what its coin did that day anyway, after the fee."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from ctc.wallets.episodes import Episode, Role, WalletTrade, in_order
from ctc.wallets.rules import AlphaRules

MINUTE_US = 60_000_000
DAY_US = 86_400_000_000
BP = 10_000


class Markout(msgspec.Struct, frozen=True, gc=False):
    """One episode's, in basis points; `day` counts from the epoch (UTC) and is the one that the episode ended in."""

    wallet: str
    role: Role
    day: int
    bp: float


class CoinPrices:
    """The last trade prices of one coin, from all its trades, in any order."""

    def __init__(self, trades: Iterable[WalletTrade], fresh_s: int) -> None:
        ordered = in_order(trades)
        self._times = [trade.time_us for trade in ordered]
        self._prices = [float(trade.price) for trade in ordered]
        self._fresh_us = fresh_s * 1_000_000
        self.usual = cache(self._usual)

    def at(self, us: int) -> float | None:
        """The last price at or before; None where it is stale, or where the tape ends before."""
        index = bisect_right(self._times, us) - 1
        if index < 0 or us > self._times[-1] or us - self._times[index] > self._fresh_us:
            return None
        return self._prices[index]

    def _usual(self, day: int, horizon_s: int) -> float | None:
        """The mean return over the horizon from each full minute of that day (UTC) that has both prices; None where none has."""
        returns = []
        for start in range(day * DAY_US, (day + 1) * DAY_US, MINUTE_US):
            before, after = self.at(start), self.at(start + horizon_s * 1_000_000)
            if before is not None and after is not None:
                returns.append(after / before - 1)
        return sum(returns) / len(returns) if returns else None


def by_coin(trades: Iterable[WalletTrade]) -> dict[str, list[WalletTrade]]:
    coins: dict[str, list[WalletTrade]] = {}
    for trade in trades:
        coins.setdefault(trade.coin, []).append(trade)
    return coins


def markouts(found: Iterable[Episode], prices: Mapping[str, CoinPrices], horizon_s: int, rules: AlphaRules) -> list[Markout | None]:
    """One for each episode, in their order; None where the coin had no price at the horizon, or the day no usual return."""
    return [_markout(episode, prices[episode.coin], horizon_s, rules) for episode in found]


def _markout(episode: Episode, prices: CoinPrices, horizon_s: int, rules: AlphaRules) -> Markout | None:
    day = episode.end_us // DAY_US
    after, usual = prices.at(episode.end_us + horizon_s * 1_000_000), prices.usual(day, horizon_s)
    if after is None or usual is None:
        return None
    sign = 1 if episode.side == "buy" else -1
    fee = rules.taker_fee_bp if episode.role == "taker" else rules.maker_fee_bp
    excess = after / float(episode.entry) - 1 - usual
    return Markout(episode.wallet, episode.role, day, sign * excess * BP - fee)
