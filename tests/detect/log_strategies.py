"""Logs of one symbol for tests: a small writer for hand-made ones, and Hypothesis strategies for market-like ones."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import pairwise
from typing import Any

import msgspec
from hypothesis import strategies as st

from ctc.codec import Line
from ctc.model import (
    EXACT,
    Heartbeat,
    Position,
    Reject,
    Trade,
    VenueMark,
    event_id,
    from_us,
    id_space,
)
from ctc.settings import Settings, load_profile

Log = list[tuple[Position, Line]]
SYMBOL = "BTC-USDT"
T0 = 1_767_571_200_000_000  # 2026-01-05T00:00:00Z, the start of a minute, in microseconds
SECOND = 1_000_000
MINUTE = 60 * SECOND
# exchange: market, native symbol, quote currency, kind
VENUES = {
    "binance": ("spot", "BTCUSDT", "USDT", "aggTrade"),
    "coinbase": ("spot", "BTC-USD", "USD", "match"),
    "hyperliquid": ("perp", "BTC", "USDC", "trade"),  # ids that are not dense
}


def small_settings(**overrides: Any) -> Settings:
    """The default profile with baselines and thresholds that a short log reaches; keys are `section__name`."""
    small = {
        "volume.baseline_bars": 8,
        "volume.min_bars": 3,
        "whales.threshold": "1000",
        "volume.robust_cooldown_s": 120,
    }
    return load_profile(
        "sim",
        {
            **small,
            **{key.replace("__", "."): value for key, value in overrides.items()},
        },
    )


def space_of(exchange: str) -> str:
    """The id space of the tests' venue on that exchange."""
    market, native, _, kind = VENUES[exchange]
    return id_space(exchange, market, native, kind)


def make_trade(
    us: int,
    price: str | Decimal,
    quantity: str | Decimal,
    *,
    trade_id: int,
    exchange: str,
    side: str,
) -> Trade:
    """A unified trade at `us` microseconds since the epoch."""
    market, native, quote, kind = VENUES[exchange]
    price, quantity = Decimal(price), Decimal(quantity)
    return msgspec.convert(
        {
            "event_id": event_id(space_of(exchange), trade_id),
            "exchange": exchange,
            "market": market,
            "symbol": SYMBOL,
            "native_symbol": native,
            "quote_currency": quote,
            "kind": kind,
            "trade_id": trade_id,
            "price": price,
            "quantity": quantity,
            "quote_volume": EXACT.multiply(price, quantity),
            "side": side,
            "timestamp": from_us(us),
            "ingestion_timestamp": from_us(us + 50_000),
            "raw_event_payload": "{}",
        },
        Trade,
    )


def make_heartbeat(
    us: int,
    last: dict[str, int | None],
    *,
    down: Iterable[str],
    peg: str | Decimal | None,
    producer: str,
    holes: dict[str, tuple[int, int]] | None = None,
) -> Heartbeat:
    """A heartbeat that names the venues of `last`; those in `down` are not connected, `holes` are ids that their history skips."""
    venues = tuple(
        VenueMark(
            exchange=name,
            market=VENUES[name][0],
            native_symbol=VENUES[name][1],
            kind=VENUES[name][3],
            connected=name not in set(down),
            last_id=last_id,
            holes=(holes[name],) if holes and name in holes else (),
        )
        for name, last_id in last.items()
    )
    price = None if peg is None else Decimal(peg)
    return Heartbeat(
        heartbeat=from_us(us),
        symbol=SYMBOL,
        producer=producer,
        venues=venues,
        peg=price,
    )


