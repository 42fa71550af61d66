"""What a long job does now, on stderr: a line a step with the seconds it took, and on a terminal a sign of life meanwhile."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text


class Steps:
    """Call it at each step; use it within `steps`."""

    def __init__(self, name: str, screen: Console) -> None:
        self._name, self._screen = name, screen
        self._status: Status | None = None
        self._step, self._began = "", time.monotonic()

    def __call__(self, step: str) -> None:
        self._done()
        self._step, self._began = step, time.monotonic()
        if self._screen.is_terminal:
            self._status = self._screen.status(Text(f"{self._name}: {step}"))
            self._status.start()
        else:
            self._screen.print(Text(f"{self._name}: {step}"), soft_wrap=True)

    def _done(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None
            self._screen.print(Text(f"{self._name}: {self._step} ({time.monotonic() - self._began:.1f} s)"), soft_wrap=True)

    def close(self) -> None:
        """The last step is done."""
        self._done()


@contextmanager
def steps(name: str) -> Iterator[Steps]:
    """Steps of one job."""
    found = Steps(name, Console(stderr=True))
    try:
        yield found
    finally:
        found.close()
