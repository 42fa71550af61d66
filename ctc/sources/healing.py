"""Makes one connection's ids whole: what its sockets missed is read from the exchange's history, and put where it belongs.

A connection that was lost catches up before its first new frame; an id that jumps is preceded by what it jumped over. So
the channel has every trade once it goes on, in order of ids, and nobody downstream sees that there was a hole. What can't
be read now stays open, and is tried again; what the exchange itself does not have is said to be a natural hole.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import datetime
from heapq import merge

from ctc.errors import ExchangeError
from ctc.exchanges import Reading
from ctc.model import Trade, from_us, to_us
from ctc.sources.channel import Channel, IdHoles, Settled
from ctc.sources.history import NOT_YET, Filled, HistoryClient

RETRY_S = 15.0
LONGEST_RETRY_S = 600.0
# A frame that can't be read may have been a trade: the history is asked, but not for each of a flood of them.
CHECKS_A_MINUTE = 20
OVERLAP_AT_MOST_S = 5.0
# A history may be a moment behind the socket, and what is given up is late for the folds.
LAG_AT_MOST_S = 2.0
ASK_EVERY_S = 0.2


class Healing:
    """The ids of one channel's markets; `following` holds the next id that each is due."""

    def __init__(
        self, client: HistoryClient | None, channel: Channel, monotonic: Callable[[], float] = time.monotonic, *, dense: bool = True
    ) -> None:
        """`dense` is False where ids skip by themselves: nothing can be told from them, and nothing is made up for.

        `client` is None for an exchange without a history; its ids are not dense.
        """
        self._client = client
        self._dense = dense
        self._channel = channel
        self._monotonic = monotonic
        self.following: dict[str, int] = {}
        self.since: datetime | None = None  # for markets without an id: nothing before it was missed
        self.open: list[tuple[str, int, int]] = []  # native symbol, first and last id: still to be filled
        self.settling: list[tuple[str, int, int]] = []  # filled, and not yet come to the reader
        self.filled = 0
        self._doubted: dict[str, int] = {}  # ids that jumped further than the history shows, until another one follows
        self._progress = asyncio.Event()
        self._retry_at = 0.0
        self._retry_s = RETRY_S
        self._checks: deque[float] = deque(maxlen=CHECKS_A_MINUTE)

    @property
    def knows(self) -> bool:
        """Whether there is a place to go on from."""
        return self._dense and (bool(self.following) or self.since is not None)

    def lost(self) -> None:
        """The socket was lost: what markets without an id trade from here on is missed."""
        if self.since is None and self.following and self._channel.mark >= 0:
            self.since = from_us(self._channel.mark)

    def resume(self, following: dict[str, int], since: datetime, left: Iterable[tuple[str, int, int]]) -> None:
        """Go on from where an earlier process stood."""
        if self._client is None:
            return
        self.following = {native: number for native, number in following.items() if native in self._channel.natives}
        self.since = since
        self.open = [gap for gap in left if gap[0] in self._channel.natives]

    def follows(self, reading: Reading) -> bool:
        """True if nothing is missing before this reading's trades (its ids are taken as put then)."""
        following = self.following
        if not self._dense:
            return True
        for trade in reading.trades:
            native, number = trade.native_symbol, trade.trade_id
            due = following.get(native)
            if due is None or number == due:
                following[native] = number + 1
            elif number > due:
                return False
        if reading.last_id is not None and reading.native_symbol is not None:
            due = following.setdefault(reading.native_symbol, reading.last_id + 1)
            return reading.last_id < due
        return True

    async def precede(self, reading: Reading, others: Callable[[], bool]) -> bool:
        """Put what is missing before this reading; `others` says whether an older socket may still bring it.

        False where an id is further ahead than the history shows: it may be a broken one, and nothing is told from it until
        the next one follows it.
        """
        deadline = self._monotonic() + OVERLAP_AT_MOST_S
        while not self.follows(reading) and others() and self._monotonic() < deadline:
            self._progress.clear()
            await _until(self._progress, 0.05)
        believed = True
        for native, last, named in _named(reading):
            believed &= await self._reach(native, last, named)
        self.follows(reading)
        return believed

    async def _reach(self, native: str, last: int, named: int) -> bool:
        """Put what is missing up to the id `last`; False where `named`, which says that it was, is in doubt."""
        first = self.following.get(native, last + 1)
        if first > last:
            return True
        doubted = self._doubted.get(native)
        if doubted == last:  # another one follows it: it was not broken, and the history was asked for it before
            self._leave(native, first, last)
        elif doubted == named:
            return False  # the same trade by another socket
        elif not await self._make_up_for(native, first, last):
            self._doubted[native] = named
            return False
        self._doubted.pop(native, None)
        self.following[native] = max(self.following.get(native, 0), last + 1)
        return True

    async def _make_up_for(self, native: str, first: int, last: int) -> bool:
        """Put what the history has of a range that the socket has passed; False where it does not reach to the end of it."""
        filled = await self._fill(native, first, last)
        reaches = all(end != last for _, end in filled.left)
        if not reaches:
            filled = filled._replace(left=[gap for gap in filled.left if gap[1] != last])
        whole = not self._tell([(native, filled)])
        await self._put(native, filled)
        if not whole:
            self._channel.up_from_next()
        return reaches

    async def _fill(self, native: str, first: int, last: int) -> Filled:
        """A range that the socket has passed; a history that lags is given a moment."""
        deadline = self._monotonic() + LAG_AT_MOST_S
        filled = await self._history.fill(native, first, last)
        while filled.trouble == NOT_YET and self._monotonic() < deadline:
            await asyncio.sleep(ASK_EVERY_S)
            more = await self._history.fill(native, filled.left[0][0], last)
            filled = Filled(filled.trades + more.trades, filled.holes + more.holes, more.left, more.trouble)
        return filled

    async def close(self) -> None:
        """Let go of the exchange's REST connections."""
        if self._client is not None:
            await self._client.close()

    @property
    def _history(self) -> HistoryClient:
        """Raises ExchangeError for an exchange that has none."""
        if self._client is None:
            raise ExchangeError(f"{self._channel.exchange} has no history to read what was missed from")
        return self._client

    def progressed(self) -> None:
        """Let `precede` look again: another socket has brought something."""
        self._progress.set()

    async def catch_up(self) -> None:
        """Put everything that the exchange has and the channel does not, oldest first."""
        try:
            reached = await self._history.now()  # before the pages: up to here they are complete
        except ExchangeError as error:
            self._channel.change(False, f"not filled: {error}")
            self._channel.healed()
            self._channel.up_from_next()
            return
        natives = [native for native in self._channel.natives if native in self.following or self.since is not None]
        found = await asyncio.gather(*(self._missed(native, reached) for native in natives))
        whole = not self._tell(zip(natives, found, strict=True))
        for native, filled in zip(natives, found, strict=True):
            self._note(native, filled)
        for trade in merge(*(filled.trades for filled in found), key=lambda trade: trade.timestamp):
            if trade.timestamp < reached:  # later pages show more than earlier ones: what is newer comes by the socket, in its order
                await self._put_trade(trade)
        if whole:
            await self._channel.put(Reading(kind="caughtUp", event_time=reached), to_us(reached))
            self.since = None
        self._channel.healed()
        if not whole:
            self._channel.up_from_next()

    async def check(self, until: datetime) -> None:
        """Put what a frame that could not be read may have held, up to a time; within reason: ids tell as well, but later.

        Not from a history that has gone on by more than a page since: to read it all for each such frame would leave the socket
        ever further behind.
        """
        now = self._monotonic()
        if len(self._checks) == CHECKS_A_MINUTE and now - self._checks[0] < 60:
            return
        self._checks.append(now)
        due = [(native, self.following[native]) for native in self._channel.natives if native in self.following]
        found = await asyncio.gather(*(self._history.recent(native, first, until) for native, first in due))
        for trade in merge(*(filled.trades for filled in found), key=lambda trade: trade.timestamp):
            if trade.timestamp <= until:
                await self._put_trade(trade)

    async def retry(self) -> None:
        """Try the open ranges again, if it is time to. What comes now is late, and said to be back-filled."""
        now = self._monotonic()
        if not self.open or now < self._retry_at:
            return
        moved = False
        for gap in list(self.open):
            filled = await self._history.fill(*gap)
            moved = moved or bool(filled.trades or filled.holes)
            self.open.remove(gap)
            self.settling.append(gap)
            await self._put(gap[0], filled)
            self._channel.note(Settled(*gap))
        self._retry_s = RETRY_S if moved or not self.open else min(LONGEST_RETRY_S, 2 * self._retry_s)
        self._retry_at = self._monotonic() + self._retry_s

    async def _missed(self, native: str, until: datetime) -> Filled:
        first = self.following.get(native)
        if first is not None:
            return await self._history.fill(native, first, None, until)
        assert self.since is not None  # `catch_up` asks for no other markets
        return await self._history.since(native, self.since, until)

    async def _put(self, native: str, filled: Filled) -> None:
        self._note(native, filled)
        for trade in filled.trades:
            await self._put_trade(trade)

    async def _put_trade(self, trade: Trade) -> None:
        self.filled += 1
        native = trade.native_symbol
        reading = Reading(kind=trade.kind, trades=(trade,), event_time=trade.timestamp, native_symbol=native)
        await self._channel.put(reading, to_us(trade.timestamp))
        self.following[native] = max(self.following.get(native, 0), trade.trade_id + 1)

    def _note(self, native: str, filled: Filled) -> None:
        """Before its trades, so that nothing newer is in the log while nobody knows what is missing."""
        if filled.holes:
            self._channel.note(IdHoles(native, tuple(filled.holes)))
        for first, last in filled.left:
            if last is not None:  # else the next trade's id tells
                self._leave(native, first, last)

    def _leave(self, native: str, first: int, last: int) -> None:
        self.open.append((native, first, last))
        self._retry_at = self._retry_at or self._monotonic() + self._retry_s

    def _tell(self, found: Iterable[tuple[str, Filled]]) -> bool:
        """Say, before what was filled, that not all was: the venue is not connected up to the next frame. True if it is so."""
        trouble = "; ".join(f"{native}: {filled.trouble}" for native, filled in found if filled.trouble)
        if trouble:
            self._channel.change(False, f"not filled: {trouble}")
        return bool(trouble)


def _named(reading: Reading) -> list[tuple[str, int, int]]:
    """By market: the newest id that should be there before this reading, and the newest that it names."""
    found = [(trade.native_symbol, trade.trade_id - 1, trade.trade_id) for trade in reading.trades]
    if reading.last_id is not None and reading.native_symbol is not None:
        found.append((reading.native_symbol, reading.last_id, reading.last_id))
    return found


async def _until(event: asyncio.Event, at_most_s: float) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await event.wait()
