"""From what was read to lines in the symbols' queues: trades, the heartbeats between them, and what could not be read."""

from __future__ import annotations

import base64
from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec

from ctc.codec import encode_line
from ctc.errors import FrameError
from ctc.exchanges import Reading
from ctc.model import EPOCH, Heartbeat, Trade, from_us, to_us
from ctc.producer.batcher import Batcher
from ctc.producer.heartbeats import Heartbeats, Venues

# With its key and a little air below the stream's 1 MiB for a record.
MAX_LINE_BYTES = 1_000_000
STALE = timedelta(seconds=60)
_TOO_LONG = "longer than a record of the stream can be"


class DeadLetter(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """One line of `trades-dlq`: why a frame was refused, and its bytes (base64 where `encoding` says so).

    `cut_from` is the frame's length where it had to be cut to fit into a record.
    """

    exchange: str
    reason: str
    received: datetime
    raw: str
    encoding: str = "utf-8"
    cut_from: int | None = None


class Counters(msgspec.Struct):
    """What a producer has done since it started."""

    frames: int = 0
    trades: int = 0
    ignored: int = 0
    unreadable: int = 0
    duplicates_not_removed: int = 0
    backfilled: int = 0


class Tape:
    """Takes readings in order, puts lines into the batchers. Never waits: the caller asks the batchers for room."""

    def __init__(
        self,
        producer: str,
        venues: Venues,
        peg_symbol: str,
        lines: Batcher,
        dead: Batcher,
        now: Callable[[], datetime],
        said: Callable[[Heartbeat], None] | None = None,
    ) -> None:
        """Trades of markets that are not among `venues` are ignored; `now` stamps dead letters; `said` is told each heartbeat."""
        self.counters = Counters()
        self.venues = venues
        self.heartbeats = Heartbeats(producer, venues, self._heartbeat)
        self._peg_symbol = peg_symbol
        self._lines = lines
        self._dead = dead
        self._now = now
        self._said = said
        self._stale_before = EPOCH

    def advance(self, time_us: int) -> None:
        """Say the heartbeats that are due before a frame of this time."""
        if time_us >= self.heartbeats.next_us:
            self.heartbeats.advance(time_us)
            self._stale_before = from_us(time_us) - STALE

    def reading(self, reading: Reading, *, names_ids: bool = True) -> None:
        """Queue a frame's trades; without `names_ids` no heartbeat tells of theirs."""
        counters = self.counters
        counters.frames += 1
        if not reading.trades:
            counters.ignored += 1
        for trade in reading.trades:
            self._trade(trade, names_ids)

    def _trade(self, trade: Trade, names_ids: bool) -> None:
        venue = self.venues.find(trade)
        if venue is None:
            self.counters.ignored += 1
            return
        if trade.timestamp < self._stale_before and trade.ingestion_timestamp <= trade.timestamp:
            # Read off the frames, the time of receipt is the trade's own; for one that comes this late it is where the merge stands.
            trade = msgspec.structs.replace(trade, ingestion_timestamp=self._now())
        line = encode_line(trade)
        if len(line) > MAX_LINE_BYTES:
            self.counters.frames -= 1
            self.unreadable(FrameError(trade.exchange, _TOO_LONG, trade.raw_event_payload.encode()))
            return
        self._lines.add(trade.symbol, line)
        self.counters.trades += 1
        self.counters.backfilled += trade.is_backfilled
        if venue.last_id is None or trade.trade_id > venue.last_id:
            venue.last_id = trade.trade_id if names_ids and venue.ascends else venue.last_id
            if trade.symbol == self._peg_symbol:
                self.heartbeats.peg = trade.price
        else:  # known already, or older than what is
            self.counters.duplicates_not_removed += 1

    def _heartbeat(self, beat: Heartbeat) -> None:
        self._lines.add(beat.symbol, encode_line(beat), to_us(beat.heartbeat))
        if self._said is not None:
            self._said(beat)

    def unreadable(self, error: FrameError, received: datetime | None = None) -> None:
        """Queue a frame that could not be read for the dead letters."""
        self.counters.frames += 1
        self.counters.unreadable += 1
        self._dead.add(error.exchange, dead_letter(error, received or self._now()))

    @property
    def full(self) -> bool:
        """Whether the caller should `await room()` before it reads on."""
        return self._lines.full or self._dead.full

    async def room(self) -> None:
        """Return once the batchers take lines again."""
        await self._lines.room()
        await self._dead.room()


def dead_letter(error: FrameError, received: datetime) -> bytes:
    """The line for a refused frame; it fits into a record whatever the frame was."""
    try:
        raw, encoding = error.raw.decode(), "utf-8"
    except UnicodeDecodeError:
        raw, encoding = base64.b64encode(error.raw).decode(), "base64"
    letter = DeadLetter(error.exchange, str(error.reason)[:2000], received, raw, encoding)
    line = msgspec.json.encode(letter)
    if len(line) <= MAX_LINE_BYTES:
        return line
    # Base64 of this much stays below the limit, whatever the bytes are.
    kept = base64.b64encode(error.raw[: MAX_LINE_BYTES // 2]).decode()
    return msgspec.json.encode(DeadLetter(letter.exchange, letter.reason, received, kept, "base64", len(error.raw)))
