"""What must not stop a query: writes whose target may be away are kept, in order, and tried again with the next one."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from ctc.errors import CtcError

log = logging.getLogger("ctc.spark")
MAX_WAITING = 1_000  # batches; more than four hours of them
Item = TypeVar("Item")


class Backlog(Generic[Item]):
    """Sends items in order through `send`; one that fails waits, and those behind it. Past the bound the oldest is dropped."""

    def __init__(self, what: str, send: Callable[[Item], None], bound: int = MAX_WAITING) -> None:
        self._what, self._send = what, send
        self._waiting: deque[Item] = deque(maxlen=bound)
        self.dropped = 0
        self.trouble: str | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def offer(self, item: Item) -> None:
        """Send what waits and then this; raises nothing of ours, it says in the log and in `trouble` what failed."""
        self.add(item)
        self.drain()

    def add(self, item: Item) -> None:
        """Let an item wait for the next `drain`, which another thread may call."""
        if len(self._waiting) == self._waiting.maxlen:
            self.dropped += 1
        self._waiting.append(item)

    def drain(self) -> None:
        """Send what waits, up to the first that fails."""
        try:
            while self._waiting:
                item = self._waiting[0]
                self._send(item)
                if self._waiting and self._waiting[0] is item:  # else it was dropped meanwhile
                    self._waiting.popleft()
            self.trouble = None
        except CtcError as error:
            if self.trouble is None:
                log.warning("%s failed and is tried again with the next batch: %s", self._what, error)
            self.trouble = str(error)
