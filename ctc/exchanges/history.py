"""What every exchange's REST history of trades shares: how pages are asked for and read. Holds no connection."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime

import msgspec

from ctc.errors import FrameError
from ctc.exchanges.base import Exchange
from ctc.exchanges.limits import Limits
from ctc.model import Trade

PAGE = 1000  # trades a page, the most that both exchanges give


class TradeHistory(ABC):
    """Past trades of an exchange by their ids."""

    # True where pages go up from an id, False where they go down from below one.
    upward: bool
    # Where the exchange tells its own time.
    clock_path: str
    limits = Limits()

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @abstractmethod
    def path(
        self, native: str, kind: str, *, first: int | None = None, below: int | None = None, since: datetime | None = None
    ) -> str | None:
        """The page from id `first` on (upward), or of the newest ids `below` one (downward).

        Without an id: from time `since` on (upward), or the newest of all (downward). None where the exchange has no such page.
        """

    @abstractmethod
    def trade(self, row: bytes, native: str, kind: str, received: datetime | None = None, market: str | None = None) -> Trade:
        """A row as a back-filled trade; raises FrameError with the row."""

    @abstractmethod
    def frame(self, trade: Trade) -> bytes:
        """A trade of this history as the frame that a socket says it with; every field and digit is that of its row."""

    @abstractmethod
    def clock(self, body: bytes) -> datetime:
        """The exchange's time; raises FrameError."""

    def trades(self, body: bytes, native: str, kind: str, received: datetime | None) -> list[Trade]:
        """A page's trades by ascending id; raises FrameError when the page or one of its rows can't be read."""
        try:
            rows = _ROWS(body)
        except msgspec.MsgspecError as error:
            raise FrameError(self.exchange.name, f"not a page of trades: {error}", body) from None
        return sorted((self.trade(bytes(row), native, kind, received) for row in rows), key=lambda trade: trade.trade_id)


_ROWS = msgspec.json.Decoder(list[msgspec.Raw]).decode
