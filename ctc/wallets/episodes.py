"""Trades of one wallet that are one decision: same coin, side and role, each within a minute of the one before."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal

import msgspec

from ctc.model import EXACT, Side

Role = Literal["taker", "maker"]
ROLES: tuple[Role, ...] = ("taker", "maker")


class WalletTrade(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """One print of a tape that names both parties: what a score reads of `wallet_trades`. `side` is the taker's."""

    coin: str
    trade_id: int
    time_us: int
    price: Decimal
    quantity: Decimal
    side: Side
    buyer: str
    seller: str


class Episode(msgspec.Struct, gc=False):
    """`notional` is the exact sum of price times quantity."""

    wallet: str
    coin: str
    side: Side
    role: Role
    start_us: int
    end_us: int
    quantity: Decimal
    notional: Decimal

    @property
    def entry(self) -> Decimal:
        """The VWAP."""
        return EXACT.divide(self.notional, self.quantity)


def episodes(trades: Iterable[WalletTrade], gap_s: int) -> list[Episode]:
    """Both sides of every trade, in any order in, by their start out. A wallet's trades with itself are nobody's decision: left out."""
    running: dict[tuple[str, str, Side, Role], Episode] = {}
    found = []
    for trade in in_order(trades):
        if trade.buyer == trade.seller:
            continue
        notional = EXACT.multiply(trade.price, trade.quantity)
        parties: tuple[tuple[Side, str], ...] = (("buy", trade.buyer), ("sell", trade.seller))
        for side, wallet in parties:
            role: Role = "taker" if side == trade.side else "maker"
            key = (wallet, trade.coin, side, role)
            episode = running.get(key)
            if episode is None or trade.time_us - episode.end_us > gap_s * 1_000_000:
                running[key] = episode = Episode(*key, trade.time_us, trade.time_us, trade.quantity, notional)
                found.append(episode)
                continue
            episode.end_us = trade.time_us
            episode.quantity = EXACT.add(episode.quantity, trade.quantity)
            episode.notional = EXACT.add(episode.notional, notional)
    return found


def in_order(trades: Iterable[WalletTrade]) -> list[WalletTrade]:
    """By time; what happened at once by coin and id."""
    return sorted(trades, key=lambda trade: (trade.time_us, trade.coin, trade.trade_id))
