"""Taker orders of one market and the prints they fall into: pure functions of a random stream.

Columns are numpy arrays of one length; times are microseconds since the block began, prices ticks, quantities lots.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from sim.venues import Arrivals, Listing, Sizes

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]

BLOCK_US = 60_000_000
MAX_PRINTS = 400
_EATEN = 0.75
_SAME_PRICE = 0.55  # share of split orders that stay on one price level


class Orders(NamedTuple):
    """Taker orders in order of time: when, how much in quote currency, and whether they buy."""

    at: Ints
    notional: Floats
    buy: Bools


def chosen(orders: Orders, place: Ints) -> Orders:
    """The orders at those places, in that order."""
    return Orders(orders.at[place], orders.notional[place], orders.buy[place])


class Prints(NamedTuple):
    """Prints in order of time; prints of one `order` have one time and follow each other."""

    at: Ints
    price: Ints
    quantity: Ints
    buy: Bools
    order: Ints


def generator(*key: int) -> np.random.Generator:
    """A random stream of its own for every key; the same key gives the same numbers."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))


def arrive(rng: np.random.Generator, arrivals: Arrivals, factor: float, carried: Floats) -> tuple[Floats, Floats]:
    """Times (us) of one block's orders, ascending, and of the children that fall into the next one.

    A cluster (Hawkes) process: independent orders, each with Poisson children at mixed exponential delays, and so on.
    """
    calm = arrivals.orders_s * factor * (1 - arrivals.branching) * BLOCK_US / 1e6
    generation = np.concatenate([carried, rng.random(rng.poisson(calm)) * BLOCK_US])
    inside, beyond = [generation], []
    while generation.size:
        children = np.repeat(generation, rng.poisson(arrivals.branching, generation.size))
        born = children + _delays(rng, arrivals, children.size)
        generation = born[born < BLOCK_US]
        inside.append(generation)
        beyond.append(born[born >= BLOCK_US] - BLOCK_US)
    later = np.concatenate(beyond) if beyond else np.empty(0)
    return np.sort(np.concatenate(inside)), np.sort(later[later < BLOCK_US])


def _delays(rng: np.random.Generator, arrivals: Arrivals, count: int) -> Floats:
    weights = np.cumsum([weight for weight, _ in arrivals.delays])
    means = np.array([mean for _, mean in arrivals.delays]) * 1e6
    return np.asarray(rng.exponential(1.0, count) * means[np.searchsorted(weights, rng.random(count) * weights[-1])])


def notionals(rng: np.random.Generator, sizes: Sizes, count: int) -> Floats:
    """Order sizes in quote currency: log-normal, softly capped (the cap is never reached)."""
    raw = np.exp(rng.normal(sizes.log_mean, sizes.log_std, count))
    return np.asarray(raw / (1 + raw / sizes.cap))


def sides(rng: np.random.Generator, count: int, last: bool, persistence: float = 0.66) -> Bools:
    """Buys and sells that follow each other in runs, as takers' sides do."""
    flips = np.cumsum(rng.random(count) > persistence) & 1
    return np.asarray(flips.astype(bool) ^ last)


def retarget(rng: np.random.Generator, orders: Orders, volume: float, sizes: Sizes, largest: float) -> Orders:
    """The same orders with some left out, or more of them added, so that they sum up to `volume`; none added is above `largest`."""
    total = float(orders.notional.sum())
    if total > volume:
        shuffled = rng.permutation(orders.at.size)
        kept = np.sort(shuffled[np.cumsum(orders.notional[shuffled]) <= volume])
        orders = chosen(orders, kept)
        total = float(orders.notional.sum())
    missing = volume - total
    if missing <= 0:
        return orders
    more = _fill(rng, missing, sizes, largest)
    at = np.sort(rng.random(more.size) * BLOCK_US).astype(np.int64)
    buy = rng.random(more.size) < (0.85 if rng.random() < 0.5 else 0.15)
    joined = Orders(np.concatenate([orders.at, at]), np.concatenate([orders.notional, more]), np.concatenate([orders.buy, buy]))
    return chosen(joined, np.argsort(joined.at, kind="stable"))


def _fill(rng: np.random.Generator, missing: float, sizes: Sizes, largest: float) -> Floats:
    typical = min(largest / 3, max(missing / 600, math.exp(sizes.log_mean + 1)))
    drawn = np.minimum(rng.lognormal(math.log(typical), 0.6, int(missing / typical * 3) + 8), largest)
    sums = np.cumsum(drawn)
    while sums[-1] < missing:
        drawn = np.concatenate([drawn, np.full(drawn.size, typical)])
        sums = np.cumsum(drawn)
    whole = int(np.searchsorted(sums, missing))
    return np.append(drawn[:whole], missing - (sums[whole - 1] if whole else 0.0))


def split(rng: np.random.Generator, listing: Listing, orders: Orders, mid: Floats) -> Prints:
    """The prints of orders that walk the book from `mid` (price at each order's time), at least one lot each."""
    count = orders.at.size
    depth = np.exp(rng.normal(*listing.sizes.depth, count))
    eaten = np.minimum((orders.notional / depth) ** _EATEN, MAX_PRINTS)  # larger orders meet larger resting ones
    prints = 1 + np.minimum(rng.poisson(eaten), MAX_PRINTS - 1)
    walks = np.where(rng.random(count) < _SAME_PRICE, 0.0, np.minimum(1.0, 1.5 / prints**0.5))
    gap = np.maximum(1, rng.lognormal(math.log(listing.gap_ticks), 0.9, count)).astype(np.int64)
    return expand(rng, listing, orders, mid, prints, walks, gap)


def expand(rng: np.random.Generator, listing: Listing, orders: Orders, mid: Floats, prints: Ints, walks: Floats, gap: Ints) -> Prints:
    """Prints of orders whose number of prints, chance of a next price level and ticks between levels are given."""
    order = np.repeat(np.arange(orders.at.size), prints)
    starts = np.cumsum(prints) - prints
    weight = rng.lognormal(0.0, 1.3, order.size)
    part = weight / np.add.reduceat(weight, starts)[order] if order.size else weight
    step = rng.random(order.size) < walks[order]
    step[starts] = False
    steps = np.cumsum(step)
    level = steps - steps[starts][order]
    direction = np.where(orders.buy, 1, -1)
    tick = 10**listing.price_digits
    price = np.rint(mid[order] * tick).astype(np.int64) + (direction[order] * level) * gap[order] + direction[order]
    price = np.maximum(price, 1)
    quantity = np.maximum(1, np.rint(orders.notional[order] * part / price * listing.units)).astype(np.int64)
    return Prints(orders.at[order], price, quantity, orders.buy[order], order)
