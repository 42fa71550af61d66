"""The seeded market: a pure step from one minute's state to its prints and the next state.

Every random number is drawn from a stream keyed by (seed, listing or asset, minute), so that a minute is the same however
the session is cut, stopped or resumed; the state is a small struct that can be saved between any two minutes.
"""

from __future__ import annotations

import math
import zlib

import msgspec
import numpy as np

from ctc.model import to_us
from sim import planting
from sim.orders import BLOCK_US, Bools, Floats, Ints, Orders, Prints, arrive, generator, notionals, sides, split
from sim.plan import Plan
from sim.schedule import Wanted
from sim.truth import Seeded
from sim.venues import PRICES, Listing, listing
from sim.wallets import HORIZON, Sides, assign

GRID = 600  # price steps a minute
BARS = 60  # closed minutes whose volumes the next ones are planned against


class Columns(msgspec.Struct, frozen=True):
    """Market trades of one listing and minute, ascending: ids are contiguous from `first_id`.

    Prices are ticks, quantities lots, times microseconds since the epoch. `first` and `last` are the print ids inside (for
    single prints their own), `order` numbers the taker orders.
    """

    first_id: int
    at: Ints
    price: Ints
    quantity: Ints
    buy: Bools
    first: Ints
    last: Ints
    order: Ints

    def __len__(self) -> int:
        return int(self.at.size)


class Day(msgspec.Struct, frozen=True):
    """What a ticker shows since the session began: open, high, low and last in ticks, volume in lots and in ticks times lots."""

    open: int
    high: int
    low: int
    last: int
    lots: int = 0
    quote: int = 0


class Listed(msgspec.Struct, frozen=True):
    """One listing between two minutes. `last` is the newest trade of it: time (us), ticks, lots, whether the taker bought."""

    next_id: int
    next_agg_id: int
    orders: int
    day: Day
    last: tuple[int, int, int, bool]
    carried: tuple[float, ...] = ()
    basis: float = 0.0
    volumes: tuple[float, ...] = ()


class Asset(msgspec.Struct, frozen=True):
    """A base asset's common price (log USD) and how active it is (log)."""

    log_price: float
    activity: float = 0.0


class State(msgspec.Struct, frozen=True):
    """Everything that the minute `minute` depends on, besides the plan."""

    minute: int
    listed: dict[str, Listed]
    assets: dict[str, Asset]


class Minute(msgspec.Struct, frozen=True):
    """A generated minute [start_us, end_us): single prints, aggregate trades, the state before it and what was planted.

    `wallets` has who was on either side of each single print, for the listings of exchanges that tell.
    """

    index: int
    start_us: int
    end_us: int
    prints: dict[str, Columns]
    aggregates: dict[str, Columns]
    before: State
    planted: tuple[Seeded, ...]
    wallets: dict[str, Sides] = {}


