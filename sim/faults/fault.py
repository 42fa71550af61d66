"""What a fault is: a name, the part it disturbs, and a script that strikes a running session and waits until it has recovered."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator
from typing import ClassVar, Literal

from ctc.settings import Settings
from sim.faults.facts import KEYS, Facts
from sim.faults.ground import Ground

Condition = Callable[[], bool]
Script = Generator[Condition, None, None]
# Faults of one group share a session, one after the other; `alone` has a session to itself.
Group = Literal["stores", "sockets", "kills", "outages", "alone"]


class Fault(ABC):
    """One kind of fault. One module in `sim.faults.kinds` each; an object serves one session."""

    name: ClassVar[str]
    part: ClassVar[str]
    what: ClassVar[str]  # one line for the matrix
    group: ClassVar[Group]
    times: ClassVar[int] = 1  # strikes in a session
    compared: ClassVar[tuple[str, ...]] = tuple(KEYS)  # stores that must equal the undisturbed run's
    behind_stream: ClassVar[bool] = False  # disturbs what reads the stream: needs a whole session, with Spark
    soaks: ClassVar[bool] = True  # whether it strikes in `make soak` too
    market_minutes: ClassVar[float] = 2.0  # that may go by fast while it disturbs
    producers: ClassVar[int] = 1  # that the session runs
    within_s: ClassVar[float] = 180.0  # after which it has not recovered

    def shaped(self, settings: Settings) -> Settings:
        """Settings that the session needs for this fault, beyond those of all sessions."""
        return settings

    @abstractmethod
    def strike(self, ground: Ground, rng: random.Random) -> Script:
        """Disturb the session now: yields conditions to wait for; ends when the disturbance is over.

        Raises AssertionError where the fault did not do what it is for.
        """

    def expected(self, undisturbed: Facts, found: Facts) -> Facts:
        """What the session must hold, where that is not just what the undisturbed one held; `found` is what it holds."""
        return undisturbed

    def verify(self, ground: Ground, facts: Facts) -> list[str]:
        """What else is wrong at the end, in sentences."""
        return []

    def close(self) -> None:  # noqa: B027 - most have nothing to give back
        """Give back what `shaped` took from the machine; called when the session has ended."""
