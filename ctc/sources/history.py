"""Past trades over REST: whole id ranges, in pages, within the exchange's rate limit.

What the exchange's own history skips between two ids that it has is a natural hole; what could not be read stays `left`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from ctc.errors import ExchangeError, FrameError
from ctc.exchanges import TradeHistory
from ctc.exchanges.history import PAGE
from ctc.model import Trade
from ctc.settings import ExchangeSettings
from ctc.sources.rest import ANSWER_WITHIN_S, Rest

NOT_YET = "the exchange does not show them yet"
Ids = tuple[int, int]  # first and last, both within


class Filled(NamedTuple):
    """Trades by ascending id, the ids that the exchange does not have, and what is still missing (why in `trouble`)."""

    trades: list[Trade]
    holes: list[Ids]
    left: list[tuple[int, int | None]]  # None: to the newest there is
    trouble: str = ""


class _Shown(NamedTuple):
    """A page that was read, and the ids of which it shows every one that there is."""

    first: int
    last: int
    trades: list[Trade]


class HistoryClient:
    """One exchange's REST history; requests are spaced as ctc/sources/rest.py says, and none is made while the exchange says to wait.

    Each market's last page is kept: where a socket is behind the market, and holes follow each other, it fills the next ones too.
    """

    def __init__(
        self,
        history: TradeHistory,
        settings: ExchangeSettings,
        *,
        received: Callable[[], datetime | None],
        longest_wait_s: float = ANSWER_WITHIN_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`longest_wait_s`: how long a request may wait for an exchange that wants none now; sockets can't be left alone for a minute."""
        self._history = history
        self._rest = Rest(
            history.exchange.name, settings.rest, settings.rest_per_s,
            limits=history.limits, longest_wait_s=longest_wait_s, monotonic=monotonic,
        )  # fmt: skip
        self._kind = settings.kind
        self._most = settings.fill_max_trades
        self._received = received
        self._shown: dict[str, _Shown] = {}

    @property
    def requests(self) -> int:
        """How many were made."""
        return self._rest.requests

    async def close(self) -> None:
        """Let go of the connections."""
        await self._rest.close()

    async def now(self) -> datetime:
        """The exchange's own time. Raises ExchangeError."""
        try:
            return self._history.clock(await self._rest.get(self._history.clock_path))
        except FrameError as error:
            raise ExchangeError(str(error)) from error

    async def rest(self) -> None:
        """Wait as long as the exchange asked for no requests."""
        await self._rest.rest()

    async def id_at(self, native: str, moment: datetime) -> int | None:
        """The lowest id of a trade at that time or later; None where there is none yet. Raises ExchangeError or FrameError."""
        if not self._history.upward:
            return await self._searched(native, moment)
        if self._history.path(native, self._kind, since=moment) is None:
            raise ExchangeError(f"{self._history.exchange.name} has no {self._kind} history by time: give ids")
        page = await self._page(native, since=moment)
        return page[0].trade_id if page else None

    async def newest(self, native: str, known: int) -> int:
        """The newest id there is, from one that is known on. Raises ExchangeError or FrameError."""
        if not self._history.upward:
            page = await self._page(native)
            return page[-1].trade_id if page else known
        low, step = known, 1
        while page := await self._page(native, first=low + step):
            low, step = page[-1].trade_id, step * 2
        high = low + step
        while high - low > 1:  # nothing at `high` or above
            page = await self._page(native, first=(low + high) // 2)
            low, high = (page[-1].trade_id, high) if page else (low, (low + high) // 2)
        return low

    async def _searched(self, native: str, moment: datetime) -> int | None:
        """By halving: pages only go down from an id."""
        page = await self._page(native)
        if not page or page[-1].timestamp < moment:
            return None
        low, high = -1, page[-1].trade_id  # up to `low` none is late enough or is shown; `high` is late enough
        while page:
            late = [trade.trade_id for trade in page if trade.timestamp >= moment]
            if late and late[0] > page[0].trade_id:
                return late[0]
            high = late[0] if late else high
            middle = (low + high) // 2
            if middle <= low:
                break
            page = await self._page(native, below=middle + 1)
            while (not page or page[-1].timestamp < moment) and middle + 1 < high:
                low = middle
                middle = (low + high) // 2
                page = await self._page(native, below=middle + 1)
            if not page or page[-1].timestamp < moment:
                break
        return high

    async def fill(self, native: str, first: int, last: int | None, until: datetime | None = None) -> Filled:
        """The trades with ids `first` to `last`, or to the newest there is. Never raises: what failed is `left`.

        No page is read beyond the time `until`: a market may trade as fast as its pages come, and there would be no end.
        """
        shown = self._shown.get(native)
        if shown is not None and last is not None and shown.first <= first and last <= shown.last:
            return _settle(shown.trades, first, last, (first, shown.last), "")
        return await (self._upward(native, first, last, until) if self._history.upward else self._downward(native, first, last))

    async def recent(self, native: str, first: int, until: datetime) -> Filled:
        """What is newer than `first` by little: nothing where a history that goes down from the newest has to go further than a page.

        Never raises.
        """
        if self._history.upward:
            return await self._upward(native, first, None, until)
        try:
            page = await self._page(native)
        except (ExchangeError, FrameError) as error:
            return Filled([], [], [], str(error))
        if not page or page[0].trade_id > first:
            return Filled([], [], [])
        return _settle(page, first, None, (first, page[-1].trade_id), "")

    async def since(self, native: str, moment: datetime, until: datetime | None = None) -> Filled:
        """The trades of a market of which no id is known, from a time on; `until` as in `fill`.

        Never raises; ids are not checked for holes.
        """
        if self._history.path(native, self._kind, since=moment) is None:
            return Filled([], [], [], f"{self._history.exchange.name} has no {self._kind} history by time")
        rows: list[Trade] = []
        trouble = ""
        try:
            page = await self._page(native, since=moment)
            while page:
                rows += page
                if len(rows) >= self._most:
                    trouble = self._too_many()
                    break
                if self._history.upward:
                    page = [] if _reaches(page, until) else await self._page(native, first=page[-1].trade_id + 1)
                else:
                    page = [] if page[0].timestamp < moment else await self._page(native, below=page[0].trade_id)
        except (ExchangeError, FrameError) as error:
            trouble = str(error)
        trades = sorted((trade for trade in rows if trade.timestamp >= moment), key=lambda trade: trade.trade_id)
        return Filled(trades, [], [], trouble)

    async def _upward(self, native: str, first: int, last: int | None, until: datetime | None) -> Filled:
        rows: list[Trade] = []
        at, trouble = first, ""
        try:
            while last is None or at <= last:
                page = await self._page(native, first=at)
                rows += page
                if page:
                    self._shown[native] = _Shown(at, page[-1].trade_id, page)
                    at = page[-1].trade_id + 1
                if len(page) < PAGE or _reaches(page, until):
                    break
                if len(rows) >= self._most:
                    trouble = self._too_many()
                    break
        except (ExchangeError, FrameError) as error:
            trouble = str(error)
        return _settle(rows, first, last, (first, at - 1), trouble)

    async def _downward(self, native: str, first: int, last: int | None) -> Filled:
        """From above `last` on, so that what is missing at the end is known not to be merely late; a whole page where one is enough."""
        rows: list[Trade] = []
        below, trouble = None if last is None else max(last + 2, first + PAGE), ""
        try:
            while below is None or below > first:
                page = await self._page(native, below=below)
                rows = page + rows
                if page:
                    self._shown[native] = _Shown(page[0].trade_id, page[-1].trade_id, page)
                below = page[0].trade_id if page else first
                if len(rows) >= self._most and below > first:
                    trouble = self._too_many()
                    break
        except (ExchangeError, FrameError) as error:
            trouble = str(error)
        shown = (max(first, below or first), rows[-1].trade_id) if rows else (first, first - 1)
        return _settle(rows, first, last, shown, trouble)

    def _too_many(self) -> str:
        return f"more than {self._most:,} trades were missed: the rest follows"

    async def _page(self, native: str, *, first: int | None = None, below: int | None = None, since: datetime | None = None) -> list[Trade]:
        path = self._history.path(native, self._kind, first=first, below=below, since=since)
        if path is None:
            return []
        return self._history.trades(await self._rest.get(path), native, self._kind, self._received())


def _reaches(page: list[Trade], until: datetime | None) -> bool:
    return until is not None and page[-1].timestamp >= until


def _settle(rows: list[Trade], first: int, last: int | None, shown: Ids, trouble: str) -> Filled:
    """What rows that show every id of `shown` say about the ids from `first` to `last` (or to the newest)."""
    low, high = shown[0], shown[1] if last is None else min(shown[1], last)
    trades = [trade for trade in rows if low <= trade.trade_id <= high]
    left: list[tuple[int, int | None]] = [(first, low - 1)] if low > first else []
    if last is None and trouble and not (rows and left):
        left.append((max(first, high + 1), None))
    elif last is not None and high < last:
        left.append((max(first, high + 1), last))
    return Filled(trades, _holes(trades, low, high), left, trouble or (NOT_YET if left else ""))


def _holes(trades: list[Trade], first: int, last: int) -> list[Ids]:
    """The ids from `first` to `last` that no trade has."""
    found, at = [], first
    for trade in trades:
        if trade.trade_id > at:
            found.append((at, trade.trade_id - 1))
        at = trade.trade_id + 1
    return [*found, (at, last)] if at <= last else found
