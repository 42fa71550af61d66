"""What is usual for a volume bar, and how far one is from it: z-score and robust score (docs/FOLDS.md, Volume)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Context, Decimal
from functools import lru_cache

import msgspec

from ctc.detect.rules import round8
from ctc.model import EXACT

LOGS = Context(prec=40)
_ONE, _TWO = Decimal(1), Decimal(2)
_SIGMA = Decimal("1.4826")  # MAD to standard deviation, for normal data
_JUST_BELOW = Decimal("0.999999")


class Baseline(msgspec.Struct, frozen=True, array_like=True):
    """The frozen baseline of bar `minute`, unrounded; all but `bars` are None where there are too few bars."""

    minute: int
    bars: int
    mean: Decimal | None = None
    std: Decimal | None = None
    median: Decimal | None = None
    mad: Decimal | None = None

    def z_score(self, quote_volume: Decimal) -> Decimal | None:
        """Standard deviations above the mean, to 8 places; None where all bars are equal."""
        if self.mean is None or not self.std:
            return None
        return round8(EXACT.divide(EXACT.subtract(quote_volume, self.mean), self.std))

    def robust_score(self, quote_volume: Decimal) -> Decimal | None:
        """The same by median and MAD of ln(1 + volume); None where MAD is 0."""
        if self.median is None or not self.mad:
            return None
        distance = LOGS.subtract(log_volume(quote_volume), self.median)
        return round8(LOGS.divide(distance, LOGS.multiply(_SIGMA, self.mad)))

    def z_floor(self, threshold: Decimal) -> Decimal | None:
        """A quote volume at or below which no z-score is above the threshold; a millionth under the exact one."""
        if self.mean is None or not self.std:
            return None
        return EXACT.multiply(EXACT.add(self.mean, EXACT.multiply(threshold, self.std)), _JUST_BELOW)

    def robust_floor(self, threshold: Decimal) -> Decimal | None:
        """The same of the robust score."""
        if self.median is None or not self.mad:
            return None
        reach = LOGS.multiply(threshold, LOGS.multiply(_SIGMA, self.mad))
        return LOGS.multiply(LOGS.subtract(LOGS.exp(LOGS.add(self.median, reach)), _ONE), _JUST_BELOW)


def baseline(minute: int, volumes: Sequence[Decimal], min_bars: int) -> Baseline:
    """The baseline of bar `minute` over the quote volumes of the bars before it."""
    n = len(volumes)
    if n < max(min_bars, 2):
        return Baseline(minute, n)
    mean = EXACT.divide(_sum(volumes), n)
    squares = [EXACT.multiply(off, off) for off in (EXACT.subtract(volume, mean) for volume in volumes)]
    std = Decimal(0) if len(set(volumes)) == 1 else EXACT.sqrt(EXACT.divide(_sum(squares), n - 1))
    logs = [log_volume(volume) for volume in volumes]
    median = _median(logs)
    mad = _median([LOGS.subtract(log, median).copy_abs() for log in logs])
    return Baseline(minute, n, mean, std, median, mad)


@lru_cache(maxsize=16_384)  # 28 us each, asked again every minute for an hour
def log_volume(quote_volume: Decimal) -> Decimal:
    """ln(1 + volume) in 40 digits."""
    return LOGS.ln(EXACT.add(_ONE, quote_volume))


def _sum(numbers: Sequence[Decimal]) -> Decimal:
    total = Decimal(0)
    for number in numbers:
        total = EXACT.add(total, number)
    return total


def _median(numbers: Sequence[Decimal]) -> Decimal:
    ordered = sorted(numbers)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return LOGS.divide(LOGS.add(ordered[middle - 1], ordered[middle]), _TWO)