class Market:
    """Generates a plan's minutes, one after the other: `minute, state = market.step(state)`."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.start_us = to_us(plan.start)
        self.listings: dict[str, Listing] = {name: listing(*name.split(":")) for name in plan.listings}
        self.bases = sorted({item.base for item in self.listings.values()} | {"USDT"})
        self._wanted: dict[int, list[Wanted]] = {}
        for wanted in plan.wanted:
            for step in range(wanted.minutes):
                self._wanted.setdefault(wanted.minute + step, []).append(wanted)

    def first_state(self) -> State:
        """The state before the first minute."""
        rng = generator(self.plan.seed, 1)
        assets = {base: Asset(math.log(PRICES[base]) + (rng.normal(0, 0.02) if base != "USDT" else 0.0)) for base in self.bases}
        listed = {}
        for name, item in self.listings.items():
            ticks = round(math.exp(assets[item.base].log_price) * 10**item.price_digits)
            lots = max(1, round(50 / ticks * item.units))
            last = (self.start_us - int(rng.integers(1_000, 4_000)) * 1000, ticks, lots, True)
            first, first_agg = item.first_id + int(rng.integers(900)), item.first_agg_id + int(rng.integers(900))
            listed[name] = Listed(first, first_agg, 0, Day(ticks, ticks, ticks, ticks), last)
        return State(0, listed, assets)

    def step(self, state: State) -> tuple[Minute, State]:
        """The minute that `state` stands before, and the state after it."""
        start_us = self.start_us + state.minute * BLOCK_US
        wanted = self._wanted.get(state.minute, [])
        paths = {base: self._path(base, state.minute, state.assets[base]) for base in self.bases}
        peg = np.exp(paths["USDT"][0]) - planting.depeg(wanted, state.minute, GRID + 1)
        placed: dict[str, int] = {}
        made: dict[str, Prints] = {}
        listed: dict[str, Listed] = {}
        assets = {base: Asset(float(path[-1]), activity) for base, (path, activity) in paths.items()}
        for name in self.listings:
            made[name], listed[name] = self._prints(name, state, paths, peg, wanted, placed)
        planting.spreads(wanted, self.listings, self.plan.listings, made)
        prints = {name: self._columns(name, state.listed[name], made[name], start_us) for name in made}
        aggregates = {name: _aggregate(state.listed[name].next_agg_id, columns) for name, columns in prints.items()}
        shown = {name: aggregates[name] if self.plan.kinds[name.split(":")[0]] == "aggTrade" else prints[name] for name in prints}
        planted = planting.report(wanted, state.minute, start_us, self.listings, self.plan, shown, state.listed, placed)
        after = {name: self._after(name, listed[name], prints[name], aggregates[name]) for name in listed}
        wallets = {
            name: self._wallets(item, state, prints[name], start_us)
            for name, item in self.listings.items()
            if item.exchange == "hyperliquid"
        }
        minute = Minute(state.minute, start_us, start_us + BLOCK_US, prints, aggregates, state, tuple(planted), wallets)
        return minute, State(state.minute + 1, after, assets)

    def quiet(self, state: State) -> tuple[Minute, State]:
        """A minute without a trade: what follows a session's end, while clocks still run."""
        start_us = self.start_us + state.minute * BLOCK_US
        none, no = np.empty(0, dtype=np.int64), np.empty(0, dtype=bool)
        prints = {name: Columns(old.next_id, none, none, none, no, none, none, none) for name, old in state.listed.items()}
        aggregates = {name: Columns(old.next_agg_id, none, none, none, no, none, none, none) for name, old in state.listed.items()}
        wallets = {name: Sides((), none, none) for name, item in self.listings.items() if item.exchange == "hyperliquid"}
        minute = Minute(state.minute, start_us, start_us + BLOCK_US, prints, aggregates, state, (), wallets)
        return minute, msgspec.structs.replace(state, minute=state.minute + 1)

    def _wallets(self, item: Listing, state: State, prints: Columns, start_us: int) -> Sides:
        """Who traded: the skilled know where the price will stand `HORIZON` minutes on, more often than not."""
        asset, track = state.assets[item.base], []
        for step in range(HORIZON + 1):
            path, activity = self._path(item.base, state.minute + step, asset)
            asset = Asset(float(path[-1]), activity)
            track.append(path[:-1])
        place = (prints.at - start_us) * GRID // BLOCK_US
        prices = np.concatenate(track)
        return assign(self.plan.seed, item, state.minute, prints, prices[place + HORIZON * GRID] - prices[place])

    def _path(self, base: str, minute: int, asset: Asset) -> tuple[Floats, float]:
        """Log price at GRID + 1 moments of the minute, and the asset's activity in it."""
        rng = generator(self.plan.seed, 2, zlib.crc32(base.encode()), minute)
        if base == "USDT":
            home = math.log(PRICES[base])
            target = home + 0.985 * (asset.log_price - home) + rng.normal(0, 0.00004)
            return np.linspace(asset.log_price, target, GRID + 1), 0.6 * asset.activity + rng.normal(0, 0.08)
        activity = 0.75 * asset.activity + rng.normal(0, 0.2)
        step = 2.0e-5 * {"BTC": 1.0, "ETH": 1.2, "SOL": 1.5}.get(base, 1.3) * math.exp(activity / 2)
        moves = rng.normal(0, step, GRID)
        return asset.log_price + np.concatenate([[0.0], np.cumsum(moves)]), activity

    def _prints(
        self, name: str, state: State, paths: dict[str, tuple[Floats, float]], peg: Floats, wanted: list[Wanted], placed: dict[str, int]
    ) -> tuple[Prints, Listed]:
        item, old = self.listings[name], state.listed[name]
        rng = generator(self.plan.seed, 3, zlib.crc32(name.encode()), state.minute)
        basis = 0.9 * old.basis + rng.normal(0, 0.00004)
        factor = self.plan.rate * math.exp(paths[item.base][1] + rng.normal(0, 0.1)) * _time_of_day(self.start_us, state.minute)
        at, carried = arrive(rng, item.arrivals, factor, np.array(old.carried))
        whole = (at.astype(np.int64) // item.time_us) * item.time_us
        buy = sides(rng, whole.size, old.last[3])
        orders = Orders(whole, notionals(rng, item.sizes, whole.size), buy)
        orders = planting.volume(rng, wanted, item, orders, old.volumes, float(self.plan.whale_threshold))
        dollars = np.exp(paths[item.base][0]) if item.base != "USDT" else peg
        track = dollars * np.linspace(1 + old.basis, 1 + basis, GRID + 1)
        if item.base == "USDT":
            track = dollars
        elif item.in_usdt:
            track = track / peg
        prints = split(rng, item, orders._replace(at=(orders.at // item.time_us) * item.time_us), _at(track, orders.at))
        prints = planting.whales(rng, wanted, item, prints, lambda when: _at(track, when), self.plan.whale_threshold, placed)
        return prints, msgspec.structs.replace(old, carried=tuple(carried.tolist()), basis=basis)

    def _columns(self, name: str, old: Listed, prints: Prints, start_us: int) -> Columns:
        ids = old.next_id + np.arange(prints.at.size)
        return Columns(old.next_id, prints.at + start_us, prints.price, prints.quantity, prints.buy, ids, ids, prints.order + old.orders)

    def _after(self, name: str, old: Listed, prints: Columns, aggregates: Columns) -> Listed:
        """The listing's state once the minute is over."""
        volume = int((prints.price * prints.quantity).sum()) if len(prints) else 0
        volumes = (*old.volumes, volume / self.listings[name].units)[-BARS:]
        if not len(prints):
            return msgspec.structs.replace(old, volumes=volumes)
        day, ticks = old.day, int(prints.price[-1])
        high, low = max(day.high, int(prints.price.max())), min(day.low, int(prints.price.min()))
        return msgspec.structs.replace(
            old,
            next_id=old.next_id + len(prints),
            next_agg_id=old.next_agg_id + len(aggregates),
            orders=int(prints.order[-1]) + 1,
            day=Day(day.open, high, low, ticks, day.lots + int(prints.quantity.sum()), day.quote + volume),
            last=(int(prints.at[-1]), ticks, int(prints.quantity[-1]), bool(prints.buy[-1])),
            volumes=volumes,
        )


def _time_of_day(start_us: int, minute: int) -> float:
    """Activity by the hour of the day (UTC): a peak at 15 h, a trough at 3 h."""
    hours = (start_us / 3.6e9 + minute / 60) % 24
    return 1 + 0.3 * math.cos((hours - 15) / 24 * 2 * math.pi)


def _at(track: Floats, at: Ints) -> Floats:
    return np.asarray(track[(at * GRID) // BLOCK_US])


def _aggregate(first_id: int, prints: Columns) -> Columns:
    """Prints of one taker order at one price as one aggregate trade, as Binance's aggTrade has it."""
    if not len(prints):
        return Columns(first_id, *(getattr(prints, field) for field in ("at", "price", "quantity", "buy", "first", "last", "order")))
    fresh = np.concatenate([[True], (np.diff(prints.order) != 0) | (np.diff(prints.price) != 0)])
    starts = np.flatnonzero(fresh)
    ends = np.append(starts[1:], len(prints)) - 1
    quantity = np.add.reduceat(prints.quantity, starts)
    return Columns(
        first_id, prints.at[starts], prints.price[starts], quantity, prints.buy[starts],
        prints.first[starts], prints.last[ends], prints.order[starts],
    )  # fmt: skip
