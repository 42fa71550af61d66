"""The producer's time: the machine's, or read off the frames (a simulated market runs at any speed)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol

from ctc.model import from_us, to_us
from ctc.settings import ProducerSettings


class ProducerClock(Protocol):
    """Seconds for heartbeats and stamps for trades."""

    def now_us(self) -> int: ...

    def now(self) -> datetime: ...

    def received(self) -> datetime | None:
        """The stamp of a trade whose frame has just been read; None leaves it its event time."""
        ...

    def reached(self, time_us: int) -> None:
        """Everything before this time has been taken."""
        ...


class WallClock:
    """The machine's clock."""

    def now_us(self) -> int:
        return to_us(self.now())

    def now(self) -> datetime:
        return datetime.now(UTC)

    def received(self) -> datetime | None:
        return self.now()

    def reached(self, time_us: int) -> None:
        """The wall clock goes by itself."""


class FrameClock:
    """The newest merged frame's time: the same frames give the same stamps, however fast they came."""

    def __init__(self) -> None:
        self._us = 0

    def now_us(self) -> int:
        return self._us

    def now(self) -> datetime:
        return from_us(self._us)

    def received(self) -> datetime | None:
        return None

    def reached(self, time_us: int) -> None:
        self._us = max(self._us, time_us)


def clock_of(settings: ProducerSettings) -> ProducerClock:
    """The clock that the profile names (`producer.clock`)."""
    clocks: dict[str, type[WallClock | FrameClock]] = {"wall": WallClock, "frames": FrameClock}
    return clocks[settings.clock]()
