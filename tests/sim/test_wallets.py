"""The seeded wallets: who is skilled, who was lucky, and that nobody's presence changes a price."""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from ctc.settings import load_profile
from sim.market import Market
from sim.plan import FIXED_START, make_plan
from sim.wallets import HORIZON, LUCKY_MINUTES, LUCKY_STROKES, population

PERPS = load_profile("sim", {"session.symbols": ["BTC-PERP"], "session.exchanges": ["hyperliquid"]})
BOTH = load_profile(
    "sim", {"session.symbols": ["BTC-USDT", "USDT-USD", "BTC-PERP"], "session.exchanges": ["binance", "coinbase", "hyperliquid"]}
)
ALONE = load_profile("sim", {"session.symbols": ["BTC-USDT", "USDT-USD"]})
NAME = "hyperliquid:BTC"


def minutes_of(settings, count: int, seed: int = 3):  # type: ignore[no-untyped-def]
    market = Market(make_plan(seed, FIXED_START, count * 60, settings, anomalies=False))
    state, found = market.first_state(), []
    for _ in range(count):
        minute, state = market.step(state)
        found.append(minute)
    return found


def test_wallets_are_the_seeds_and_few_are_skilled() -> None:
    people = population(1)
    assert people.addresses == population.__wrapped__(1).addresses
    assert not set(people.addresses) & set(population(2).addresses)
    assert len(set(people.addresses)) == len(people.wallets)
    counts = {kind: len(people.of(kind)) for kind in ("skilled", "lucky", "plain", "maker")}
    assert counts == {"skilled": 8, "lucky": 8, "plain": 384, "maker": 12}
    assert len(people.strokes) == LUCKY_STROKES * 8
    assert max(people.strokes) < LUCKY_MINUTES
    assert set(people.strokes.values()) == set(people.of("lucky"))


def test_skilled_wallets_buy_before_it_rises_and_others_do_not() -> None:
    minutes = minutes_of(PERPS, 75)
    at = np.concatenate([minute.prints[NAME].at for minute in minutes])
    price = np.concatenate([minute.prints[NAME].price for minute in minutes])
    people, gains = population(3), defaultdict(list)
    for minute in minutes[: -HORIZON - 1]:
        columns, sides = minute.prints[NAME], minute.wallets[NAME]
        assert not (sides.taker == sides.maker).any()
        for start in np.unique(columns.order, return_index=True)[1]:
            later = price[np.searchsorted(at, columns.at[start] + HORIZON * 60_000_000)]
            side = 1 if columns.buy[start] else -1
            gains[people.wallets[sides.taker[start]].kind].append(side * (later / columns.price[start] - 1) * 1e4)
    assert set(gains) == {"skilled", "lucky", "plain"}
    assert np.mean(gains["skilled"]) > 4
    assert abs(np.mean(gains["plain"])) < 2
    assert len(gains["plain"]) > 20 * len(gains["skilled"])


def test_one_order_has_one_taker_and_the_minute_depends_on_the_seed_alone() -> None:
    one, other = minutes_of(PERPS, 3), minutes_of(PERPS, 3)
    for minute, same in zip(one, other, strict=True):
        columns, sides = minute.prints[NAME], minute.wallets[NAME]
        assert all(len(set(sides.taker[columns.order == order])) == 1 for order in np.unique(columns.order))
        assert np.array_equal(sides.taker, same.wallets[NAME].taker)
        assert np.array_equal(sides.maker, same.wallets[NAME].maker)
    assert not np.array_equal(one[0].wallets[NAME].taker[:50], minutes_of(PERPS, 1, seed=4)[0].wallets[NAME].taker[:50])


def test_other_exchanges_trade_the_same_with_and_without_it() -> None:
    for alone, beside in zip(minutes_of(ALONE, 3), minutes_of(BOTH, 3), strict=True):
        assert set(beside.prints) == {*alone.prints, NAME}
        assert alone.wallets == {}
        for name, columns in alone.prints.items():
            for field in ("at", "price", "quantity", "buy", "order"):
                assert np.array_equal(getattr(columns, field), getattr(beside.prints[name], field)), (name, field)
