"""Which lines of a symbol's log are new: the one answer that `lake` and `detect` share (docs/FOLDS.md, Lines and The clock).

Both run this code over the same lines, heartbeats too, and so never disagree. Dense ids (plus 1 each) are a set of
intervals, exact and tiny; other ids are remembered for one hour of the symbol's clock.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime

import msgspec

from ctc.model import Heartbeat, Trade, VenueMark, to_us
from ctc.quality.ids import IdSpace

__all__ = ["DedupState", "Deduplicator", "Gap", "IdSpace", "is_dense"]

DENSE_EXCHANGES = frozenset({"binance", "coinbase"})
MEMORY_US = 3_600_000_000
MAX_REMEMBERED = 500_000  # ids of one sparse space; past it the longest remembered one is forgotten


def is_dense(space: str) -> bool:
    """True where an id is always the one before plus 1: the spot venues we know."""
    exchange, market, *_ = space.split("|")
    return market == "spot" and exchange in DENSE_EXCHANGES


class Gap(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """Ids `first_id`-`last_id` that heartbeats named and the log had not shown by `declared_at` (heartbeat time).

    `natural`: the exchange's own history skips them, so nothing was lost.
    """

    symbol: str
    space: str
    first_id: int
    last_id: int
    declared_at: datetime
    natural: bool = False


class DedupState(msgspec.Struct, array_like=True):
    """All that one symbol's log has shown of ids and heartbeats; times in microseconds."""

    dense: dict[str, IdSpace]
    sparse: dict[str, dict[int, int]]  # id -> its stamp, oldest first
    waiting: list[Heartbeat]
    clock: int | None = None
    duplicates: int = 0


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(DedupState).decode


class Deduplicator:
    """Decides, line by line in log order, which trades of one symbol are new, and when its heartbeats count."""

    def __init__(self, symbol: str, hole_patience_s: int, state: DedupState | None = None) -> None:
        self.symbol = symbol
        self.state = state if state is not None else DedupState({}, {}, [])
        self.gaps: list[Gap] = []  # declared since the caller last emptied it
        self._patience_us = hole_patience_s * 1_000_000
        self._adders: dict[tuple[str, str, str, str], Callable[[int], bool]] = {}
        self._expired = False  # a heartbeat has waited long enough; never true once `settle` has returned
        self._holed: IdSpace | None = None  # the space that was found not whole last: asked first

    @classmethod
    def load(cls, symbol: str, hole_patience_s: int, dump: bytes) -> Deduplicator:
        """The deduplicator that wrote `dump`."""
        return cls(symbol, hole_patience_s, _DECODE(dump))

    def dump(self) -> bytes:
        """What `load` goes on from."""
        return _ENCODE(self.state)

    @property
    def clock(self) -> int | None:
        """The symbol's clock in microseconds; None until a heartbeat has counted."""
        return self.state.clock

    def feed(self, line: object) -> bool:
        """Take in any line of the log; True if it is a trade to keep. All that a caller needs who closes no windows."""
        keep = False
        if isinstance(line, Trade):
            keep = self.take(line)
        elif isinstance(line, Heartbeat):
            self.heartbeat(line)
        else:
            return False
        self.settle()
        return keep

    def take(self, trade: Trade) -> bool:
        """True if the trade is new. Follow with `settle` where heartbeats wait."""
        key = (trade.exchange, trade.market, trade.native_symbol, trade.kind)
        add = self._adders.get(key)
        if add is None:
            if not is_dense(trade.space):
                return self._take_sparse(self.state.sparse.setdefault(trade.space, {}), trade)
            add = self._adders[key] = self._dense(trade.space).add
        if add(trade.trade_id):
            return True
        self.state.duplicates += 1
        return False

    def _take_sparse(self, memory: dict[int, int], trade: Trade) -> bool:
        now = self.state.clock if self.state.clock is not None else to_us(trade.timestamp)
        since = memory.get(trade.trade_id)
        if since is not None:
            if now - since < MEMORY_US:
                self.state.duplicates += 1
                return False
            del memory[trade.trade_id]  # so that the longest remembered stay in front
        memory[trade.trade_id] = now
        if len(memory) > MAX_REMEMBERED:
            del memory[next(iter(memory))]
        return True

    def newest(self, space: str) -> int | None:
        """The highest id of a dense space of which none is missing; None of any other, and where none was seen."""
        found = self.state.dense.get(space)
        return None if found is None else found.newest()

    def extend(self, space: str, last: int) -> None:
        """Take in all ids after `newest` up to `last`, which are new."""
        self.state.dense[space].known.ends[-1] = last

    def heartbeat(self, heartbeat: Heartbeat) -> None:
        """Let a heartbeat join the waiting ones. Follow with `settle`."""
        for venue in heartbeat.venues:
            if venue.last_id is not None and is_dense(venue.space):
                self._dense(venue.space).name(venue.last_id)
            if venue.holes and is_dense(venue.space):
                self._skip(venue, heartbeat.heartbeat)
        waiting = self.state.waiting
        waiting.append(heartbeat)
        newest = max(each.heartbeat for each in waiting)
        self._expired = to_us(newest) - to_us(waiting[0].heartbeat) >= self._patience_us

    def passed(self, heartbeats: Iterable[Heartbeat]) -> None:
        """Take in heartbeats that counted as they came: nothing waits, and all ids that they name are there."""
        named: dict[str, int] = {}
        clock = self.state.clock
        for heartbeat in heartbeats:
            us = to_us(heartbeat.heartbeat)
            clock = us if clock is None else max(clock, us)
            for venue in heartbeat.venues:
                if venue.last_id is not None and venue.last_id > named.get(space := venue.space, -1):
                    named[space] = venue.last_id
        for space, last in named.items():
            if is_dense(space):
                self._dense(space).name(last)
        if clock is not None:
            self._advance(clock)

    def settle(self) -> list[Heartbeat]:
        """The heartbeats that count now, in the order of their times; the clock has then moved past all of them."""
        waiting = self.state.waiting
        if not waiting:
            return []
        whole = self._whole()
        if not whole and not self._expired:
            return []
        counted = sorted(waiting, key=lambda each: each.heartbeat)
        if not whole:
            self._declare_lost(counted[-1].heartbeat)
        self.state.waiting = []
        self._expired = False
        self._advance(to_us(counted[-1].heartbeat))
        return counted

    def _whole(self) -> bool:
        if self._holed is not None and not self._holed.whole():
            return False
        self._holed = next((space for space in self.state.dense.values() if not space.whole()), None)
        return self._holed is None

    def _dense(self, space: str) -> IdSpace:
        found = self.state.dense.get(space)
        if found is None:
            found = self.state.dense[space] = IdSpace.empty()
        return found

    def _skip(self, venue: VenueMark, at: datetime) -> None:
        """Wait for no id that the exchange itself does not have."""
        for hole in venue.holes:
            for first, last in self._dense(venue.space).give_up(*hole):
                self.gaps.append(Gap(symbol=self.symbol, space=venue.space, first_id=first, last_id=last, declared_at=at, natural=True))

    def _declare_lost(self, at: datetime) -> None:
        for name in sorted(self.state.dense):
            for first, last in self.state.dense[name].declare_lost():
                self.gaps.append(Gap(symbol=self.symbol, space=name, first_id=first, last_id=last, declared_at=at))

    def _advance(self, now_us: int) -> None:
        clock = self.state.clock = now_us if self.state.clock is None else max(self.state.clock, now_us)
        for memory in self.state.sparse.values():
            while memory and clock - memory[next(iter(memory))] >= MEMORY_US:
                del memory[next(iter(memory))]
