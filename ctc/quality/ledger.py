"""The gap ledger: what became of every trade id of every dense id space.

States: `received` (by a socket or a recording), `backfilled` (from the exchange's history), `natural` (the exchange itself
has no such ids), `lost` (named by a heartbeat and not there in time; it may still come), `halted` (nothing is missing, but
nothing traded for a long time: the ids are those on either side).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

import msgspec

from ctc.model import GapLedger, IdSpan, SpaceLedger, Trade, from_us, to_us
from ctc.quality.dedup import Gap, is_dense
from ctc.quality.ids import Intervals

STATES = ("received", "backfilled", "natural", "lost", "halted")
PRESENT = ("received", "backfilled")
MAX_SPANS = 1_000  # of one symbol in one batch: past it a span takes in ids that are not neighbours
MAX_NOTED = 100  # spans other than received ones that the newest view of a space keeps


class Ledger:
    """Takes unique trades and declared gaps in log order; `spans` gives those since the last call."""

    def __init__(self, halt_after_s: int, state: GapLedger | None = None) -> None:
        self.state = state if state is not None else GapLedger()
        self._halt_us = halt_after_s * 1_000_000
        self._open: dict[str, IdSpan] = {}
        self._closed: list[IdSpan] = []

    def trade(self, trade: Trade) -> None:
        """One unique trade."""
        name, number, us = trade.space, trade.trade_id, to_us(trade.timestamp)
        state = "backfilled" if trade.is_backfilled else "received"
        span = self._open.get(name)
        if (
            span is not None
            and number == span.last_id + 1
            and span.state == state
            and us - self.state.spaces[name].newest_us < self._halt_us
        ):
            span.last_id, span.ended_at = number, trade.timestamp
            span.trades += 1
        elif is_dense(name):
            self._begin(trade, name, state, us)
        else:
            return
        space = self.state.spaces[name]
        space.ids[state] = space.ids.get(state, 0) + 1
        if number > space.last_id or space.newest_us == 0:
            space.last_id, space.newest_us = max(number, space.last_id), us
        else:
            self._came_after_all(space, number)

    def _begin(self, trade: Trade, name: str, state: str, us: int) -> None:
        number = trade.trade_id
        space = self.state.spaces.get(name)
        if space is None:
            space = self.state.spaces[name] = SpaceLedger(first_id=number, last_id=number, newest_us=0, ids={}, noted=[])
        elif number == space.last_id + 1 and us - space.newest_us >= self._halt_us:
            self._note(space, self._span(name, "halted", space.last_id, number, 0, from_us(space.newest_us), trade.timestamp))
        space.first_id = min(space.first_id, number)
        span = self._open.get(name)
        if span is not None and len(self._closed) >= MAX_SPANS:
            span.first_id, span.last_id, span.trades = min(span.first_id, number), max(span.last_id, number), span.trades + 1
            return
        if span is not None:
            self._closed.append(span)
        self._open[name] = self._span(name, state, number, number, 1, trade.timestamp, trade.timestamp)

    def gap(self, gap: Gap) -> None:
        """One range that was declared lost, or natural."""
        state = "natural" if gap.natural else "lost"
        space = self.state.spaces.get(gap.space)
        if space is None:
            space = self.state.spaces[gap.space] = SpaceLedger(first_id=gap.first_id, last_id=gap.last_id, newest_us=0, ids={}, noted=[])
        space.ids[state] = space.ids.get(state, 0) + gap.last_id - gap.first_id + 1
        self._note(space, self._span(gap.space, state, gap.first_id, gap.last_id, 0, gap.declared_at, gap.declared_at))

    def spans(self) -> list[IdSpan]:
        """Everything since the last call, and a fresh start for the next."""
        found = [*self._closed, *self._open.values()]
        for span in found:
            if span.state == "backfilled":
                self._keep(self.state.spaces[span.space], span)
        self._closed, self._open = [], {}
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

    def _came_after_all(self, space: SpaceLedger, number: int) -> None:
        """An id out of order: of a range that was given up, it counts there no more."""
        for span in space.noted:
            if span.state in ("lost", "natural") and span.first_id <= number <= span.last_id:
                span.trades += 1
                space.ids[span.state] -= 1
                return

    def _span(self, space: str, state: str, first: int, last: int, trades: int, start: datetime, end: datetime) -> IdSpan:
        return IdSpan(space=space, state=state, first_id=first, last_id=last, trades=trades, started_at=start, ended_at=end)


def settle(spans: Iterable[IdSpan]) -> list[IdSpan]:
    """Spans of any order and many batches as they stand now: neighbours are one, and what came after all is lost no more."""
    found: list[IdSpan] = []
    for _, group in groupby(sorted(spans, key=_place), key=lambda span: span.space):
        own = list(group)
        present = Intervals([], [])
        for span in own:
            if span.state in PRESENT:
                present.add(span.first_id, span.last_id)
        for span in own:
            found += _left(span, present) if span.state in ("lost", "natural") else [span]
    there = _joined(sorted((span for span in found if span.state in PRESENT), key=_place))
    return sorted([*there, *(span for span in found if span.state not in PRESENT)], key=_place)


def _place(span: IdSpan) -> tuple[str, int, int]:
    return span.space, span.first_id, span.last_id


def _left(span: IdSpan, present: Intervals) -> list[IdSpan]:
    return [
        msgspec.structs.replace(span, first_id=first, last_id=last, trades=0)
        for first, last in present.missing(span.first_id, span.last_id)
    ]


def _joined(spans: list[IdSpan]) -> list[IdSpan]:
    joined: list[IdSpan] = []
    for span in spans:
        last = joined[-1] if joined else None
        if last and last.space == span.space and last.state == span.state and last.last_id + 1 == span.first_id:
            joined[-1] = msgspec.structs.replace(
                last,
                last_id=span.last_id,
                trades=last.trades + span.trades,
                started_at=min(last.started_at, span.started_at),
                ended_at=max(last.ended_at, span.ended_at),
            )
        else:
            joined.append(span)
    return joined
