"""Seeded tapes that name both parties, on which it is known who has an edge: what the alpha score is held against.

Prices walk at random, with a drift of their own each day. Takers with an edge know the next five minutes for a share of
their orders; makers with an edge are not there for the same share of the orders that would cost them. All others trade without
knowing anything, yet some come out well: `lucky` wallets were right all day once, `holders` only buy, sizes differ by orders of magnitude.
"""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

import msgspec
import numpy as np

from ctc.model import Side
from ctc.wallets import WalletTrade
from sim.orders import Floats

T0_S = 1_750_032_000  # 2025-06-16, a midnight
DAY_S = 86_400
STEP_S = 10  # of the walk
HORIZON_S = 300  # what those with an edge know
TAKERS = ("skilled", "lucky", "holder", "plain")
MAKERS = ("skilled_maker", "maker")


class WalletMarket(msgspec.Struct, frozen=True, kw_only=True):
    """`edge` is the share of orders placed in knowledge, `volatility_bp` is of five minutes, `spread_bp` half a spread."""

    days: int = 14
    hours: int = 4
    coins: tuple[str, ...] = ("BTC", "ETH")
    skilled: int = 5
    lucky: int = 5
    holder: int = 5
    plain: int = 45
    skilled_maker: int = 2
    maker: int = 18
    edge: float = 0.6
    volatility_bp: float = 20
    drift_bp: float = 150
    spread_bp: float = 0.5


class WalletTape(NamedTuple):
    """`kinds` says what each named wallet is; the crowd around them has none."""

    trades: list[WalletTrade]
    kinds: dict[str, str]


class _Order(NamedTuple):
    second: int  # of the session's days, nights left out
    coin: int
    buy: bool
    taker: str
    maker: str
    size: float


def wallet_tape(seed: int, market: WalletMarket) -> WalletTape:
    """The same for the same seed."""
    rng = np.random.default_rng(seed)
    paths = [_path(rng, market) for _ in market.coins]
    names = {kind: [f"0x{rng.bytes(20).hex()}" for _ in range(getattr(market, kind))] for kind in TAKERS + MAKERS}
    orders = _crowd(rng, market)
    for kind in TAKERS:
        for wallet in names[kind]:
            orders += _taker(rng, market, paths, wallet, kind, names)
    trades = [_print(order, number, market, paths) for number, order in enumerate(sorted(orders))]
    return WalletTape(trades, {wallet: kind for kind, wallets in names.items() for wallet in wallets})


def _path(rng: np.random.Generator, market: WalletMarket) -> Floats:
    """Prices each STEP_S of all days' hours, one day after the other."""
    steps = market.hours * 3600 // STEP_S
    noise = rng.normal(0, market.volatility_bp * (STEP_S / HORIZON_S) ** 0.5, (market.days, steps))
    drift = rng.normal(0, market.drift_bp / steps, (market.days, 1))
    path: Floats = 100 * np.exp(np.cumsum((noise + drift).ravel()) / 10_000)
    return path


def _move(path: Floats, second: int) -> float:
    return float(path[(second + HORIZON_S) // STEP_S] / path[second // STEP_S] - 1)


def _crowd(rng: np.random.Generator, market: WalletMarket) -> list[_Order]:
    """Small prints, a minute apart, of wallets that never trade enough for a score."""
    seconds = range(0, market.days * market.hours * 3600, 60)
    each = [(second, coin) for second in seconds for coin in range(len(market.coins))]
    return [
        _Order(second, coin, bool(coming), f"crowd-{number % 9973}", f"crowd-{(number + 1) % 9973}", 0.01)
        for number, ((second, coin), coming) in enumerate(zip(each, rng.integers(0, 2, len(each)), strict=True))
    ]


def _taker(
    rng: np.random.Generator, market: WalletMarket, paths: list[Floats], wallet: str, kind: str, names: dict[str, list[str]]
) -> list[_Order]:
    """Two bursts a day, each of one coin and mostly one side, of one to four orders some minutes apart."""
    orders: list[_Order] = []
    size = float(rng.lognormal(0, 1.5))
    great_day = int(rng.integers(market.days))
    for day in range(market.days):
        great = kind == "lucky" and day == great_day
        for _ in range(12 if great else 2):
            coin, second, buy = int(rng.integers(len(paths))), int(rng.integers(market.hours * 3600 - 5000)), bool(rng.integers(2))
            second += day * market.hours * 3600
            for _ in range(int(rng.integers(1, 5))):
                rises = _move(paths[coin], second) > 0
                knows = great or (kind == "skilled" and rng.random() < market.edge)
                side = rises if knows else buy or kind == "holder"
                maker = _maker(rng, market, names, loses=rises == side)
                orders += [_Order(second + late, coin, side, wallet, maker, size) for late in range(0, 5 * int(rng.integers(1, 4)), 5)]
                second += int(rng.integers(100, 300))
    return orders


def _maker(rng: np.random.Generator, market: WalletMarket, names: dict[str, list[str]], loses: bool) -> str:
    plain, skilled = names["maker"], names["skilled_maker"]
    number = int(rng.integers(len(skilled) + len(plain)))
    if number >= len(skilled) or (loses and rng.random() < market.edge):
        return plain[number % len(plain)]
    return skilled[number]


def _print(order: _Order, number: int, market: WalletMarket, paths: list[Floats]) -> WalletTrade:
    day, second = divmod(order.second, market.hours * 3600)
    half = market.spread_bp / 10_000 * (1 if order.buy else -1)
    price = paths[order.coin][order.second // STEP_S] * (1 + half)
    side: Side = "buy" if order.buy else "sell"
    buyer, seller = (order.taker, order.maker) if order.buy else (order.maker, order.taker)
    return WalletTrade(
        coin=market.coins[order.coin],
        trade_id=number,
        time_us=(T0_S + day * DAY_S + second) * 1_000_000,
        price=Decimal(f"{price:.4f}"),
        quantity=Decimal(f"{order.size:.3f}"),
        side=side,
        buyer=buyer,
        seller=seller,
    )
