"""Which anomalies a session plants, where and how big: a seeded choice in all sizes around the thresholds.

One symbol has at most one anomaly a minute, so that each can be told from the others. `sim.truth` plants them and writes
down what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Literal

import msgspec
import numpy as np

PERIOD = 100  # minutes after which the catalogue below is planted again
WARMUP = 25  # minutes that volume and spread anomalies leave to the baseline
DEPEG_MINUTES = 6
DEPEG_DEPTH = 0.011  # USD; ramps are gentle enough that the peg-adjusted spread stays inside
FIRST_WHALE_S = 40  # into the session, so that the first alert comes soon

Size = Literal["below", "marginal-below", "marginal-above", "above", "far-above"]
Measure = Literal["quote_volume", "z_score", "robust_score", "spread_pct", "peg"]


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """An anomaly to plant: in `minute` of the session, `target` on the scale of `measure` (for whales: times the threshold).

    `exchange` is where prints are planted (spread: the venue that is moved). `side` +1 buys or raises, -1 sells or lowers.
    """

    id: str
    type: Literal["volume_spike", "whale", "spread"]
    rule: str
    measure: Measure
    exchange: str
    native: str
    symbol: str
    minute: int
    offset_ms: int
    size: Size
    target: float
    side: Literal[-1, 1]
    minutes: int = 1
    prints: int = 1


class Limits(msgspec.Struct, frozen=True):
    """The thresholds that sizes are chosen around."""

    whale: Decimal
    z: Decimal
    robust: Decimal
    spread_pct: Decimal


_WHALES: tuple[tuple[Size, float], ...] = (
    ("below", 0.5), ("below", 0.9), ("marginal-below", 1.0), ("marginal-above", 1.0), ("above", 1.02),
    ("above", 1.3), ("above", 2.6), ("far-above", 5.5), ("far-above", 12.0),
)  # fmt: skip
_SCORES: tuple[tuple[Size, float], ...] = (  # times the threshold
    ("below", 0.6), ("marginal-below", 0.98), ("marginal-above", 1.02), ("above", 1.2), ("above", 1.5),
    ("far-above", 2.8), ("far-above", 4.0),
)  # fmt: skip
_DROUGHTS: tuple[tuple[Size, float], ...] = (("below", 0.7), ("marginal-below", 0.97), ("marginal-above", 1.03), ("far-above", 1.5))
_SPREADS: tuple[tuple[Size, float], ...] = (
    ("below", 0.6), ("marginal-below", 0.99), ("marginal-above", 1.01), ("above", 1.2), ("above", 1.7), ("far-above", 3.0),
)  # fmt: skip


class _Planter:
    """Hands out free minutes of symbols, in a seeded order."""

    def __init__(self, rng: np.random.Generator, listings: Mapping[str, str]) -> None:
        self.rng = rng
        self.symbols = dict(listings)
        self.taken: set[tuple[str, int]] = set()
        self.count = 0

    def pick(self, names: list[str], first: int, last: int, span: int = 1, everywhere: bool = False) -> tuple[str, int] | None:
        """A listing and a minute in [first, last) whose symbol is free then, or None when there is none."""
        if not names or last - span < first:
            return None
        for _ in range(40):
            name = names[int(self.rng.integers(len(names)))]
            minute = int(self.rng.integers(first, last - span + 1))
            symbols = set(self.symbols.values()) if everywhere else {self.symbols[name]}
            slots = {(symbol, minute + step) for symbol in symbols for step in range(span)}
            if not slots & self.taken:
                self.taken |= slots
                return name, minute
        return None

    def wanted(self, place: tuple[str, int], **values: object) -> Wanted:
        """The anomaly at that place, with the next id."""
        name, minute = place
        exchange, native = name.split(":")
        self.count += 1
        defaults: dict[str, object] = {"offset_ms": int(self.rng.integers(1_000, 59_000)), "side": 1 if self.rng.random() < 0.5 else -1}
        return msgspec.convert(
            {
                "id": f"seed-{self.count:04d}", "exchange": exchange, "native": native, "symbol": self.symbols[name], "minute": minute,
                **defaults, **values,
            },
            Wanted,
        )  # fmt: skip


def plant(seed: int, minutes: int, listings: Mapping[str, str], limits: Limits) -> Iterator[Wanted]:
    """The anomalies of a session of that many minutes, the same for the same arguments, in no order of time."""
    planter = _Planter(np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, 0x7121]))), listings)
    first = next((name for name in listings if name == "binance:BTCUSDT"), next(iter(listings)))
    planter.taken.add((listings[first], 0))
    yield planter.wanted(
        (first, 0), type="whale", rule="whale.single", measure="quote_volume", size="far-above", target=8.0, offset_ms=FIRST_WHALE_S * 1000
    )
    for begin in range(0, minutes, PERIOD):
        yield from _period(planter, begin, min(begin + PERIOD, minutes), limits)


def _period(planter: _Planter, begin: int, end: int, limits: Limits) -> Iterator[Wanted]:
    last = end - 2  # windows close, and alerts are seen, before the session ends
    warm = max(begin, WARMUP)
    coins = [name for name in planter.symbols if not name.endswith("USDT-USD")]
    pegs = [name for name in planter.symbols if name.endswith("USDT-USD")]
    share = min(1.0, (end - begin) / PERIOD)
    yield from _depeg(planter, pegs, warm, last)
    yield from _volume(planter, coins, pegs, warm, last, limits)
    yield from _spreads(planter, coins, warm, last, limits)
    yield from _whales(planter, coins, begin + 1, last, share)


def _depeg(planter: _Planter, pegs: list[str], warm: int, last: int) -> Iterator[Wanted]:
    place = planter.pick(pegs, warm + 20, last, DEPEG_MINUTES, everywhere=True)
    if place is not None:
        shape = {"target": DEPEG_DEPTH, "side": -1, "minutes": DEPEG_MINUTES, "offset_ms": 0}
        yield planter.wanted(place, type="spread", rule="spread.raw", measure="peg", size="far-above", **shape)


def _volume(planter: _Planter, coins: list[str], pegs: list[str], warm: int, last: int, limits: Limits) -> Iterator[Wanted]:
    late = warm + (last - warm) * 2 // 3
    z = {"type": "volume_spike", "rule": "volume.z", "measure": "z_score", "offset_ms": 0}
    robust = {"type": "volume_spike", "rule": "volume.robust", "measure": "robust_score", "offset_ms": 0}
    for catalogue, names, span, sign, kind, limit in (
        (_DROUGHTS, pegs, (warm, late), -1, z, limits.z),
        (_DROUGHTS, coins, (warm, last), -1, robust, limits.robust),
        (_SCORES, coins, (warm, last), 1, z, limits.z),
        (_SCORES[1:5], pegs, (late, last), 1, robust, limits.robust),
    ):
        for size, factor in catalogue:
            place = planter.pick(names, *span)
            if place is not None:
                yield planter.wanted(place, **kind, size=size, target=sign * factor * float(limit))


def _spreads(planter: _Planter, coins: list[str], warm: int, last: int, limits: Limits) -> Iterator[Wanted]:
    both = [name for name in coins if sum(planter.symbols[name] == symbol for symbol in planter.symbols.values()) > 1]
    for size, factor in _SPREADS:
        place = planter.pick(both, warm, last)
        if place is not None:
            half = 30_000 * int(planter.rng.integers(2))
            target = factor * float(limits.spread_pct)
            yield planter.wanted(place, type="spread", rule="spread.raw", measure="spread_pct", size=size, target=target, offset_ms=half)


def _whales(planter: _Planter, coins: list[str], begin: int, last: int, share: float) -> Iterator[Wanted]:
    for rule in ("whale.single", "whale.split"):
        for size, factor in _WHALES:
            if planter.rng.random() > share:
                continue
            place = planter.pick(coins, begin, last)
            if place is not None:
                prints = 1 if rule == "whale.single" else int(planter.rng.integers(3, 8 + int(8 * factor)))
                yield planter.wanted(place, type="whale", rule=rule, measure="quote_volume", size=size, target=factor, prints=prints)
