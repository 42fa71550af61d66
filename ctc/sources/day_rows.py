"""Rows of a market's day by their ids: those of the archive's zip file, and those that came by REST and wait on a shelf."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import msgspec

from ctc.errors import FrameError, RecordingError
from ctc.exchanges import Exchange
from ctc.model import Trade, to_us
from ctc.quality.ids import Intervals
from ctc.sources import archive
from ctc.sources.files import DAMAGE, OpenPiece, pieces, words
from ctc.sources.past import Market, Progress
from ctc.sources.recorder import replace


class Row(NamedTuple):
    """A trade's id, its time in microseconds, and its frame."""

    id: int
    us: int
    frame: bytes


class DayShelf:
    """`ctc.sources.past.Shelf` in a folder: pieces of rows, by their first id."""

    def __init__(self, path: Path, frame: Callable[[Trade], bytes], put: Callable[[int], None]) -> None:
        """`put` is told how many rows each piece has."""
        self._path, self._frame, self._put = path, frame, put

    def progress(self, market: Market) -> Progress:
        """What is there."""
        try:
            return msgspec.json.decode((self._path / "progress.json").read_bytes(), type=Progress)
        except FileNotFoundError:
            return Progress()

    def put(self, market: Market, first: int, trades: Sequence[Trade]) -> None:
        """One file a piece; the same piece has the same name."""
        rows = [Row(trade.trade_id, to_us(trade.timestamp), self._frame(trade)) for trade in trades]
        replace(self._path / f"{first:020}.rows", msgspec.msgpack.encode(rows))
        self._put(len(rows))

    def note(self, market: Market, progress: Progress) -> None:
        """What is there now."""
        replace(self._path / "progress.json", msgspec.json.encode(progress))

    def rows(self) -> Iterator[Row]:
        """All of it by id, a piece in memory at a time."""
        for path in sorted(self._path.glob("*.rows")):
            yield from msgspec.msgpack.decode(path.read_bytes(), type=list[Row])


class DayArchive:
    """The rows of a day's zip file. Raises RecordingError where it is not what its name says."""

    def __init__(self, path: Path, market: Market, exchange: Exchange) -> None:
        self._path, self._market, self._exchange = path, market, exchange

    def _lines(self) -> Iterator[tuple[bytes, archive.Layout]]:
        layout = None
        try:
            for piece in pieces(self._path):
                with OpenPiece(piece) as opened:
                    for line in opened.lines():
                        if layout is None and archive.is_header(line):
                            continue
                        layout = layout or archive.layout_of(line)
                        if layout is None or (layout.kind, layout.market) != (self._market.kind, self._market.market):
                            raise RecordingError(f"{piece.name} holds no rows of {self._market.market} {self._market.kind}: {line[:80]!r}")
                        yield line, layout
        except DAMAGE as error:
            raise RecordingError(f"{self._path.name} can't be read: {words(error)}; remove {self._path}, and fetch again") from error

    def ids(self) -> Intervals:
        """The ids in it, which must go up."""
        found, before = Intervals([], []), -1
        for line, _ in self._lines():
            number = int(line[: line.index(b",")])
            if number <= before:
                raise RecordingError(f"{self._path.name}: id {number} comes after {before}: this is no day of the archive")
            before = number
            if found.ends and number == found.ends[-1] + 1:
                found.ends[-1] = number
            else:
                found.add(number, number)
        return found

    def rows(self) -> Iterator[Row]:
        """All of it, by id; each row is checked as a replay of the archive's own file checks it."""
        for line, layout in self._lines():
            try:
                trade = archive.read_row(line, layout, self._market.native, self._exchange)
            except FrameError as error:
                raise RecordingError(f"{self._path.name}: {error.reason}: {line[:120]!r}") from error
            yield Row(trade.trade_id, to_us(trade.timestamp), archive.frame(line, layout, self._market.native))
