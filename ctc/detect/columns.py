"""The folds over lines that are there column by column: the same outcomes, the plain ones of them many at a time.

A stretch of the log is plain where every id is the one after the last, every heartbeat counts at once, and no trade is late: nearly
all of a day. There a trade only adds to sums, unless it may fire; the sums are made in columns, exactly, and what may fire is
told to the detectors trade by trade, in its turn. All other lines go through `SymbolFold` one by one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from decimal import Decimal, localcontext
from operator import itemgetter
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ctc.codec import Line
from ctc.detect.clock import SECOND_US, closed_before
from ctc.detect.fold import ALL_DETECTORS, SymbolFold
from ctc.detect.outcomes import Outcomes
from ctc.detect.whales import MS_US
from ctc.model import EXACT, Heartbeat, Position, Trade, to_us
from ctc.quality.dedup import is_dense
from ctc.settings import Settings

SHORTEST = 64  # lines of a stretch that is worth it
ONE_BY_ONE, AT_MOST = 256, 8_192  # lines that are folded one by one before the next look; twice as many each time that none are plain
NEAR, FAR = 1_024, 1 << 20  # lines that are looked at in one go; twice as many each time that all are plain, else half: a look ahead costs
COLUMNAR = frozenset({"volume", "whales", "spread"})  # detectors that can be told sums; beside another one each line is told
SCALE = -18
_WORD = 32  # bits: sums of a batch's words fit 64
_SURE = 1 - 1e-9  # sums that are compared with a threshold are floats: those just below are looked at too
Ints = npt.NDArray[np.int64]
Space = tuple[str, str, str, str]  # exchange, market, native symbol, kind
Lane = tuple[str, str, str]  # exchange, native symbol, side
Beats = list[tuple[int, Heartbeat]]  # number of the line, ascending


class Columns(ABC):
    """One symbol's lines in log order. Those of trades have, by the trade's number among them:

    `lines` (its number among all lines, ascending), `ids`, `us` (microseconds), `exchange`, `space` and `lane` (indices into
    `exchanges`, `spaces` and `lanes`), `quantity` and `quote_volume`: the amount times 10^18 in four unsigned words of 32 bits, the
    lowest first. `beats` are the other lines: their numbers, ascending, and the heartbeats.
    """

    count: int  # of all lines
    lines: Ints
    ids: Ints
    us: Ints
    exchange: Ints
    space: Ints
    lane: Ints
    quantity: npt.NDArray[np.uint32]
    quote_volume: npt.NDArray[np.uint32]
    exchanges: Sequence[str]
    spaces: Sequence[Space]
    lanes: Sequence[Lane]
    beats: Beats

    @abstractmethod
    def trades(self, numbers: Ints) -> Iterator[tuple[Position, Trade]]:
        """These trades and their places in the log."""

    @abstractmethod
    def between(self, start: int, end: int) -> Iterator[tuple[Position, Line]]:
        """The lines from `start` to before `end`."""


class _Sums(NamedTuple):
    """Amounts of trades by group: where each group begins in `order`, and its exact totals."""

    order: Ints
    starts: Ints
    quantities: list[Decimal]
    quote_volumes: list[Decimal]

    def rows(self, group: int) -> Ints:
        """The trades of a group, in log order."""
        end = self.starts[group + 1] if group + 1 < len(self.starts) else len(self.order)
        return self.order[self.starts[group] : end]


class ColumnFold(SymbolFold):
    """`SymbolFold` that also takes columns; `shortest` is for tests, where stretches are short."""

    def __init__(self, symbol: str, settings: Settings, detectors: frozenset[str] = ALL_DETECTORS, shortest: int = SHORTEST) -> None:
        super().__init__(symbol, settings, detectors)
        self._detectors, self._shortest, self._sight = detectors, shortest, NEAR
        self._widths = (settings.volume.window_s * SECOND_US, settings.spread.window_s * SECOND_US)
        self._threshold = float(settings.whales.threshold) * _SURE

    def take_columns(self, columns: Columns) -> Outcomes:
        """Fold the next piece of the log."""
        start, some = 0, ONE_BY_ONE
        with localcontext(EXACT):
            while start < columns.count:
                until = min(columns.count, start + self._sight)
                end = self._plain_until(columns, start, until)
                self._sight = min(2 * self._sight, FAR) if end == until else max(self._sight // 2, NEAR)
                if end - start >= self._shortest:
                    self._take_plain(columns, start, end)
                    start, some = end, ONE_BY_ONE
                    continue
                end = min(max(end, start + some), columns.count)
                for position, line in columns.between(start, end):
                    self._take(position, line)
                start, some = end, min(2 * some, AT_MOST)
        return self._outcomes()

    def _plain_until(self, columns: Columns, start: int, end: int) -> int:
        """The first line from `start` to before `end` that is not plain, as the state is now, else `end`."""
        if self._state.dedup.waiting or self._clock is None or not self._detectors <= COLUMNAR:
            return start
        first, last = (int(each) for each in np.searchsorted(columns.lines, (start, end)))
        newest: dict[Space, tuple[int, Ints]] = {}  # the id before the first, and the lines of the trades
        for number, space in enumerate(columns.spaces):
            rows = first + np.flatnonzero(columns.space[first:last] == number)
            known = self._dedup.newest("|".join(space))
            if known is None:
                end = min(end, int(columns.lines[rows[0]])) if len(rows) else end
                continue
            end = _up_to(end, columns.lines[rows], columns.ids[rows] != np.arange(known + 1, known + 1 + len(rows)))
            newest[space] = known, columns.lines[rows]
        beats, clocks = [start], [self._clock]
        for line, beat in _of(columns.beats, start, end):
            if not self._counts_at_once(beat, line, newest):
                end = line
                break
            beats.append(line)
            clocks.append(max(clocks[-1], to_us(beat.heartbeat)))
        last = int(np.searchsorted(columns.lines, end))
        lines = columns.lines[first:last]
        clock = np.array(clocks, np.int64)[np.searchsorted(np.array(beats), lines, "right") - 1]
        return _up_to(end, lines, columns.us[first:last] < (clock - self._lateness_us) // MS_US * MS_US)

    def _counts_at_once(self, beat: Heartbeat, line: int, newest: dict[Space, tuple[int, Ints]]) -> bool:
        """Whether all ids that it names stand before it in the log."""
        for venue in beat.venues:
            if venue.holes:
                return False
            space = (venue.exchange, venue.market, venue.native_symbol, venue.kind)
            found = newest.get(space)
            if found is None:
                name = venue.space
                last = self._dedup.newest(name) if is_dense(name) else venue.last_id
                if venue.last_id is not None and (last is None or last < venue.last_id):
                    return False
            elif venue.last_id is not None and venue.last_id > found[0] + int(np.searchsorted(found[1], line)):
                return False
        return True

    def _take_plain(self, columns: Columns, start: int, end: int) -> None:
        first, last = (int(each) for each in np.searchsorted(columns.lines, (start, end)))
        beats = _of(columns.beats, start, end)
        self._note(columns, first, last)
        edges = self._edges(beats)
        closing = frozenset(edges)
        # The part of the stretch that a trade belongs to: parts end with a heartbeat that closes a window.
        part = np.searchsorted(np.array(edges, np.int64), columns.lines[first:last])
        watched, kept = self._watched_by_whales(columns, first, last, beats)
        rows = first + np.flatnonzero(watched | kept)
        told = dict(zip(rows.tolist(), columns.trades(rows), strict=True))
        volumes = _Volumes(self, columns, first, last, part) if "volume" in self._detectors else None
        spreads = _Spreads(self, columns, first, last, part) if "spread" in self._detectors else None
        turn = 0
        for number, until in enumerate([*(edge + 1 for edge in edges), end]):
            begin, stop = np.searchsorted(part, (number, number + 1))
            by_whales = set((first + begin + np.flatnonzero(watched[begin:stop])).tolist())
            by_volume = set() if volumes is None else set(volumes.add(number))
            if by_volume:
                rows = np.array(sorted(by_volume))
                told.update(zip(rows.tolist(), columns.trades(rows), strict=True))
            if spreads is not None:
                spreads.add(number)
            for row in sorted(by_whales | by_volume):
                turn = self._beats(beats, turn, int(columns.lines[row]), closing)
                (position, trade), us = told[row], int(columns.us[row])
                if row in by_whales:
                    self._whales.on_trade(position, trade, us, self._clock)
                if row in by_volume:
                    self._volumes.on_trade(position, trade, us, self._clock)
            turn = self._beats(beats, turn, until, closing)
        if beats:
            self._dedup.passed(beat for _, beat in beats)
            self._close()
        for row in (first + np.flatnonzero(kept & ~watched)).tolist():
            position, trade = told[row]
            self._whales.on_trade(position, trade, int(columns.us[row]), self._clock)

    def _note(self, columns: Columns, first: int, last: int) -> None:
        """Count the trades, and keep the newest of each exchange and id space."""
        self._state.trades += last - first
        for number, space in enumerate(columns.spaces):
            rows = np.flatnonzero(columns.space[first:last] == number)
            if len(rows):
                self._dedup.extend("|".join(space), int(columns.ids[first + rows[-1]]))
        for number, exchange in enumerate(columns.exchanges):
            rows = np.flatnonzero(columns.exchange[first:last] == number)
            if len(rows):
                ((_, self._newest[exchange]),) = columns.trades(first + rows[-1:])

    def _edges(self, beats: Beats) -> list[int]:
        """The lines of the heartbeats that may close a window."""
        assert self._clock is not None
        edges, next_us = [], self._next_close(self._clock)
        for line, beat in beats:
            if (us := to_us(beat.heartbeat)) >= next_us:
                edges.append(line)
                next_us = self._next_close(us)
        return edges

    def _next_close(self, clock: int) -> int:
        """When the clock closes the next window."""
        return min(closed_before(clock, width, self._lateness_us) + width for width in self._widths) + self._lateness_us

    def _beats(self, beats: Beats, turn: int, until: int, closing: frozenset[int]) -> int:
        """Take in the heartbeats from number `turn` on whose line is before `until`; the number of the next.

        One that closes no window and finds no split whale that waits for its end closes nothing that the next could not.
        """
        while turn < len(beats) and beats[turn][0] < until:
            line, beat = beats[turn]
            self._hear(beat)
            if line in closing or self._whales.state.early:
                self._close()
            turn += 1
        return turn

    def _watched_by_whales(
        self, columns: Columns, first: int, last: int, beats: Beats
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Which trades may fire: of milliseconds that hold more than the threshold, or that may have begun before. And which are of
        milliseconds that may still grow after the stretch."""
        us = columns.us[first:last]
        found = np.zeros(len(us), bool)
        if "whales" not in self._detectors or not len(us):
            return found, found
        order, starts = _grouped(us // MS_US * len(columns.lanes) + columns.lane[first:last])
        amounts = columns.quote_volume[first:last] @ np.array([2.0 ** (_WORD * place) for place in range(4)]) * 10.0**SCALE
        large = np.add.reduceat(amounts[order], starts) >= self._threshold
        found[order] = np.repeat(large, np.diff(starts, append=len(order)))
        found |= np.isin(us // SECOND_US, list(self._whales.open_seconds()))
        assert self._clock is not None
        clock = max(self._clock, *(to_us(beat.heartbeat) for _, beat in beats)) if beats else self._clock
        return found, us >= closed_before(clock, MS_US, self._lateness_us)


class _Volumes:
    """The bars of a stretch, by its parts."""

    def __init__(self, fold: ColumnFold, columns: Columns, first: int, last: int, part: Ints) -> None:
        self._fold, self._columns, self._first = fold, columns, first
        self._sums, self._groups = _summed(columns, first, last, part, fold._widths[0])

    def add(self, part: int) -> Iterator[int]:
        """Add this part's trades to their bars; those of bars that may fire are left, and given."""
        for group, exchange, window in self._groups.get(part, ()):
            rows = self._sums.rows(group)
            newest_us = int(self._columns.us[self._first + rows[-1]])
            volume, quote_volume = self._sums.quantities[group], self._sums.quote_volumes[group]
            if not self._fold._volumes.add(exchange, window, volume, quote_volume, len(rows), newest_us):
                yield from (self._first + rows).tolist()


class _Spreads:
    """The windows of a stretch, by its parts."""

    def __init__(self, fold: ColumnFold, columns: Columns, first: int, last: int, part: Ints) -> None:
        self._fold = fold
        self._sums, self._groups = _summed(columns, first, last, part, fold._widths[1])

    def add(self, part: int) -> None:
        """Add this part's trades to their windows."""
        for group, exchange, window in self._groups.get(part, ()):
            self._fold._spreads.add(exchange, window, self._sums.quantities[group], self._sums.quote_volumes[group])


Groups = dict[int, list[tuple[int, str, int]]]  # by part: number of the group, exchange, window


def _summed(columns: Columns, first: int, last: int, part: Ints, width_us: int) -> tuple[_Sums, Groups]:
    """Exact sums of a stretch's trades by part, exchange and window."""
    if first == last:
        return _Sums(np.empty(0, np.int64), np.empty(0, np.int64), [], []), {}
    window = columns.us[first:last] // width_us
    oldest = int(window.min())
    windows, exchanges = int(window.max()) - oldest + 1, len(columns.exchanges)
    order, starts = _grouped((part * exchanges + columns.exchange[first:last]) * windows + (window - oldest))
    quantities, quote_volumes = (_totals(words[first:last][order], starts) for words in (columns.quantity, columns.quote_volume))
    groups: Groups = {}
    heads = order[starts]
    for group, (at, exchange, number) in enumerate(
        zip(part[heads].tolist(), columns.exchange[first:last][heads].tolist(), window[heads].tolist(), strict=True)
    ):
        groups.setdefault(at, []).append((group, columns.exchanges[exchange], number))
    return _Sums(order, starts, quantities, quote_volumes), groups


def _grouped(key: Ints) -> tuple[Ints, Ints]:
    """An order in which equal keys follow each other, and where each of them begins; within a key the order stays."""
    order = np.argsort(key, kind="stable")
    ordered = key[order]
    return order, np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(order) else order


def _totals(words: npt.NDArray[np.uint32], starts: Ints) -> list[Decimal]:
    """Exact sums of amounts in words, from each start to before the next."""
    sums = np.add.reduceat(words.astype(np.int64), starts, axis=0)
    return [
        Decimal(low + (second << _WORD) + (third << 2 * _WORD) + (high << 3 * _WORD)).scaleb(SCALE, EXACT)
        for low, second, third, high in sums.tolist()
    ]


def _of(beats: Beats, start: int, end: int) -> Beats:
    """Those on the lines from `start` to before `end`."""
    return beats[bisect_left(beats, start, key=itemgetter(0)) : bisect_left(beats, end, key=itemgetter(0))]


def _up_to(end: int, lines: Ints, wrong: npt.NDArray[np.bool_]) -> int:
    """The first line that is wrong, or `end` if that comes before."""
    return min(end, int(lines[np.argmax(wrong)])) if wrong.any() else end
