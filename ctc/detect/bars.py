"""The volume bars that a fold remembers: those still open, and an hour of closed ones per exchange."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctc.detect.baseline import Baseline, baseline
from ctc.detect.rules import Fired
from ctc.model import EXACT
from ctc.settings import VolumeSettings

HOUR_BARS = 60


class OpenBar(msgspec.Struct, gc=False, array_like=True):
    """A minute with a trade that is not closed. `floor`: no alert at or below this quote volume; None = none at all (now)."""

    volume: Decimal
    quote_volume: Decimal
    trades: int
    newest_us: int
    floor: Decimal | None = None
    z: Fired | None = None
    robust: Fired | None = None


class ClosedBar(msgspec.Struct, gc=False, array_like=True):
    """What later baselines need of a bar."""

    quote_volume: Decimal
    complete: bool


class Venue(msgspec.Struct, array_like=True):
    """One exchange's minutes, by number."""

    open: dict[int, OpenBar]
    marks: dict[int, dict[str, bool]]  # up or down by producer, of minutes that are not closed
    closed: dict[int, ClosedBar]
    first_up: dict[str, int] = {}  # by producer
    newest_beat: dict[str, int] = {}  # by producer
    baseline: Baseline | None = None  # of the one minute that is frozen and not closed, once it was needed
    robust_minute: int | None = None  # of the last robust alert

    def baseline_of(self, minute: int, settings: VolumeSettings) -> Baseline:
        """The baseline of a minute whose predecessor is closed; kept until another minute's is asked for."""
        if self.baseline is None or self.baseline.minute != minute:
            before = (self.closed.get(number) for number in range(minute - settings.baseline_bars, minute))
            volumes = [bar.quote_volume for bar in before if bar is not None and bar.complete]
            self.baseline = baseline(minute, volumes, settings.min_bars)
        return self.baseline

    def mark(self, minute: int, producer: str, connected: bool) -> None:
        """Note what a producer says of a minute: once down, down for good."""
        said = self.marks.setdefault(minute, {})
        said[producer] = connected and said.get(producer, True)

    def vouched(self, marks: dict[str, bool], start_us: int, end_us: int) -> bool:
        """True if one producer was connected through the whole minute, and lived to say so at its end."""
        return any(up and self.first_up[name] <= start_us and self.newest_beat[name] >= end_us for name, up in marks.items())

    def cools_down(self, minute: int, settings: VolumeSettings) -> bool:
        """True while a robust alert of an earlier bar holds this one's back."""
        if self.robust_minute is None or minute <= self.robust_minute:
            return False
        return (minute - self.robust_minute) * settings.window_s <= settings.robust_cooldown_s

    def quote_volume(self, newest: int) -> Decimal:
        """Of minute `newest` and the 59 before it."""
        total = Decimal(0)
        for minute in range(newest - HOUR_BARS + 1, newest + 1):
            bar = self.open.get(minute) or self.closed.get(minute)
            total = total if bar is None else EXACT.add(total, bar.quote_volume)
        return total

    def forget(self, oldest: int, frozen: int) -> None:
        """Drop closed bars before minute `oldest`, and a baseline that has served."""
        for minute in [minute for minute in self.closed if minute < oldest]:
            del self.closed[minute]
        if self.baseline is not None and self.baseline.minute < frozen:
            self.baseline = None


class VolumeState(msgspec.Struct, array_like=True):
    """What volume remembers: an hour of bars per exchange."""

    venues: dict[str, Venue]
