"""The heartbeats that move the folds' clocks: one a second and symbol, on whole seconds of the producer's time.

The heartbeat of time T comes after every trade of a frame older than T and names, for each venue of its symbol, whether it
was connected all the time since the one before, and the newest trade id sent (docs/FOLDS.md).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from ctc.model import Heartbeat, Trade, VenueMark, from_us, to_us
from ctc.quality.dedup import DENSE_EXCHANGES
from ctc.settings import Settings

SECOND = 1_000_000
# A longer jump of the clock is a gap between recordings (or a machine that slept), not a time to count through.
LONGEST_STEP = 120 * SECOND
# Past every window and its lateness: the last heartbeat closes them all.
FINAL_AFTER = 70 * SECOND


@dataclass(slots=True)
class Venue:
    """One exchange's market of a symbol, as far as it has been sent. `unbroken` is False from a loss to the next heartbeat.

    `names_ids` is False where ids are missing by intent, so that no fold waits for them or declares them lost.
    """

    exchange: str
    market: str
    native_symbol: str
    kind: str
    up: bool = False
    unbroken: bool = True
    last_id: int | None = None
    spans: list[tuple[int, int]] | None = None
    names_ids: bool = True
    holes: list[tuple[int, int]] = field(default_factory=list)  # that no heartbeat has told of yet

    @property
    def ascends(self) -> bool:
        """Whether a newer trade has a higher id: only then is there a newest one to name."""
        return self.exchange in DENSE_EXCHANGES

    def connected(self, since_us: int, time_us: int) -> bool:
        """Whether all between was seen: by its connection, or by what its recording spans."""
        if self.spans is None:
            return self.up and self.unbroken
        # In order of time, and read only a little ahead: the one that counts is near the end.
        newest = next((span for span in reversed(self.spans) if span[0] <= since_us), None)
        return newest is not None and time_us <= newest[1]

    def mark(self, connected: bool) -> VenueMark:
        return VenueMark(
            exchange=self.exchange,
            market=self.market,
            native_symbol=self.native_symbol,
            kind=self.kind,
            connected=connected,
            last_id=self.last_id if self.names_ids else None,
            holes=tuple(self.holes),
        )


@dataclass(slots=True)
class Venues:
    """The venues of each symbol, in the order of the profile or of their first frame."""

    by_symbol: dict[str, list[Venue]] = field(default_factory=dict)
    _known: dict[tuple[str, str, str, str], Venue] = field(default_factory=dict)

    @classmethod
    def of(cls, settings: Settings) -> Venues:
        """Each exchange of the session that has the symbol in its map."""
        venues = cls()
        for symbol in settings.session.symbols:
            venues.by_symbol[symbol] = []
            for name in settings.session.exchanges:
                own = settings.exchanges[name]
                if symbol in own.symbols:
                    venues.add(symbol, Venue(name, own.market, own.symbols[symbol], own.kind))
        return venues

    def add(self, symbol: str, venue: Venue) -> None:
        self.by_symbol.setdefault(symbol, []).append(venue)
        self._known[venue.exchange, venue.market, venue.native_symbol, venue.kind] = venue

    def find(self, trade: Trade) -> Venue | None:
        """The venue that the trade belongs to; None where the session has none."""
        return self._known.get((trade.exchange, trade.market, trade.native_symbol, trade.kind))

    def __iter__(self) -> Iterator[Venue]:
        return iter(self._known.values())

    def skip(self, exchange: str, native: str, ranges: Iterable[tuple[int, int]]) -> None:
        """Note ids that the exchange does not have: the next heartbeat tells."""
        for venue in self:
            if (venue.exchange, venue.native_symbol) == (exchange, native):
                venue.holes += ranges

    def change(self, exchange: str, natives: tuple[str, ...], up: bool) -> None:
        """Note that the connection of these markets came up or was lost."""
        for venue in self:
            if venue.exchange == exchange and venue.native_symbol in natives:
                venue.up = up
                venue.unbroken = venue.unbroken and up


class Heartbeats:
    """Says each second once, through `say`; keeps the peg: the price of its trade with the highest id."""

    def __init__(self, producer: str, venues: Venues, say: Callable[[Heartbeat], None]) -> None:
        self._producer = producer
        self._venues = venues
        self._say = say
        self._next = -1
        self._newest = -1
        self.peg: Decimal | None = None
        self.count = 0

    def resume(self, beats: Sequence[Heartbeat]) -> None:
        """Go on after these, which are of one second."""
        marks = {mark.space: mark for beat in beats for mark in beat.venues}
        for venue in self._venues:
            if (mark := marks.get(venue.mark(True).space)) is not None:
                venue.last_id = mark.last_id
        for beat in beats:
            self.peg = beat.peg
            self._newest = to_us(beat.heartbeat)
            self._next = self._newest + SECOND

    @property
    def next_us(self) -> int:
        """The time from which `advance` has something to say; -1 before the first frame."""
        return self._next

    def advance(self, time_us: int) -> None:
        """Every frame older than `time_us` has been sent: say the seconds that this passes."""
        if self._next < 0:
            self._next = (time_us // SECOND + 1) * SECOND
            return
        if time_us - self._next > LONGEST_STEP:
            self._jump(time_us)
        while self._next <= time_us:
            self._beat(self._next)
            self._next += SECOND

    def _jump(self, time_us: int) -> None:
        """Say that the gap's first second and its last were not seen whole: what lies between has no heartbeat."""
        self._beat(self._next, connected=False)
        for venue in self._venues:
            venue.unbroken = False
        self._next = -(-time_us // SECOND) * SECOND

    def finish(self, end_us: int) -> None:
        """Say the seconds up to `end_us`, of which a last one that was cut short is not whole, and what closes every window."""
        if self._next < 0:
            return
        end = max(-(-end_us // SECOND) * SECOND, self._next)
        self.advance(end - SECOND)
        self._beat(end, connected=end == end_us)
        self._beat(end + FINAL_AFTER, connected=False, final=True)

    def _beat(self, time_us: int, *, connected: bool = True, final: bool = False) -> None:
        moment, since_us = from_us(time_us), self._newest if self._newest >= 0 else time_us
        self._newest = time_us
        for symbol, venues in self._venues.by_symbol.items():
            marks = tuple(venue.mark(connected and venue.connected(since_us, time_us)) for venue in venues)
            self._say(Heartbeat(heartbeat=moment, symbol=symbol, producer=self._producer, venues=marks, peg=self.peg, final=final))
            self.count += 1
        for venue in self._venues:
            venue.unbroken = venue.up
            venue.holes.clear()
