"""Recorded market data as streams of frames: what recorders and the public archive write, told apart by content.

`survey` looks through the files once and cheaply: which are recordings, which markets and kinds of trade they hold.
`open_recordings` then gives one `Recording` a file, to be iterated alone or through `ctc.sources.merge.merge`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime

import msgspec

from ctc.errors import FrameError, RecordingError
from ctc.exchanges import EXCHANGES, Exchange, Reading, exchange
from ctc.model import Trade, from_us, to_us
from ctc.sources import archive, pages
from ctc.sources.files import DAMAGE, OpenPiece, Piece, first_lines, words
from ctc.sources.frames import looks_recorded, take_apart, whose
from ctc.sources.kinds import Held, why_left_out

Symbols = Mapping[str, Mapping[str, str]]
SNIFFED_LINES = 50


class RecordedFrame(msgspec.Struct, frozen=True, gc=False, kw_only=True):
    """A frame with trades, or one that can't be read (`error`, and no reading).

    `frame_time_us` never runs backwards inside a recording: the receive time if there is one, else the newest event
    time so far; 0 before the first time is known. Its trades happened from `oldest_us` to `newest_us`, which without
    trades are the frame's time. `raw` is the frame without its receive time.
    """

    exchange: str
    received: datetime | None
    frame_time_us: int
    oldest_us: int
    newest_us: int
    raw: bytes
    reading: Reading | None
    error: FrameError | None
    source: str


class Counts(msgspec.Struct):
    """What a recording held so far; `skipped` by what it was, e.g. `binance depthUpdate`."""

    lines: int = 0
    trades: int = 0
    unreadable: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    examples: list[str] = msgspec.field(default_factory=list)

    def note_unreadable(self, reason: str) -> None:
        self.unreadable += 1
        if len(self.examples) < 3:
            self.examples.append(f"line {self.lines}: {reason}")


def readers(symbols: Symbols) -> dict[str, Exchange]:
    """A reader for every exchange; `symbols` maps, for each, native names to canonical ones."""
    return {name: exchange(name, symbols.get(name)) for name in EXCHANGES}


def form_of(piece: Piece) -> str:
    """ "frames", "archive", "pages", "empty" or "unknown". Raises RecordingError when it can't be read at all."""
    lines = first_lines(piece, SNIFFED_LINES)
    if not lines:
        return "empty"
    if archive.is_header(lines[0]) or archive.layout_of(lines[0]) is not None:
        return "archive"
    if pages.looks_like(lines[0]):
        return "pages"
    return "frames" if any(looks_recorded(line) for line in lines) else "unknown"


