"""A simulated market as the records that a producer would have made of it, without sockets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from ctc.codec import pack
from ctc.detect import ALL_DETECTORS, SymbolFold
from ctc.exchanges import exchange
from ctc.ports import Record
from ctc.producer.batcher import Batcher
from ctc.producer.heartbeats import Venues
from ctc.producer.tape import Tape
from ctc.settings import Settings
from sim.exchange import binance, coinbase
from sim.exchange.feed import Feed, merge
from sim.market import Market, Minute
from sim.plan import make_plan

LINES = 250  # a record; a busy producer's hold 250-550, by its limit of 256 KiB
SEED = 7


class Packs:
    """Takes lines as the producer's batcher does and keeps the records."""

    full = False

    def __init__(self) -> None:
        self._lines: dict[str, list[bytes]] = {}
        self.records: list[Record] = []

    def add(self, key: str, line: bytes, beat_us: int = -1) -> None:
        lines = self._lines.setdefault(key, [])
        lines.append(line)
        if len(lines) >= LINES:
            self._close(key)

    def _close(self, key: str) -> None:
        self.records.append(Record(key, pack(self._lines.pop(key))))

    def take(self) -> list[Record]:
        """All records so far, the begun ones as well."""
        for key in list(self._lines):
            self._close(key)
        records, self.records = self.records, []
        return records


class Backlog:
    """`take(n)` gives the records of the market's next n trades, heartbeats between them, in order."""

    def __init__(self, settings: Settings, start: datetime, rate: float) -> None:
        self._market = Market(make_plan(SEED, start, None, settings, rate=rate))
        self._names = {name: own.names for name, own in settings.exchanges.items()}
        self._readers = {name: exchange(name, self._names[name], settings.exchanges[name].market) for name in settings.session.exchanges}
        venues = Venues.of(settings)
        for venue in venues:
            venue.up = True
        self._packs, dead = Packs(), Packs()
        own = settings.producer.name
        lines = cast(Batcher, self._packs)
        self._tape = Tape(own, venues, settings.session.peg_symbol, lines, cast(Batcher, dead), lambda: datetime.now(UTC))
        self._frames = self._frames_of()

    def take(self, trades: int) -> list[Record]:
        """Exactly that many trades more."""
        tape = self._tape
        until = tape.counters.trades + trades
        for key, (name, frame) in self._frames:
            tape.advance(key // 2)
            tape.reading(self._readers[name].read(frame))
            if tape.counters.trades >= until:
                break
        return self._packs.take()

    def _frames_of(self) -> Iterator[tuple[int, Any]]:
        state = self._market.first_state()
        while True:
            minute, state = self._market.step(state)
            merged = merge([self._feed(minute, name) for name in self._market.listings])
            yield from zip(merged.keys.tolist(), merged.frames, strict=True)

    def _feed(self, minute: Minute, name: str) -> Feed:
        item = self._market.listings[name]
        if item.exchange == "binance":
            kind = self._market.plan.kinds["binance"]
            feed = binance.wrap(f"{item.native.lower()}@{kind}", binance.stream_feed(minute, item, kind))
        else:
            feed = coinbase.feed(minute, item, "matches")
        return Feed(feed.keys, cast(Any, [(item.exchange, frame) for frame in feed.frames]))


def elsewhere(settings: Settings) -> Settings:
    """The same with markets of another name: trade ids of a warm-up that are not those of what follows."""
    venues = {name: msgspec.structs.replace(own, market="warm-up") for name, own in settings.exchanges.items()}
    return msgspec.structs.replace(settings, exchanges=venues)


def fold_alone(records: list[Record], settings: Settings) -> float:
    """Trades a CPU-second that the detectors' folds take from these records in one plain Python process, all of it decoded."""
    by_symbol: dict[str, list[tuple[str, str, bytes]]] = {}
    for number, record in enumerate(records):
        by_symbol.setdefault(record.key, []).append(("shard-0", str(number), record.data))
    began = time.process_time()
    trades = 0
    for symbol, own in by_symbol.items():
        fold = SymbolFold(symbol, settings, frozenset(ALL_DETECTORS), None)
        trades += fold.take_records(own, frozenset({symbol})).snapshot.trades
    return trades / (time.process_time() - began)
