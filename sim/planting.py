"""Plants the wanted anomalies into a minute's orders and prints, and says what they became."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from ctc.model import from_us
from sim.orders import BLOCK_US, Bools, Floats, Ints, Orders, Prints, expand, retarget
from sim.schedule import Wanted
from sim.truth import Seeded
from sim.venues import Listing

if TYPE_CHECKING:
    from sim.market import Columns, Listed
    from sim.plan import Plan

MIN_BARS = 20
WINDOW_US = 30_000_000
RAMP_S = 90.0
LARGEST = 0.15  # of the whale threshold: orders added to a spike stay well below it


def depeg(wanted: Iterable[Wanted], minute: int, count: int) -> Floats:
    """How far below its usual price USDT stands at `count` moments of the minute, in USD."""
    depth = np.zeros(count)
    for seed in wanted:
        if seed.measure == "peg":
            seconds = (minute - seed.minute) * 60 + np.linspace(0, 60, count)
            depth += seed.target * np.clip(np.minimum(seconds, seed.minutes * 60 - seconds) / RAMP_S, 0, 1)
    return depth


def volume(
    rng: np.random.Generator, wanted: Iterable[Wanted], item: Listing, orders: Orders, volumes: tuple[float, ...], threshold: float
) -> Orders:
    """The orders, brought to the volume that gives a planted spike or drought its score against the bars so far."""
    for seed in wanted:
        if seed.type == "volume_spike" and _on(seed, item) and len(volumes) >= MIN_BARS:
            orders = retarget(rng, orders, max(0.0, _volume_for(seed, volumes)), item.sizes, LARGEST * threshold)
    return orders


def _volume_for(seed: Wanted, volumes: tuple[float, ...]) -> float:
    if seed.measure == "z_score":
        return float(np.mean(volumes) + seed.target * np.std(volumes, ddof=1))
    logs = np.log1p(volumes)
    median = np.median(logs)
    return math.expm1(median + seed.target * 1.4826 * float(np.median(np.abs(logs - median))))


def _score(seed: Wanted, volumes: tuple[float, ...], volume: float) -> float | None:
    """The planted bar's score, None without a baseline."""
    if len(volumes) < MIN_BARS:
        return None
    if seed.measure == "z_score":
        return float((volume - np.mean(volumes)) / np.std(volumes, ddof=1))
    logs = np.log1p(volumes)
    median = np.median(logs)
    return float((math.log1p(volume) - median) / (1.4826 * np.median(np.abs(logs - median))))


def whales(
    rng: np.random.Generator,
    wanted: Iterable[Wanted],
    item: Listing,
    prints: Prints,
    mid: Callable[[Ints], Floats],
    threshold: Decimal,
    placed: dict[str, int],
) -> Prints:
    """The prints with the planted whales among them, each in a millisecond of its own; `placed` gets their times."""
    for seed in wanted:
        if seed.type == "whale" and _on(seed, item):
            at = _free_moment(prints, seed.offset_ms) * 1000
            placed[seed.id] = at
            target = int(Decimal(repr(seed.target)) * threshold * item.units)
            prints = _merge(prints, _whale(rng, seed, item, at, mid(np.array([at])), target))
    return prints