class Recording:
    """One file (or zip member) of frames; iterating it gives the frames with trades and those that can't be read.

    All else is counted and dropped. A file that turns out to be damaged ends there, and `trouble` says so. `held` has
    the ids of trades of which aggregates are dropped, see `ctc.sources.kinds`. Iterated anew it begins, and counts, anew.
    """

    def __init__(self, piece: Piece, form: str, read: Mapping[str, Exchange], held: Held | None = None) -> None:
        self.piece = piece
        self.name = piece.name
        self.form = form
        self.counts = Counts()
        self.trouble: str | None = None
        self._read = read
        self._held = held or {}
        self._time_us = 0
        self._opened: OpenPiece | None = None
        self._reader_of: dict[str, Callable[[OpenPiece], Iterator[RecordedFrame]]] = {
            "frames": self._frames,
            "archive": self._rows,
            "pages": self._pages,
        }

    def position(self) -> int:
        """Bytes of the file on disk that were read so far."""
        return self._opened.position() if self._opened is not None else 0

    def __iter__(self) -> Iterator[RecordedFrame]:
        self.counts, self.trouble, self._time_us = Counts(), None, 0
        try:
            with OpenPiece(self.piece) as opened:
                self._opened = opened
                yield from self._reader_of[self.form](opened)
        except DAMAGE as error:
            self.trouble = f"{self.name} is damaged after line {self.counts.lines}: {words(error)}"

    def _frames(self, opened: OpenPiece) -> Iterator[RecordedFrame]:
        counts, read = self.counts, self._read
        for line in opened.lines():
            counts.lines += 1
            taken = take_apart(line)
            if taken is None:
                yield self._unreadable(FrameError("unknown", "no receive time and JSON", line), None, line)
                continue
            if taken.aside:
                counts.skipped[taken.aside] += 1
                continue
            received_us, body = taken.received_us, taken.body
            name = whose(body)
            if name is None:
                yield self._unreadable(FrameError("unknown", "not JSON", body), received_us, body)
                continue
            if not name:
                counts.skipped["another form"] += 1
                continue
            traded = received_us is not None and (b"rade" in body or b"match" in body)
            try:
                reading = read[name].read(body, from_us(received_us) if traded and received_us is not None else None)
            except FrameError as error:
                yield self._unreadable(error, received_us, body)
                continue
            if not reading.trades:
                counts.skipped[f"{name} {reading.kind}"] += 1
            elif self._wanted(reading.trades[0]):
                yield self._frame(name, reading, received_us, body)

    def _rows(self, opened: OpenPiece) -> Iterator[RecordedFrame]:
        native, layout, binance = "", None, self._read["binance"]
        for line in opened.lines():
            self.counts.lines += 1
            if layout is None or not native:
                if archive.is_header(line):
                    self.counts.skipped["header"] += 1
                    continue
                native, layout = native or market_of_file(self.piece), archive.layout_of(line)
            try:
                if layout is None:
                    raise FrameError("binance", "not a row of the archive", line)
                yield from self._kept(archive.read_row(line, layout, native, binance), line)
            except FrameError as error:
                yield self._unreadable(error, None, line)

    def _pages(self, opened: OpenPiece) -> Iterator[RecordedFrame]:
        for line in opened.lines():
            for raw, found in pages.read(line, self._read["binance"]):
                self.counts.lines += 1
                if isinstance(found, Trade):
                    yield from self._kept(found, raw)
                elif isinstance(found, FrameError):
                    yield self._unreadable(found, None, raw)
                else:
                    self.counts.skipped[found] += 1

    def _kept(self, trade: Trade, raw: bytes) -> Iterator[RecordedFrame]:
        if self._wanted(trade):
            reading = Reading(kind=trade.kind, trades=(trade,), event_time=trade.timestamp, native_symbol=trade.native_symbol)
            yield self._frame("binance", reading, None, raw)

    def _wanted(self, trade: Trade) -> bool:
        why = why_left_out(trade, self._held) if self._held else ""
        if why:
            self.counts.skipped[why] += 1
        return not why

    def _frame(self, name: str, reading: Reading, received_us: int | None, raw: bytes) -> RecordedFrame:
        self.counts.trades += len(reading.trades)
        times = [to_us(trade.timestamp) for trade in reading.trades]
        return RecordedFrame(
            exchange=name,
            received=reading.trades[0].ingestion_timestamp if received_us is not None else None,
            frame_time_us=self._advance(received_us if received_us is not None else times[0]),
            oldest_us=min(times),
            newest_us=max(times),
            raw=raw,
            reading=reading,
            error=None,
            source=self.name,
        )

    def _unreadable(self, error: FrameError, received_us: int | None, raw: bytes) -> RecordedFrame:
        self.counts.note_unreadable(str(error))
        time_us = self._advance(received_us)
        return RecordedFrame(
            exchange=error.exchange,
            received=None if received_us is None else from_us(received_us),
            frame_time_us=time_us,
            oldest_us=time_us,
            newest_us=time_us,
            raw=raw,
            reading=None,
            error=error,
            source=self.name,
        )

    def _advance(self, us: int | None) -> int:
        if us is not None and us > self._time_us:
            self._time_us = us
        return self._time_us


def market_of_file(piece: Piece) -> str:
    """The native symbol that an archive file's name says, else its zip's. Raises RecordingError with the remedy."""
    if piece.member:
        try:
            return archive.native_symbol(piece.member)
        except RecordingError:
            return archive.native_symbol(piece.path.name)
    return archive.native_symbol(piece.name)


def open_recordings(pieces: Iterable[tuple[Piece, str]], symbols: Symbols, held: Held | None = None) -> list[Recording]:
    """A Recording for each piece that a survey found; nothing is opened before it is iterated."""
    read = readers(symbols)
    return [Recording(piece, form, read, held) for piece, form in pieces]