@dataclass
class Tape:
    """Writes a log line by line; seconds are counted from T0, ids by venue from 1 where none is given."""

    log: Log = field(default_factory=list)
    ids: dict[str, int] = field(default_factory=dict)

    def trade(
        self,
        at: float,
        price: str,
        quantity: str,
        exchange: str = "binance",
        side: str = "buy",
        trade_id: int | None = None,
    ) -> Position:
        trade_id = self.ids.get(exchange, 0) + 1 if trade_id is None else trade_id
        self.ids[exchange] = max(self.ids.get(exchange, 0), trade_id)
        us = T0 + round(at * SECOND)
        return self.add(make_trade(us, price, quantity, trade_id=trade_id, exchange=exchange, side=side))

    def beat(
        self,
        at: float,
        *,
        last: dict[str, int | None] | None = None,
        down: Iterable[str] = (),
        peg: str | None = None,
        producer: str = "producer-1",
    ) -> Position:
        """By default both spot venues are connected and name what was written so far."""
        named = {name: self.ids.get(name) for name in ("binance", "coinbase")} if last is None else last
        return self.add(
            make_heartbeat(
                T0 + round(at * SECOND),
                named,
                down=down,
                peg=peg,
                producer=producer,
            )
        )

    def beats(
        self,
        start: float,
        stop: float,
        step: float = 1,
        *,
        down: Iterable[str] = (),
        peg: str | None = None,
    ) -> None:
        """Heartbeats at start, start + step, ... up to and with stop."""
        for index in range(int((stop - start) / step) + 1):
            self.beat(start + index * step, down=down, peg=peg)

    def add(self, line: Line) -> Position:
        position = Position("shardId-000000000000", 1000 + len(self.log), 0)
        self.log.append((position, line))
        return position


KINDS = (
    "calm",
    "calm",
    "flat",
    "spike",
    "drought",
    "binance_away",
    "coinbase_away",
    "hole",
    "long_hole",
    "lost",
    "late",
    "split",
    "whale",
    "repeat",
    "peg",
    "apart",
    "jump",
    "gone",
    "futures",
    "reject",
)


@dataclass(frozen=True)
class _Arrival:
    """A line and when it reaches the log, in microseconds; `order` breaks ties."""

    us: int
    order: float
    line: Line


