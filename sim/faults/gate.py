"""How far the market may go: the relay holds frames back that are newer, so that faults strike at market times.

The market is never held still: two seconds of machine time after another a frame passes, or the producer would take a
waiting connection for a silent one (`producer.patience_s`).
"""

from __future__ import annotations

import threading
import time

FAST = 30.0
TRICKLE = 0.5


class Gate:
    """Market time that may pass now: `FAST` times the machine's up to `limit_us`, `TRICKLE` times beyond it."""

    def __init__(self, start_us: int) -> None:
        self._lock = threading.Lock()
        self._at = float(start_us)
        self._limit = float(start_us)
        self._then = time.monotonic()
        self.fast = FAST
        self.passed_us = start_us  # the newest frame that has passed
        self._open = False

    def open(self) -> None:
        """Hold nothing back any more: the market goes at its own pace."""
        self._open = True

    @property
    def now_us(self) -> int:
        """How far the market may go now."""
        if self._open:
            return 1 << 62
        with self._lock:
            self._advance()
            return int(self._at)

    def run_to(self, limit_us: float) -> None:
        """Let the market go fast up to that time; slowly beyond it."""
        with self._lock:
            self._advance()
            self._limit = limit_us

    def _advance(self) -> None:
        now = time.monotonic()
        left, self._then = now - self._then, now
        if self._at < self._limit:
            fast = min(left, (self._limit - self._at) / (self.fast * 1e6))
            self._at += fast * self.fast * 1e6
            left -= fast
        self._at += left * TRICKLE * 1e6
