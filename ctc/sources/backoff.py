"""Delays between tries that grow, are capped, and are never the same for two clients."""

from __future__ import annotations

import random


class Backoff:
    """Capped exponential delays with equal jitter: each is between half of its step and all of it.

    Half is kept fixed so that a try never follows at once; the other half is drawn from `rng`, so that clients which
    lost the same server don't come back in step.
    """

    def __init__(self, first_s: float, cap_s: float, rng: random.Random) -> None:
        self._first_s = first_s
        self._cap_s = cap_s
        self._rng = rng
        self.tries = 0

    def next_s(self, at_least_s: float = 0.0) -> float:
        """Seconds to wait before the next try, at least what the other side asked for."""
        step = min(self._cap_s, self._first_s * 2.0 ** min(self.tries, 32))
        self.tries += 1
        return max(at_least_s, step / 2 + self._rng.random() * step / 2)

    def reset(self) -> None:
        """Start again from the first step: the last try worked."""
        self.tries = 0