def _free_moment(prints: Prints, offset_ms: int) -> int:
    taken = set((prints.at // 1000).tolist())
    while offset_ms in taken:
        offset_ms += 1
    return offset_ms


def _whale(rng: np.random.Generator, seed: Wanted, item: Listing, at: int, mid: Floats, target: int) -> Prints:
    """One order's prints, together `target` ticks times lots: at most that below the threshold, else more by under one lot."""
    notional = np.array([target / item.units])
    walks = np.full(1, min(1.0, 4 / seed.prints))
    gap = np.array([max(1, round(item.gap_ticks))])
    prints = expand(
        rng, item, Orders(np.array([at]), notional, np.array([seed.side > 0])), mid, np.array([seed.prints]), walks, gap
    )  # fmt: skip
    price = prints.price.copy()
    if seed.prints > 1 and price[0] == price[-1]:
        price[-1] += seed.side * int(gap[0])  # a split whale takes more than one level, so that it is split as aggTrades too
    quantity = prints.quantity.copy()
    largest = int(np.argmax(quantity))
    rest = target - int((price * quantity).sum()) + int(price[largest] * quantity[largest])
    lots = rest // int(price[largest])
    quantity[largest] = max(1, lots if seed.size in ("below", "marginal-below") else lots + 1)
    return prints._replace(price=price, quantity=quantity)


def _merge(prints: Prints, more: Prints) -> Prints:
    order = np.concatenate([prints.order, more.order + (int(prints.order[-1]) + 1 if prints.order.size else 0)])
    at = np.concatenate([prints.at, more.at])
    place = np.lexsort((np.arange(at.size), order, at))
    order = order[place]
    renumbered = np.cumsum(np.concatenate([[0], np.diff(order) != 0]))
    price, quantity = np.concatenate([prints.price, more.price]), np.concatenate([prints.quantity, more.quantity])
    return Prints(at[place], price[place], quantity[place], np.concatenate([prints.buy, more.buy])[place], renumbered)


def spreads(wanted: Iterable[Wanted], listings: Mapping[str, Listing], symbols: Mapping[str, str], made: dict[str, Prints]) -> None:
    """Moves one venue's prices in the planted windows so that the VWAPs are apart by what was wanted; changes `made`."""
    for seed in wanted:
        pair = _pair(seed, symbols)
        if seed.measure != "spread_pct" or pair is None:
            continue
        inside = [_inside(made[name].at, seed) for name in pair]
        binance, coinbase = (_vwap(made[name], listings[name], chosen) for name, chosen in zip(pair, inside, strict=True))
        if not binance or not coinbase:
            continue
        apart = 1 + seed.side * seed.target / 100
        moved = 0 if seed.exchange == "binance" else 1
        factor = coinbase * apart / binance if moved == 0 else binance / apart / coinbase
        prints, chosen = made[pair[moved]], inside[moved]
        price = prints.price.copy()
        price[chosen] = np.rint(price[chosen] * factor).astype(np.int64)
        made[pair[moved]] = prints._replace(price=price)


def _pair(seed: Wanted, symbols: Mapping[str, str]) -> tuple[str, str] | None:
    """The Binance and the Coinbase listing of the seed's symbol, None where one is missing."""
    found = {name.split(":")[0]: name for name, symbol in symbols.items() if symbol == seed.symbol}
    return (found["binance"], found["coinbase"]) if {"binance", "coinbase"} <= found.keys() else None


def _inside(at: Ints, seed: Wanted) -> Bools:
    begin = seed.offset_ms * 1000
    return np.asarray((at >= begin) & (at < begin + WINDOW_US))


def _vwap(prints: Prints | Columns, item: Listing, chosen: Bools) -> float:
    quantity = prints.quantity[chosen]
    total = int(quantity.sum()) if quantity.size else 0
    return float((prints.price[chosen] * quantity).sum()) / total / 10**item.price_digits if total else 0.0


def _on(seed: Wanted, item: Listing) -> bool:
    return (seed.exchange, seed.native) == (item.exchange, item.native)


def report(
    wanted: Iterable[Wanted],
    minute: int,
    start_us: int,
    listings: Mapping[str, Listing],
    plan: Plan,
    shown: Mapping[str, Columns],
    listed: Mapping[str, Listed],
    placed: Mapping[str, int],
) -> list[Seeded]:
    """What each anomaly that begins in this minute became; `shown` are the trades of the session's kinds."""
    found = []
    for seed in wanted:
        if seed.minute != minute:
            continue
        name = f"{seed.exchange}:{seed.native}"
        begin, length = _window(seed, start_us, placed)
        columns = shown[name]
        chosen = (columns.at >= begin) & (columns.at < begin + length)
        if seed.type == "whale":
            chosen &= columns.buy == (seed.side > 0)
        planted = _planted(seed, listings, plan, shown, listed[name].volumes, chosen)
        found.append(_entry(seed, listings[name], plan, columns, chosen, (begin, begin + length), planted))
    return found


def _window(seed: Wanted, start_us: int, placed: Mapping[str, int]) -> tuple[int, int]:
    """Start and length (us) of the window in which the rule measures the seed."""
    if seed.type == "whale":
        return start_us + placed[seed.id], 1000
    if seed.measure == "spread_pct":
        return start_us + seed.offset_ms * 1000, WINDOW_US
    return start_us, seed.minutes * BLOCK_US


def _planted(
    seed: Wanted, listings: Mapping[str, Listing], plan: Plan, shown: Mapping[str, Columns], volumes: tuple[float, ...], chosen: Bools
) -> Decimal | None:
    name = f"{seed.exchange}:{seed.native}"
    if seed.measure == "quote_volume":
        return _quote(shown[name], listings[name], chosen)
    if seed.measure == "peg":
        return _rounded(seed.target)
    if seed.measure == "spread_pct":
        pair = _pair(seed, plan.listings)
        if pair is None:
            return None
        start_us = int(shown[name].at[chosen][0]) // WINDOW_US * WINDOW_US if chosen.any() else 0
        binance, coinbase = (
            _vwap(shown[each], listings[each], (shown[each].at >= start_us) & (shown[each].at < start_us + WINDOW_US)) for each in pair
        )
        return _rounded((binance - coinbase) / coinbase * 100) if binance and coinbase else None
    score = _score(seed, volumes, float(_quote(shown[name], listings[name], chosen)))
    return None if score is None else _rounded(score)


def _rounded(value: float) -> Decimal:
    return Decimal(f"{value:.6f}")


def _quote(columns: Columns, item: Listing, chosen: Bools) -> Decimal:
    total = int((columns.price[chosen] * columns.quantity[chosen]).sum()) if chosen.any() else 0
    return Decimal(total).scaleb(-(item.price_digits + item.lot_digits))


def _rules(seed: Wanted, plan: Plan, item: Listing, columns: Columns, chosen: Bools) -> tuple[str, ...]:
    if seed.measure == "peg":
        return ("spread.raw",)
    if seed.type == "spread":
        return ("spread.raw", "spread.peg")
    if seed.type == "volume_spike":
        return ("volume.z", "volume.robust")
    limit = plan.whale_threshold * item.units
    single = any(value > limit for value in (columns.price[chosen] * columns.quantity[chosen]).tolist())
    return ("whale.single", "whale.split") if seed.prints > 1 and single else (seed.rule,)


def _entry(
    seed: Wanted, item: Listing, plan: Plan, columns: Columns, chosen: Bools, window: tuple[int, int], planted: Decimal | None
) -> Seeded:
    ids = sorted(item.shown_id(number) for number in (np.flatnonzero(chosen) + columns.first_id).tolist())
    signed = seed.target * (seed.side if seed.measure == "spread_pct" else 1)
    intended = Decimal(repr(seed.target)) * plan.whale_threshold if seed.type == "whale" else _rounded(signed)
    peg = seed.measure == "peg"
    return Seeded(
        id=seed.id,
        type=seed.type,
        rule=seed.rule,
        rules=_rules(seed, plan, item, columns, chosen),
        exchange="binance-coinbase" if seed.type == "spread" else seed.exchange,
        symbol=seed.symbol,
        native_symbol=seed.native,
        kind=plan.kinds[seed.exchange],
        start=from_us(window[0]),
        end=from_us(window[1]),
        size=seed.size,
        measure=seed.measure,
        intended=intended,
        planted=planted,
        side=("buy" if seed.side > 0 else "sell") if seed.type == "whale" else None,
        trade_count=0 if peg else len(ids),
        prints=0 if peg else int((columns.last[chosen] - columns.first[chosen] + 1).sum()),
        first_trade_id=ids[0] if ids and not peg else None,
        last_trade_id=ids[-1] if ids and not peg else None,
        quote_volume=Decimal(0) if peg else _quote(columns, item, chosen),
        trade_ids=tuple(ids) if seed.type == "whale" else (),
    )
