"""Times of the folds: microseconds from datetimes, and which windows the symbol's clock has closed (docs/FOLDS.md, The clock)."""

from __future__ import annotations

from datetime import datetime, timedelta

from ctc.model import from_us, to_us

SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
NEVER = -(1 << 62)  # what no time is before: the clock is none


def closed_before(clock: int | None, width_us: int, lateness_us: int) -> int:
    """The end of the newest closed window of this width: times before it are late. None are while the clock is none."""
    return NEVER if clock is None else (clock - lateness_us) // width_us * width_us


class Microseconds:
    """`ctc.model.to_us` at half its cost for times that follow each other: the minute is kept, seconds are added."""

    def __init__(self) -> None:
        self._keep(from_us(0))

    def __call__(self, moment: datetime) -> int:
        if not self._start <= moment < self._end:
            self._keep(moment)
        return self._start_us + moment.second * SECOND_US + moment.microsecond

    def _keep(self, moment: datetime) -> None:
        self._start_us = to_us(moment) // MINUTE_US * MINUTE_US
        self._start = from_us(self._start_us)
        self._end = self._start + timedelta(minutes=1)
