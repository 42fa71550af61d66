"""What a set of paths holds before it is read: the recordings, their markets, and which trades not to count again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import msgspec

from ctc.errors import RecordingError
from ctc.exchanges import Exchange
from ctc.quality.ids import Intervals
from ctc.sources import archive
from ctc.sources.files import DAMAGE, OpenPiece, Piece, expand, pieces
from ctc.sources.frames import take_apart, whose
from ctc.sources.kinds import AGGREGATE, TRADE, Market
from ctc.sources.recording import Recording, Symbols, form_of, market_of_file, open_recordings, readers
from ctc.workers import mapped

Space = tuple[str, str, str, str]
WORTH_BYTES = 16 << 20  # of packed recordings: some ten seconds of one core
MOST_PROCESSES = 4
_WORDS = {
    "empty": "is empty",
    "unknown": "is of no known form: recorded frames (one JSON a line, with or without a receive time) or the archive's CSV",
}


class Survey(msgspec.Struct):
    """Recordings in the order of their paths, what trades each holds (`contents`), and what was left out and why.

    `held` has the ids of the `trade` rows of each market that has aggregates too.
    """

    recordings: list[tuple[Piece, str]] = msgspec.field(default_factory=list)
    contents: list[frozenset[Space]] = msgspec.field(default_factory=list)
    notices: list[str] = msgspec.field(default_factory=list)
    failures: list[str] = msgspec.field(default_factory=list)
    bytes: int = 0
    held: dict[Market, Intervals] = msgspec.field(default_factory=dict)

    @property
    def markets(self) -> list[Market]:
        """Every (exchange, market, native symbol) that trades are of, sorted."""
        return sorted({space[:3] for space in self.spaces})

    @property
    def spaces(self) -> list[Space]:
        """Every market with each kind of trade that it has, sorted: the spaces in which trade ids are unique."""
        return sorted(frozenset[Space]().union(*self.contents))

    def require(self) -> Survey:
        """Itself, if everything named can be read and something is there; else raises RecordingError with the first trouble."""
        if self.failures:
            raise RecordingError(self.failures[0])
        return self

    def open(self, symbols: Symbols) -> list[Recording]:
        """The recordings; `symbols` maps, for each exchange, native names to canonical ones."""
        return open_recordings(self.recordings, symbols, self.held)


class _File(NamedTuple):
    """A file to look at, or what is wrong with what was named."""

    pieces: list[Piece]
    named: bool
    trouble: str = ""


class _Seen(NamedTuple):
    """What a piece is and what trades it holds, or what is wrong with it."""

    form: str
    spaces: frozenset[Space]
    trouble: str = ""


def survey(paths: Iterable[Path], progress: Callable[[Piece], None] | None = None) -> Survey:
    """Look through files and folders once. What is wrong with a named file is a failure, inside a folder a notice."""
    found, names = Survey(), list(paths)
    files = list(_listed(names))
    inside = [piece for file in files for piece in file.pieces]
    with mapped(_look, inside, _processes(inside)) as seen:
        for file in files:
            _note(file, seen, found, progress)
    if not found.recordings and not found.failures:
        found.failures.append(f"no recording in {', '.join(map(str, names))}; name files of recorded frames or of the archive")
    spaces = set(found.spaces)
    for market in found.markets:
        if {(*market, TRADE), (*market, AGGREGATE)} <= spaces:
            found.held[market] = Intervals([], [])
            found.notices.append(
                f"{'/'.join(market)}: {TRADE} and {AGGREGATE} are here; an {AGGREGATE} of trades that are here is left out"
            )
    _hold_trades(found, readers({}), progress)
    return found


def _listed(names: Iterable[Path]) -> Iterator[_File]:
    for name in names:
        try:
            files = expand([name])
        except RecordingError as error:
            yield _File([], True, str(error))
            continue
        for file, named in files:
            try:
                yield _File(pieces(file), named)
            except RecordingError as error:
                yield _File([], named, str(error))


def _processes(inside: Sequence[Piece]) -> int:
    """As many as there are cores where it is worth their start, of a second."""
    large = sum(path.stat().st_size for path in {piece.path for piece in inside}) >= WORTH_BYTES
    return min(os.cpu_count() or 1, len(inside), MOST_PROCESSES) if large else 1


def _note(file: _File, seen: Iterator[_Seen], found: Survey, progress: Callable[[Piece], None] | None) -> None:
    trouble = found.failures if file.named else found.notices
    if file.trouble:
        trouble.append(file.trouble)
    if file.pieces and any(piece.path.samefile(file.pieces[0].path) for piece, _ in found.recordings):
        for _ in file.pieces:
            next(seen)  # it was looked at under another name
        return
    found.bytes += file.pieces[0].path.stat().st_size if file.pieces else 0
    for piece in file.pieces:
        if progress is not None:
            progress(piece)
        what = next(seen)
        if what.trouble:
            trouble.append(what.trouble)
        else:
            found.contents.append(what.spaces)
            found.recordings.append((piece, what.form))


def _look(piece: Piece) -> _Seen:
    try:
        form = form_of(piece)
        if form in _WORDS:
            return _Seen(form, frozenset(), f"{piece.name} {_WORDS[form]}")
        return _Seen(form, frozenset(_CONTENTS[form](piece, readers({}))))
    except RecordingError as error:
        return _Seen("", frozenset(), str(error))


def _hold_trades(found: Survey, read: dict[str, Exchange], progress: Callable[[Piece], None] | None) -> None:
    """Read again what holds trades of a market with both kinds: only a trade that can be read stands for its id."""
    wanted = {(*market, TRADE): held for market, held in found.held.items()}
    for (piece, form), spaces in zip(found.recordings, found.contents, strict=True):
        if wanted.keys().isdisjoint(spaces):
            continue
        if progress is not None:
            progress(piece)
        for frame in Recording(piece, form, read):
            for trade in frame.reading.trades if frame.reading is not None else ():
                held = wanted.get((trade.exchange, trade.market, trade.native_symbol, trade.kind))
                if held is not None:
                    held.add(trade.trade_id, trade.trade_id)


def _of_frames(piece: Piece, read: dict[str, Exchange]) -> Iterator[Space]:
    """Of every frame: any of them may be another market's."""
    with suppress(*DAMAGE), OpenPiece(piece) as opened:  # reading it will say so, with the line
        for line in opened.lines():
            if b"rade" not in line and b"match" not in line:
                continue
            taken = take_apart(line)
            exchange = whose(taken.body) if taken is not None and taken.body else None
            market = read[exchange].identify(taken.body) if exchange and taken is not None else None
            if exchange and market is not None:
                yield exchange, *market


def _of_rows(piece: Piece, read: dict[str, Exchange]) -> Iterator[Space]:
    """Of the first row: a file of the archive holds one market."""
    native = market_of_file(piece)
    with suppress(*DAMAGE), OpenPiece(piece) as opened:  # reading it will say so, with the line
        layout = next(filter(None, map(archive.layout_of, opened.lines())), None)
        if layout is not None:
            yield "binance", layout.market, native, layout.kind


def _of_pages(piece: Piece, read: dict[str, Exchange]) -> Iterator[Space]:
    for frame in Recording(piece, "pages", read):
        for trade in frame.reading.trades[:1] if frame.reading is not None else ():
            yield trade.exchange, trade.market, trade.native_symbol, trade.kind


_CONTENTS = {"frames": _of_frames, "archive": _of_rows, "pages": _of_pages}
