"""One symbol's log as the platform's producer writes it from the exchanges' frames, minute by minute, without sockets.

The frames are those that the simulated exchanges send; the real readers, tape, heartbeats and codec make lines of them.
Only where a record ends is drawn: the producer's own cuts depend on the machine's time, and nothing may depend on them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple, cast

import msgspec

from ctc.codec import pack
from ctc.exchanges import Reading, exchange
from ctc.model import to_us
from ctc.producer.batcher import Batcher
from ctc.producer.heartbeats import Venues
from ctc.producer.tape import Tape
from ctc.settings import Settings
from sim.compare import TapeTrade
from sim.exchange import binance, coinbase, hyperliquid
from sim.exchange.feed import Feed
from sim.market import Market, Minute, State
from sim.plan import Plan
from sim.tape import trades_of
from sim.truth import Seeded
from sim.venues import Listing

SHARD = "shardId-000000000000"
RECORD_LINES = (1, 2, 5, 30, 200, 400)
Record = tuple[str, str, bytes]  # shard, sequence number, data: what a fold takes


class Written(NamedTuple):
    """What a minute added: records of the log, the trades that the market printed, the anomalies that begin in it."""

    records: list[Record]
    printed: list[TapeTrade]
    planted: tuple[Seeded, ...]


def part_of(plan: Plan, symbols: frozenset[str]) -> tuple[Market, State]:
    """The markets of these symbols alone, and their first state: each minute is exactly what the whole market has of them."""
    first = Market(plan).first_state()
    listings = {name: symbol for name, symbol in plan.listings.items() if symbol in symbols}
    wanted = tuple(seed for seed in plan.wanted if seed.symbol in symbols)
    market = Market(msgspec.structs.replace(plan, listings=listings, wanted=wanted))
    return market, msgspec.structs.replace(first, listed={name: first.listed[name] for name in listings})


class SymbolLog:
    """The log of one symbol; the peg's market is generated beside it, because heartbeats name the peg."""

    def __init__(self, plan: Plan, symbol: str, settings: Settings, rng: random.Random) -> None:
        peg = settings.session.peg_symbol
        self._symbol = symbol
        self._market, self._state = part_of(plan, frozenset({symbol, peg}))
        session = msgspec.structs.replace(settings.session, symbols=tuple(dict.fromkeys((symbol, peg))))
        venues = Venues.of(msgspec.structs.replace(settings, session=session))
        for venue in venues:
            venue.up = True
        names = {name: own.names for name, own in settings.exchanges.items()}
        self._readers = {name: exchange(name, names[name], settings.exchanges[name].market) for name in settings.session.exchanges}
        self._records = _Records(symbol, rng)
        lines = cast(Batcher, self._records)
        self._tape = Tape(settings.producer.name, venues, peg, lines, lines, lambda: datetime.now(UTC))
        self._tape.advance(to_us(plan.start))

    def minutes(self, count: int) -> Iterator[Written]:
        """The first `count` minutes, and what closes the log after them."""
        end_us = self._market.start_us
        for _ in range(count):
            minute, self._state = self._market.step(self._state)
            end_us = minute.end_us
            yield Written(self._log(minute), list(self._printed(minute)), minute.planted)
        self._tape.heartbeats.finish(end_us)
        self._records.close()
        yield Written(self._records.take(), [], ())

    def _log(self, minute: Minute) -> list[Record]:
        for time_us, reading in self._readings(minute):
            self._tape.advance(time_us)
            self._tape.reading(reading)
        return self._records.take()

    def _readings(self, minute: Minute) -> list[tuple[int, Reading]]:
        """What the minute's frames say, in the order of their times; those of one time in the order of the connections."""
        found = []
        for item in self._market.listings.values():
            feed, read = self._feed(minute, item), self._readers[item.exchange].read
            found += [(key // 2, read(frame)) for key, frame in zip(feed.keys.tolist(), feed.frames, strict=True)]
        return sorted(found, key=lambda pair: pair[0])

    def _feed(self, minute: Minute, item: Listing) -> Feed:
        if item.exchange == "coinbase":
            return coinbase.feed(minute, item, "matches")
        if item.exchange == "hyperliquid":
            return hyperliquid.feed(minute, item, "trades")
        kind = self._market.plan.kinds["binance"]
        return binance.wrap(f"{item.native.lower()}@{kind}", binance.stream_feed(minute, item, kind))

    def _printed(self, minute: Minute) -> Iterator[TapeTrade]:
        for name, item in self._market.listings.items():
            if self._market.plan.listings[name] == self._symbol:
                kind = self._market.plan.kinds[item.exchange]
                yield from trades_of(item, kind, (minute.aggregates if kind == "aggTrade" else minute.prints)[name])


class _Records:
    """Takes lines in the batcher's place, and packs those of one symbol into records of random lengths."""

    full = False

    def __init__(self, symbol: str, rng: random.Random) -> None:
        self._symbol, self._rng = symbol, rng
        self._lines: list[bytes] = []
        self._room = rng.choice(RECORD_LINES)
        self._number = 49_000_000_000_000_000_000_000
        self._done: list[Record] = []

    def add(self, key: str, line: bytes, beat_us: int = -1) -> None:
        if key != self._symbol:
            return
        self._lines.append(line)
        if len(self._lines) >= self._room:
            self.close()

    def close(self) -> None:
        """End the record that has begun."""
        if self._lines:
            self._number += self._rng.randrange(1, 1000)
            self._done.append((SHARD, str(self._number), pack(self._lines)))
        self._lines, self._room = [], self._rng.choice(RECORD_LINES)

    def take(self) -> list[Record]:
        """The records that have ended since the last call."""
        done, self._done = self._done, []
        return done