class _Market:
    """Turns a list of minutes' kinds and a seed into a log, with two producers and what goes wrong between them."""

    def __init__(self, seed: int, step_s: int, two_producers: bool) -> None:
        self.noise = random.Random(seed)
        self.step = step_s * SECOND
        self.producers = ["producer-1", "producer-2"][: 2 if two_producers else 1]
        self.arrivals: list[_Arrival] = []
        self.next_id = {"binance": 1000, "coinbase": 50, "hyperliquid": 1}
        self.sent: dict[str, list[tuple[int, int]]] = {name: [] for name in VENUES}  # (event us, id)
        self.now = T0 + self.noise.choice([0, 17 * SECOND])
        self.peg = Decimal("1.0000")
        self.level = {
            "binance": Decimal(100),
            "coinbase": Decimal(100),
            "hyperliquid": Decimal(100),
        }

    def log(self, kinds: list[str]) -> Log:
        for kind in kinds:
            self._minute(kind)
        ordered = sorted(self.arrivals, key=lambda one: (one.us, one.order))
        lines, log, sequence = [one.line for one in ordered], [], 10**20
        while lines:
            size = self.noise.choice([1, 1, 2, 5, 30])
            log += [(Position("shardId-000000000001", sequence, index), line) for index, line in enumerate(lines[:size])]
            lines, sequence = lines[size:], sequence + self.noise.randrange(1, 1000)
        return log

    def _minute(self, kind: str) -> None:
        start = self.now
        if kind == "jump":
            self.now = start = start + self.noise.choice([3, 59, 61, 150]) * MINUTE
        if kind == "peg":
            self.peg = Decimal(self.noise.randrange(9700, 10200)).scaleb(-4)
        if kind == "apart":
            self.level["binance"] = Decimal(self.noise.choice(["100.6", "98", "100.5", "100"]))
        self.now = start + MINUTE
        if kind == "drought":
            self._beats(start, ())
            return
        away = {
            "binance_away": ("binance",),
            "coinbase_away": ("coinbase",),
            "gone": ("binance", "coinbase"),
        }.get(kind, ())
        for exchange in ("binance", "coinbase"):
            if exchange not in away:
                self._venue(kind, exchange, start)
        if kind == "futures":
            self._venue("repeat", "hyperliquid", start)
        if kind == "reject":
            self._arrive(
                start + SECOND,
                Reject(category="malformed", reasons=("not JSON",), raw=b"{"),
            )
        if kind != "gone":
            self._beats(start, away)

    def _venue(self, kind: str, exchange: str, start: int) -> None:
        noise = self.noise
        if kind == "flat":
            self._print(exchange, start + 10 * SECOND, Decimal(100), Decimal("0.5"))
            return
        for _ in range(noise.randrange(1, 5)):
            quantity = Decimal(noise.randrange(1, 200_000_000)).scaleb(-8)
            self._print(
                exchange,
                start + noise.randrange(MINUTE),
                self._price(exchange),
                quantity,
            )
        if kind == "spike" and noise.random() < 0.8:
            for part in range(4):
                quantity = Decimal(noise.randrange(1, 9_00_000_000)).scaleb(-8)
                self._print(
                    exchange,
                    start + part * 12 * SECOND,
                    self._price(exchange),
                    quantity,
                )
        elif kind == "whale":
            self._print(
                exchange,
                start + noise.randrange(MINUTE),
                Decimal(100),
                noise.choice(["10", "10.00000001", "25"]),
            )
        elif kind == "split":
            self._split(exchange, start + noise.randrange(MINUTE // 1000) * 1000)
        elif kind in ("hole", "long_hole", "lost"):
            delay = {
                "hole": noise.randrange(1, 14),
                "long_hole": noise.randrange(15, 40),
                "lost": None,
            }[kind]
            for offset in range(noise.choice([1, 1, 3])):
                self._print(
                    exchange,
                    start + 20 * SECOND + offset * noise.choice([0, SECOND]),
                    Decimal(100),
                    "1",
                    delay_s=delay,
                )
        elif kind == "late":
            self._print(
                exchange,
                start + noise.randrange(MINUTE),
                Decimal(101),
                noise.choice(["1", "11"]),
                delay_s=14,
            )
            old = start - noise.choice([0, 10, 35, 70, 600]) * SECOND
            self._print(
                exchange,
                old,
                Decimal(99),
                noise.choice(["1", "12"]),
                sent_us=start + 30 * SECOND,
            )
        elif kind == "repeat":
            self._repeat(exchange)

    def _price(self, exchange: str) -> Decimal:
        return self.level[exchange] + Decimal(self.noise.randrange(-10, 11)).scaleb(-2)

    def _split(self, exchange: str, us: int) -> None:
        """Prints of one millisecond around the threshold of 1,000: just at it, just above, one that crosses alone."""
        sizes = self.noise.choice(
            [
                ["5", "5"],
                ["5", "5.00000001"],
                ["3.3", "3.3", "3.4"],
                ["12", "1"],
                ["6", "6", "0.1"],
                ["11"],
            ]
        )
        side = self.noise.choice(["buy", "sell"])
        for size in sizes:
            delay = self.noise.choice([0, 0, 0, 3, 9])
            self._print(
                exchange,
                us + self.noise.randrange(1000),
                Decimal(100),
                size,
                side=side,
                delay_s=delay,
            )

    def _repeat(self, exchange: str) -> None:
        """Known trades again, soon or much later, and an id far below all others once in a while."""
        known = [one for one in self.arrivals if isinstance(one.line, Trade) and one.line.exchange == exchange]
        for one in self.noise.sample(known, min(3, len(known))):
            self._arrive(
                one.us + self.noise.choice([0, 1, 30, 3000, 3600, 7200]) * SECOND,
                one.line,
            )
        if exchange == "hyperliquid":
            for _ in range(3):
                self._print(exchange, self.now - 30 * SECOND, Decimal(100), "2")
        elif self.noise.random() < 0.2:
            low = min(
                (one.line.trade_id for one in known if isinstance(one.line, Trade)),
                default=10,
            ) - self.noise.choice([1, 7])
            if low > 0:
                self._arrive(
                    self.now,
                    make_trade(
                        self.now,
                        "100",
                        "1",
                        trade_id=low,
                        exchange=exchange,
                        side="sell",
                    ),
                )

    def _print(
        self,
        exchange: str,
        us: int,
        price: Decimal,
        quantity: str | Decimal,
        *,
        side: str | None = None,
        delay_s: int | None = 0,
        sent_us: int | None = None,
    ) -> None:
        """One trade with the venue's next id; `delay_s` None never arrives."""
        trade_id = self.next_id[exchange]
        self.next_id[exchange] += 1 if exchange != "hyperliquid" else self.noise.randrange(1, 99)
        sent = us if sent_us is None else sent_us
        self.sent[exchange].append((sent, trade_id))
        side = side or self.noise.choice(["buy", "sell"])
        trade = make_trade(us, price, quantity, trade_id=trade_id, exchange=exchange, side=side)
        if delay_s is None:
            return
        for index, _ in enumerate(self.producers):
            if index and self.noise.random() < 0.5:
                continue
            jitter = self.noise.choice([0, 0, 100_000, 2_500_000])
            self._arrive(sent + delay_s * SECOND + jitter, trade)

    def _beats(self, start: int, away: tuple[str, ...]) -> None:
        names = [name for name in VENUES if name != "hyperliquid" or self.sent[name]]
        for us in range(start + self.step, start + MINUTE + 1, self.step):
            for producer in self.producers:
                if self.noise.random() < 0.1:
                    continue
                last = {
                    name: max(
                        (one for sent, one in self.sent[name] if sent <= us),
                        default=None,
                    )
                    for name in names
                }
                if self.noise.random() < 0.1:
                    last["coinbase"] = None
                peg = None if self.noise.random() < 0.2 else self.peg
                lag = self.noise.choice([0, 0, 0, 400_000, 7_000_000])
                down = (*away, "binance") if self.noise.random() < 0.04 else away  # this producer alone
                beat = make_heartbeat(us, last, down=down, peg=peg, producer=producer, holes=self._holes(last))
                self._arrive(us + lag, beat)

    def _holes(self, last: dict[str, int | None]) -> dict[str, tuple[int, int]]:
        """Now and then ids near the newest that the exchange is said not to have, though it may."""
        found = {}
        for name, newest in last.items():
            if newest is not None and self.noise.random() < 0.05:
                first = max(0, newest + self.noise.randrange(-4, 3))
                found[name] = (first, first + self.noise.randrange(0, 4))
        return found

    def _arrive(self, us: int, line: Line) -> None:
        self.arrivals.append(_Arrival(us, self.noise.random(), line))


@st.composite
def logs(draw: st.DrawFn, max_minutes: int = 24) -> Log:
    """A market-like log of one symbol: what happens in each minute is drawn (and shrinks), the noise comes from a seed."""
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=2, max_size=max_minutes))
    warm = draw(st.sampled_from([0, 4, 9]))
    market = _Market(
        draw(st.integers(0, 2**32 - 1)),
        draw(st.sampled_from([5, 4, 10, 20, 60])),
        draw(st.booleans()),
    )
    log = market.log(["calm"] * warm + kinds + ["calm"] * draw(st.sampled_from([0, 2])))
    unseen = draw(st.sampled_from([0, 0, 0, 5, 20]))  # heartbeats name ids from before the log's first trade
    return [entry for index, entry in enumerate(log) if index >= unseen or not isinstance(entry[1], Trade)]


@st.composite
def cuts(draw: st.DrawFn, length: int) -> list[int]:
    """Where a log of that length is cut into micro-batches (empty ones too), from one batch to one per line."""
    if draw(st.booleans()):
        step = draw(st.integers(1, max(1, length)))
        return list(range(0, length, step))
    return sorted(draw(st.lists(st.integers(0, length), max_size=40)))


def batches(log: Log, at: list[int]) -> list[Log]:
    """The log in pieces."""
    edges = [0, *at, len(log)]
    return [log[first:last] for first, last in pairwise(edges)]
