"""Recordings to unified trades, exactly one row per market trade, and an account of everything else."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from ctc.codec import encode_line
from ctc.model import Trade
from ctc.quality.ids import Intervals
from ctc.sources.merge import merge
from ctc.sources.recording import Recording, Symbols
from ctc.sources.survey import Survey


class Account(msgspec.Struct, kw_only=True):
    """What became of every line, and of each trade of a frame with several.

    `read` = rows of trades + `duplicates` + lines without trades (`skipped`) + `unreadable`.
    """

    files: int
    read: int
    trades: int
    duplicates: int
    unreadable: int
    skipped: dict[str, int]
    markets: dict[str, int]
    notices: list[str]
    errors: list[str]


class Normalizer:
    """Iterate it for the trades, in the order of frame time; ask `account` afterwards (or meanwhile)."""

    def __init__(self, found: Survey, symbols: Symbols) -> None:
        self._survey = found
        self.recordings: list[Recording] = found.open(symbols)
        self._seen: dict[str, Intervals] = {}
        self._rows: Counter[str] = Counter()
        self.duplicates = 0
        self._beside = 0  # trades beyond the first of their frame

    def __iter__(self) -> Iterator[Trade]:
        for frame, _ in merge(self.recordings):
            if frame.reading is not None:
                self._beside += len(frame.reading.trades) - 1
                for trade in frame.reading.trades:
                    if self._is_new(trade):
                        yield trade

    def lines(self) -> Iterator[bytes]:
        """The same as NDJSON lines, newlines included."""
        return (encode_line(trade) + b"\n" for trade in self)

    def _is_new(self, trade: Trade) -> bool:
        space = trade.space
        seen = self._seen.get(space)
        if seen is None:
            seen = self._seen[space] = Intervals([], [])
        number = trade.trade_id
        if seen.ends and number == seen.ends[-1] + 1:
            seen.ends[-1] = number
        elif number in seen:
            self.duplicates += 1
            return False
        else:
            seen.add(number, number)
        self._rows[space] += 1
        return True

    def account(self) -> Account:
        """The counts so far."""
        counts = [recording.counts for recording in self.recordings]
        skipped: Counter[str] = sum((count.skipped for count in counts), Counter())
        troubles = [recording.trouble for recording in self.recordings if recording.trouble]
        return Account(
            files=len(self.recordings),
            read=sum(count.lines for count in counts) + self._beside,
            trades=self._rows.total(),
            duplicates=self.duplicates,
            unreadable=sum(count.unreadable for count in counts),
            skipped=dict(skipped.most_common()),
            markets=dict(sorted(self._rows.items())),
            notices=[*self._survey.notices, *self._examples()],
            errors=[*self._survey.failures, *troubles],
        )

    def _examples(self) -> Iterator[str]:
        for recording in self.recordings:
            for example in recording.counts.examples:
                yield f"{recording.name}: {example[:300]}"
