"""Who trades on the simulated Hyperliquid: a few wallets with a real edge, some that were lucky, most with neither, and makers.

All of it is drawn from the seed. An edge is knowledge of the future: a skilled wallet is more likely to be the taker of an order that
the price goes along with over the next `HORIZON` minutes. A lucky one takes the largest such order of a few minutes early in the
session, which makes it rich, and otherwise trades like most. The market's prints, prices and times don't depend on any of this.
"""

from __future__ import annotations

import zlib
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from sim.orders import Floats, Ints, generator
from sim.venues import Listing

if TYPE_CHECKING:
    from sim.market import Columns

HORIZON = 5  # minutes that the skilled look ahead
EDGE = 0.8  # a skilled wallet's weight is 1 + EDGE on an order that will be right, 1 - EDGE on one that won't
LUCKY_STROKES = 10  # orders that make a lucky wallet rich, on each market, within the first
LUCKY_MINUTES = 120
RETAIL = 0.15  # of the passive sides are not a maker's
_POPULATION = (("skilled", 8), ("lucky", 8), ("plain", 384), ("maker", 12))
Kind = Literal["skilled", "lucky", "plain", "maker"]


class Wallet(NamedTuple):
    """An address, and what it is in truth."""

    address: str
    kind: Kind


class Sides(NamedTuple):
    """For each print, which of the addresses took and which stood in the book; never the same one."""

    addresses: tuple[str, ...]
    taker: Ints
    maker: Ints


class Population(NamedTuple):
    """The wallets of a seed: takers first, makers last; how active each taker is, and when the lucky ones are lucky."""

    wallets: tuple[Wallet, ...]
    activity: Floats
    strokes: dict[int, int]  # by minute, the lucky wallet whose day it is

    @property
    def addresses(self) -> tuple[str, ...]:
        return tuple(wallet.address for wallet in self.wallets)

    def of(self, kind: Kind) -> list[int]:
        """The places of the wallets of a kind."""
        return [place for place, wallet in enumerate(self.wallets) if wallet.kind == kind]


@lru_cache(maxsize=8)
def population(seed: int) -> Population:
    """The wallets that trade in the session of this seed."""
    kinds: list[Kind] = [kind for kind, count in _POPULATION for _ in range(count)]  # type: ignore[misc]
    wallets = tuple(Wallet(f"0x{sha256(f'{seed} {place}'.encode()).hexdigest()[:40]}", kind) for place, kind in enumerate(kinds))
    rng = generator(seed, 4)
    takers = sum(kind != "maker" for kind in kinds)
    lucky = [place for place, kind in enumerate(kinds) if kind == "lucky"]
    minutes = rng.choice(LUCKY_MINUTES, LUCKY_STROKES * len(lucky), replace=False).tolist()
    return Population(wallets, rng.lognormal(0.0, 0.7, takers), dict(zip(minutes, lucky * LUCKY_STROKES, strict=True)))


def assign(seed: int, item: Listing, minute: int, prints: Columns, ahead: Floats) -> Sides:
    """Both sides of a minute's prints; `ahead` is each print's log return over the next `HORIZON` minutes."""
    people = population(seed)
    if not len(prints):
        return Sides(people.addresses, prints.order, prints.order)
    rng = generator(seed, 5, zlib.crc32(item.name.encode()), minute)
    orders, starts, place = np.unique(prints.order, return_index=True, return_inverse=True)
    gain = np.where(prints.buy[starts], 1.0, -1.0) * ahead[starts]
    takers = _takers(rng, people, gain)
    lucky = people.strokes.get(minute)
    if lucky is not None:
        notional = np.bincount(place, (prints.price * prints.quantity).astype(np.float64), orders.size)
        takers[int(np.argmax(notional * gain))] = lucky
    taker = takers[place]
    return Sides(people.addresses, taker, _makers(rng, people, taker))


def _takers(rng: np.random.Generator, people: Population, gain: Floats) -> Ints:
    """A wallet for each order."""
    weights = np.tile(people.activity, (gain.size, 1))
    weights[:, people.of("skilled")] *= (1 + EDGE * np.sign(gain))[:, None]
    sums = np.cumsum(weights, axis=1)
    drawn = rng.random(gain.size) * sums[:, -1]
    return np.asarray((sums <= drawn[:, None]).sum(axis=1))


def _makers(rng: np.random.Generator, people: Population, taker: Ints) -> Ints:
    """A wallet in the book for each print: mostly a maker, else one of the many, if it is not the taker itself."""
    makers, plain = np.array(people.of("maker")), np.array(people.of("plain"))
    chosen = makers[rng.integers(makers.size, size=taker.size)]
    others = plain[rng.integers(plain.size, size=taker.size)]
    return np.where((rng.random(taker.size) < RETAIL) & (others != taker), others, chosen)
