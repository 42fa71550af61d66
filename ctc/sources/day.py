"""A public market day into a folder that a replay reads: hourly files of frames with their times, as `ctc record` writes them.

The exchange's archive comes first, where it has one. REST then says which ids the day has, and gives those that the archive lacks.
What was fetched lies in `.fetch/` until a market's day is whole, so that the next one goes on from there; then a note stays of it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from heapq import merge
from pathlib import Path
from typing import Literal, Protocol

import httpx
import msgspec

from ctc.errors import ExchangeError, FrameError, RecordingError
from ctc.exchanges import TradeHistory
from ctc.quality.ids import Intervals
from ctc.settings import ExchangeSettings
from ctc.sources import archive
from ctc.sources.day_rows import DayArchive, DayShelf
from ctc.sources.download import download
from ctc.sources.history import HistoryClient, Ids
from ctc.sources.past import Market, ids_between, load
from ctc.sources.recorder import Folder, Recorder, digest, frame_line, replace
from ctc.sources.rest import MINUTE_S, Rest

ROWS_AT_ONCE = 20_000  # of one write: some megabytes
DAY = timedelta(days=1)
_UNKNOWN = (httpx.codes.BAD_REQUEST, httpx.codes.NOT_FOUND)  # Binance's and Coinbase's answer to a market that they don't have


class Fetched(msgspec.Struct, kw_only=True):
    """A market's day that is there. `archived` trades came from the archive, `paged` ones by REST; `holes` are ids that no one has.

    `notice` says what was not as it should be, such as that REST could not be asked whether these are all ids of the day.
    """

    exchange: str
    symbol: str
    native: str
    kind: str
    day: date
    trades: int
    first_id: int
    last_id: int
    archived: int
    paged: int
    holes: list[Ids]
    notice: str
    files: dict[str, str]  # and their SHA-256
    bytes: int


class Show(Protocol):
    """Told how far a step is: `done` of `total` bytes or trades."""

    def __call__(self, step: str, done: int, total: int | None, unit: Literal["bytes", "trades"]) -> None: ...


class DayFetcher:
    """Fetches days of one exchange's markets, one after the other; make it in a running loop, and close it."""

    _show: Show

    def __init__(self, history: TradeHistory, own: ExchangeSettings) -> None:
        self._history = history
        self._client = HistoryClient(history, own, received=lambda: None, longest_wait_s=MINUTE_S)
        self._archive = Rest(history.exchange.name, own.archive, own.rest_per_s, key="archive", files=True) if own.archive else None

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()
        if self._archive is not None:
            await self._archive.close()

    async def fetch(self, folder: Folder, market: Market, day: date, show: Show) -> tuple[Fetched, bool]:
        """The market's day, and whether it was there already. Raises ExchangeError or RecordingError."""
        self._show = show
        note = folder.path / ".fetch" / f"{market.name}.json"
        there = known(folder, note)
        if there is not None:
            return there, True
        folder.forget(market.name)
        scratch = note.with_suffix("")
        scratch.mkdir(parents=True, exist_ok=True)
        await self._refuse_unfinished(market, day)
        zipped = await self._zip(market, day, scratch)
        held = zipped.ids() if zipped is not None else Intervals([], [])
        first, last, trouble = await self._span(market, day, held)
        shelf = await self._load(scratch, market, held.missing(first, last))
        found = self._write(folder, market, day, shelf, zipped, (first, last))
        changed = "the files that were there had changed" if note.exists() else ""
        found.notice = "; ".join(filter(None, (changed, trouble)))
        replace(note, msgspec.json.encode(found))
        shutil.rmtree(scratch)
        return found, False

    async def _refuse_unfinished(self, market: Market, day: date) -> None:
        """By the exchange's clock, or by this machine's where it does not tell."""
        try:
            now = await self._client.now()
        except ExchangeError:
            if self._archive is None:
                raise
            now = datetime.now(UTC)
        if now < _start(day) + DAY:
            raise ExchangeError(
                f"there is no whole {day} of {market.symbol} yet: on {market.exchange} it is {now:%Y-%m-%d %H:%M} UTC; name an earlier day"
            )

    async def _zip(self, market: Market, day: date, scratch: Path) -> DayArchive | None:
        """The archive's file; None where there is no archive, or no such file in it."""
        if self._archive is None:
            return None
        path, at = scratch / "archive.zip", archive.daily_file(market.native, market.kind, day)
        try:
            await download(self._archive, at, path, lambda done, total: self._show("archive", done, total, "bytes"))
        except ExchangeError as error:
            if error.status != httpx.codes.NOT_FOUND:
                raise
            return None
        return DayArchive(path, market, self._history.exchange)

    async def _span(self, market: Market, day: date, held: Intervals) -> tuple[int, int, str]:
        """The day's first and last id, and why the exchange could not be asked for them."""
        start, there = _start(day), [(held.starts[0], held.ends[-1])] if held.starts else []
        try:
            told = await ids_between(self._client, market.native, start, start + DAY)
        except (ExchangeError, FrameError) as error:
            if there:
                return *there[0], f"not compared with REST: {error}"
            raise self._explained(error, market, day) from error
        spans = there if told is None else [told, *there]
        if not spans:
            raise ExchangeError(f"{market.exchange} has no trade of {market.native} on {day}: was it listed by then?")
        return min(low for low, _ in spans), max(high for _, high in spans), ""

    def _explained(self, error: ExchangeError | FrameError, market: Market, day: date) -> ExchangeError:
        own = f"exchanges.{market.exchange}.symbols"
        if isinstance(error, ExchangeError) and error.status in _UNKNOWN:
            return ExchangeError(f"{market.exchange} has no market {market.native}: correct {own} in the profile", status=error.status)
        if self._archive is None:
            return ExchangeError(f"{error}; run it again")
        return ExchangeError(
            f"the archive has no {market.kind}s of {market.native} on {day} (they come a day later), nor has REST: {error}"
        )

    async def _load(self, scratch: Path, market: Market, missing: Sequence[Ids]) -> DayShelf:
        """What the archive lacks, onto the shelf."""
        wanted, done = sum(high - low + 1 for low, high in missing), 0

        def put(count: int) -> None:
            nonlocal done
            done += count
            self._show("REST", done, wanted, "trades")

        shelf = DayShelf(scratch, self._history.frame, put)
        for low, high in missing:
            put(0)
            await load(self._client, shelf, market, low, high, frozenset({market.symbol}), lambda _: None)
        return shelf

    def _write(self, folder: Folder, market: Market, day: date, shelf: DayShelf, zipped: DayArchive | None, span: Ids) -> Fetched:
        """The hourly files. Raises RecordingError when an id is not in them that the exchange has not said to skip."""
        recorder, begun = Recorder(folder, market.name, market.exchange, (market.native,)), len(folder.sealed)
        total, archived, paged, seen = span[1] - span[0] + 1, 0, 0, Intervals([], [])
        sources = [*([((row, True) for row in zipped.rows())] if zipped is not None else []), ((row, False) for row in shelf.rows())]
        for row, of_archive in merge(*sources, key=lambda each: each[0].id):
            if seen.ends and row.id == seen.ends[-1] + 1:
                seen.ends[-1] = row.id
            elif row.id in seen:
                continue  # it came by REST before the archive had the day
            else:
                seen.add(row.id, row.id)
            recorder.put(frame_line(row.us, row.frame))
            archived, paged = archived + of_archive, paged + (not of_archive)
            if (archived + paged) % ROWS_AT_ONCE == 0:
                recorder.flush()
                self._show("writing", archived + paged, total, "trades")
        recorder.flush()
        recorder.close("hour")
        self._show("writing", total, total, "trades")
        holes, asked = seen.missing(*span), shelf.progress(market).done
        if any(asked.missing(*hole) for hole in holes):
            raise RecordingError(f"{market.name}: ids {holes[:3]} are missing of what was fetched; remove {folder.path}, and fetch again")
        sealed = folder.sealed[begun:]
        return Fetched(
            exchange=market.exchange, symbol=market.symbol, native=market.native, kind=market.kind, day=day,
            trades=archived + paged, first_id=span[0], last_id=span[1], archived=archived, paged=paged, holes=holes, notice="",
            files={entry.file: entry.sha256 for entry in sealed}, bytes=sum(entry.bytes for entry in sealed),
        )  # fmt: skip


def known(folder: Folder, note: Path) -> Fetched | None:
    """What was fetched before, if every file of it is still what it was."""
    try:
        found = msgspec.json.decode(note.read_bytes(), type=Fetched)
    except (FileNotFoundError, msgspec.DecodeError):
        return None
    sealed = {entry.file: entry.sha256 for entry in folder.index.recordings}
    for file, sha256 in found.files.items():
        path = folder.path / file
        if sealed.get(file) != sha256 or not path.is_file() or digest(path) != sha256:
            return None
    return found


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
