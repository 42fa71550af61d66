"""The gap ledger: what became of every trade id of every dense id space.

States: `received` (by a socket or a recording), `backfilled` (from the exchange's history), `natural` (the exchange itself
has no such ids), `lost` (named by a heartbeat and not there in time; it may still come), `halted` (nothing is missing, but
nothing traded for a long time: the ids are those on either side). What is under none of them is open: a fill is under way, or
was refused and is tried again (`ctc.quality.settled`).
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from ctc.model import GapLedger, IdSpan, SpaceLedger, Trade
from ctc.quality.dedup import Gap, is_dense

STATES = ("received", "backfilled", "natural", "open", "lost", "halted")
PRESENT = ("received", "backfilled")
MAX_SPANS = 1_000  # of one symbol in one batch: past it a span takes in ids that are not neighbours
MAX_NOTED = 100  # spans other than received ones that the newest view of a space keeps


class _Run:
    """Neighbouring trades of one state, as they come; counted in its space when it ends."""

    __slots__ = ("backfilled", "first_id", "last_id", "newest", "oldest", "space", "trades", "whole")

    def __init__(self, space: str, trade: Trade) -> None:
        self.space = space
        self.backfilled = trade.is_backfilled
        self.first_id = self.last_id = trade.trade_id
        self.oldest = self.newest = trade.timestamp
        self.trades = 1
        self.whole = True  # every id from the first to the last

    def take_in(self, number: int) -> None:
        """An id that is no neighbour, where there are too many runs for another one."""
        self.first_id, self.last_id = min(self.first_id, number), max(self.last_id, number)
        self.trades += 1
        self.whole = False

    def span(self) -> IdSpan:
        return IdSpan(
            space=self.space,
            state="backfilled" if self.backfilled else "received",
            first_id=self.first_id,
            last_id=self.last_id,
            trades=self.trades,
            started_at=self.oldest,
            ended_at=self.newest,
        )


class Ledger:
    """Takes unique trades and declared gaps in log order; `spans` gives those since the last call."""

    def __init__(self, halt_after_s: int, state: GapLedger | None = None) -> None:
        self.state = state if state is not None else GapLedger()
        self._halt = timedelta(seconds=halt_after_s)
        self._runs: dict[tuple[str, str, str, str], _Run] = {}
        self._closed: list[IdSpan] = []

    def trade(self, trade: Trade) -> None:
        """One unique trade. The ordinary one is the neighbour of the one before, and costs a comparison."""
        key = (trade.exchange, trade.market, trade.native_symbol, trade.kind)
        run = self._runs.get(key)
        if (
            run is not None
            and trade.trade_id == run.last_id + 1
            and trade.is_backfilled is run.backfilled
            and trade.timestamp - run.newest < self._halt
        ):
            run.last_id = trade.trade_id
            run.newest = trade.timestamp
            run.trades += 1
        elif is_dense(trade.space):
            self._begin(trade, key, run)

    def _begin(self, trade: Trade, key: tuple[str, str, str, str], run: _Run | None) -> None:
        name, number = trade.space, trade.trade_id
        if run is not None:
            if len(self._closed) >= MAX_SPANS:
                run.take_in(number)
                self._came_after_all(self.state.spaces[name], number, number)
                return
            self._end(run)
        space = self.state.spaces.get(name)
        if space is None:
            space = self.state.spaces[name] = SpaceLedger(first_id=number, last_id=number - 1, newest=trade.timestamp)
        elif number == space.last_id + 1 and trade.timestamp - space.newest >= self._halt:
            self._note(space, _span(name, "halted", space.last_id, number, space.newest, trade.timestamp))
        self._runs[key] = _Run(name, trade)

    def _end(self, run: _Run) -> None:
        span, space = run.span(), self.state.spaces[run.space]
        self._closed.append(span)
        space.ids[span.state] = space.ids.get(span.state, 0) + span.trades
        space.first_id = min(space.first_id, span.first_id)
        if span.last_id > space.last_id:
            space.last_id, space.newest = span.last_id, span.ended_at
        if run.whole:
            self._came_after_all(space, span.first_id, span.last_id)
        if span.state == "backfilled":
            self._keep(space, span)

    def gap(self, gap: Gap) -> None:
        """One range that was declared lost, or natural."""
        state = "natural" if gap.natural else "lost"
        space = self.state.spaces.get(gap.space)
        if space is None:
            space = self.state.spaces[gap.space] = SpaceLedger(first_id=gap.first_id, last_id=gap.last_id, newest=gap.declared_at)
        space.ids[state] = space.ids.get(state, 0) + gap.last_id - gap.first_id + 1
        self._note(space, _span(gap.space, state, gap.first_id, gap.last_id, gap.declared_at, gap.declared_at))

    def spans(self) -> list[IdSpan]:
        """Everything since the last call, and a fresh start for the next."""
        for run in self._runs.values():
            self._end(run)
        found, self._closed, self._runs = self._closed, [], {}
        return found

    def _note(self, space: SpaceLedger, span: IdSpan) -> None:
        self._closed.append(span)
        self._keep(space, span)

    def _keep(self, space: SpaceLedger, span: IdSpan) -> None:
        before = space.noted[-1] if space.noted else None
        if before is not None and before.state == span.state == "backfilled" and before.last_id + 1 == span.first_id:
            before.last_id, before.ended_at, before.trades = span.last_id, span.ended_at, before.trades + span.trades
        else:
            space.noted.append(msgspec.structs.replace(span))
        del space.noted[:-MAX_NOTED]

    def skipped(self, name: str, first: int, last: int, told_at: datetime) -> None:
        """The exchange has none of these ids: those of them that were declared lost are natural."""
        space = self.state.spaces.get(name)
        if space is None:
            return
        for span, low, high in _given_up(space, first, last, "lost"):
            _cut(space, span, low, high)
            space.ids["natural"] = space.ids.get("natural", 0) + high - low + 1
            self._note(space, _span(name, "natural", low, high, told_at, told_at))

    def _came_after_all(self, space: SpaceLedger, first: int, last: int) -> None:
        """Ids that were given up count there no more."""
        for span, low, high in _given_up(space, first, last, "lost", "natural"):
            _cut(space, span, low, high)


def _given_up(space: SpaceLedger, first: int, last: int, *states: str) -> list[tuple[IdSpan, int, int]]:
    """The noted spans that have some of these ids, and from which to which."""
    spans = [span for span in space.noted if span.state in states and span.first_id <= last and first <= span.last_id]
    return [(span, max(span.first_id, first), min(span.last_id, last)) for span in spans]


def _cut(space: SpaceLedger, span: IdSpan, low: int, high: int) -> None:
    """Take ids out of a noted span; what is left of it stays in its place."""
    left = [(first, last) for first, last in ((span.first_id, low - 1), (high + 1, span.last_id)) if first <= last]
    at = space.noted.index(span)
    space.noted[at : at + 1] = [msgspec.structs.replace(span, first_id=first, last_id=last) for first, last in left]
    space.ids[span.state] -= high - low + 1


def _span(space: str, state: str, first: int, last: int, start: datetime, end: datetime) -> IdSpan:
    return IdSpan(space=space, state=state, first_id=first, last_id=last, trades=0, started_at=start, ended_at=end)
