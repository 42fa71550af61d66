"""Past trades of one market into pieces of files, by ids, resumable: what was put away is not asked for again.

A piece is written before it is noted as done, and has the same name each time: a process that dies leaves at most a piece that is
written once more. Refusals (429, 418) are waited out as long as the exchange says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from ctc.codec import encode_line, pack, read_record
from ctc.errors import ExchangeError
from ctc.model import Reject, Trade
from ctc.quality.ids import Intervals
from ctc.sources.history import HistoryClient

PIECE = 20_000  # ids: 20 pages
PATIENCE = 5  # tries of one piece that get nothing further
Say = Callable[[str], None]


class Market(msgspec.Struct, frozen=True):
    """One id space of an exchange."""

    exchange: str
    market: str
    symbol: str
    native: str
    kind: str

    @property
    def name(self) -> str:
        """What its files are called after."""
        return f"{self.exchange}-{self.market}-{self.native}-{self.kind}"


class Progress(msgspec.Struct):
    """Ids that lie in files, or that the exchange's history skips; `refused` counts rows that broke a rule. `at`: the last request."""

    done: Intervals = msgspec.field(default_factory=lambda: Intervals([], []))
    holes: list[tuple[int, int]] = []
    refused: int = 0
    at: datetime | None = None


class Shelf(Protocol):
    """Where pieces are put."""

    def progress(self, market: Market) -> Progress: ...

    def put(self, market: Market, first: int, trades: Sequence[Trade]) -> None: ...

    def note(self, market: Market, progress: Progress) -> None: ...


class Loaded(msgspec.Struct, frozen=True, kw_only=True):
    """What one call did: ids asked for, trades put away now, ids that were there before, and requests."""

    market: Market
    first: int
    last: int
    trades: int
    known: int
    holes: int
    refused: int
    requests: int


async def load(client: HistoryClient, shelf: Shelf, market: Market, first: int, last: int, symbols: frozenset[str], say: Say) -> Loaded:
    """Put the trades with ids `first` to `last` on the shelf. Raises ExchangeError when the exchange does not give them."""
    progress = shelf.progress(market)
    missing = progress.done.missing(first, last)
    known = last - first + 1 - sum(high - low + 1 for low, high in missing)
    put, before, refused = 0, client.requests, progress.refused
    for low, high in (piece for span in missing for piece in pieces(*span)):
        trades, holes = await _piece(client, market, low, high)
        kept, broken = by_the_rules(trades, symbols)
        shelf.put(market, low, kept)
        progress.done.add(low, high)
        progress.holes += holes
        progress.refused += broken
        progress.at = datetime.now(UTC)
        shelf.note(market, progress)
        put += len(kept)
        say(f"{market.name}: {put:,} trades, ids up to {high:,} of {last:,}")
    return Loaded(
        market=market, first=first, last=last, trades=put, known=known, holes=sum(high - low + 1 for low, high in progress.holes),
        refused=progress.refused - refused, requests=client.requests - before,
    )  # fmt: skip


def pieces(first: int, last: int) -> Iterator[tuple[int, int]]:
    """The range cut at multiples of `PIECE`."""
    while first <= last:
        end = min(last, (first // PIECE + 1) * PIECE - 1)
        yield first, end
        first = end + 1


async def _piece(client: HistoryClient, market: Market, first: int, last: int) -> tuple[list[Trade], list[tuple[int, int]]]:
    trades: list[Trade] = []
    holes: list[tuple[int, int]] = []
    left: list[tuple[int, int | None]] = [(first, last)]
    tries = 0
    while left:
        low, high = left.pop(0)
        filled = await client.fill(market.native, low, high)
        trades += filled.trades
        holes += filled.holes
        left = [*filled.left, *left]
        if filled.trades or filled.holes or not filled.left:
            tries = 0
            continue
        tries += 1
        if tries == PATIENCE:
            raise ExchangeError(f"{market.name}: ids {low} to {high} can't be had ({filled.trouble}); run it again, it goes on from here")
        await client.rest()
    return sorted(trades, key=lambda trade: trade.trade_id), sorted(holes)


def by_the_rules(trades: Sequence[Trade], symbols: frozenset[str]) -> tuple[list[Trade], int]:
    """The trades that the stream's decoder would take, and how many it would refuse."""
    if not trades:
        return [], 0
    kept: list[Trade] = []
    for start in range(0, len(trades), PIECE):
        lines = read_record(pack([encode_line(trade) for trade in trades[start : start + PIECE]]), symbols)
        kept += [line for line in lines if isinstance(line, Trade)]
        assert all(isinstance(line, Trade | Reject) for line in lines)
    return kept, len(trades) - len(kept)


async def ids_between(client: HistoryClient, native: str, since: datetime, until: datetime | None) -> tuple[int, int] | None:
    """The ids of the trades in [since, until), or to the newest there is; None where there are none. Raises ExchangeError."""
    first = await client.id_at(native, since)
    if first is None:
        return None
    last = None if until is None else await client.id_at(native, until)
    if last is None:
        newest = await client.newest(native, first)
        return first, newest
    return (first, last - 1) if last > first else None
