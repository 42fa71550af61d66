"""Dead letters as a source of trades: each is read again by the decoders and rules of now."""

from __future__ import annotations

from functools import cache

import msgspec

from ctc.codec import read_record
from ctc.errors import ConfigError, FrameError
from ctc.exchanges import EXCHANGES, Exchange, exchange
from ctc.model import Heartbeat, Reject, Trade
from ctc.quality.letters import Letter
from ctc.settings import Settings


class Again(msgspec.Struct, frozen=True):
    """What a letter holds now: trades to send, or why there are none."""

    letter: Letter
    trades: tuple[Trade, ...]
    outcome: str


class Reader:
    """Reads letters of one session again. Never raises on data."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._symbols = frozenset(settings.session.symbols)
        self._exchange = cache(self._make)

    def read(self, letter: Letter) -> Again:
        """The trades that can be read of a letter now. Heartbeats are not sent again: their time has passed."""
        found, refused, others = (self._frame if letter.source == "frames" else self._lines)(letter)
        if found:
            left = f", {len(refused)} more still refused" if refused else ""
            return Again(letter, found, f"{len(found)} trade{'s' * (len(found) > 1)}{left}")
        return Again(letter, (), f"still refused: {'; '.join(refused)}" if refused else others)

    def _lines(self, letter: Letter) -> tuple[tuple[Trade, ...], list[str], str]:
        lines = read_record(letter.raw, self._symbols)
        refused = ["; ".join(line.reasons) for line in lines if isinstance(line, Reject)]
        others = "a heartbeat, whose time has passed" if any(isinstance(line, Heartbeat) for line in lines) else "nothing in it"
        return tuple(line for line in lines if isinstance(line, Trade)), refused, others

    def _frame(self, letter: Letter) -> tuple[tuple[Trade, ...], list[str], str]:
        if letter.cut_from is not None:
            return (), [f"cut from {letter.cut_from:,} bytes: the rest is gone"], ""
        try:
            reading = self._exchange(letter.exchange or "").read(letter.raw, letter.received_at or letter.arrived_at)
        except (FrameError, ConfigError) as error:
            return (), [str(error)], ""
        ours = tuple(trade for trade in reading.trades if self._is_ours(trade))
        return ours, [], "a market that this session does not follow" if reading.trades else f"no trade: {reading.kind}"

    def _is_ours(self, trade: Trade) -> bool:
        own = self._settings.exchanges[trade.exchange]
        listed = trade.symbol in self._symbols and own.symbols.get(trade.symbol) == trade.native_symbol
        return listed and (trade.market, trade.kind) == (own.market, own.kind)

    def _make(self, name: str) -> Exchange:
        if name not in EXCHANGES or name not in self._settings.exchanges:
            raise ConfigError(f"no exchange {name!r} in this session")
        own = self._settings.exchanges[name]
        return exchange(name, own.names, own.market)
