"""Answers that are kept for a moment, so that many readers cost the store no more than one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Executor
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
PATIENCE = 2  # times its age: how old an answer may get while somebody asks for a newer one


class _Entry:
    __slots__ = ("asking", "at", "mark", "outdated_at", "value")

    def __init__(self) -> None:
        self.asking = threading.Lock()
        self.at: float | None = None
        self.outdated_at: float | None = None
        self.mark: Hashable = None
        self.value: Any = None


class Kept(Generic[Value]):
    """Remembers `size` answers; safe to share between threads.

    An answer younger than `keep_s` is given again. An older one is asked anew by one caller, or by `helpers` where there
    are any, while everybody else still gets the old one, up to `PATIENCE` times its age; only then do they wait. What a
    question raises is not kept.

    A `mark` says what the answer depends on: one that was asked for under another mark is old at once, and may be given for
    `bear_s` more while it is asked anew.
    """

    def __init__(self, size: int, tick: Callable[[], float] = time.monotonic, helpers: Executor | None = None) -> None:
        self._size, self._tick, self._helpers = size, tick, helpers
        self._lock = threading.Lock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def get(self, key: Hashable, keep_s: float, ask: Callable[[], Value], mark: Hashable = None, bear_s: float = 0) -> Value:
        """The answer under `key`, at most `PATIENCE` times `keep_s` old; 0 always asks."""
        if keep_s <= 0:
            return ask()
        entry = self._entry(key)
        if self._fresh(entry, keep_s, mark):
            return entry.value  # type: ignore[no-any-return]
        bearable = self._bearable(entry, keep_s, mark, bear_s)
        if not entry.asking.acquire(blocking=not bearable):
            return entry.value  # type: ignore[no-any-return]
        if bearable and self._helpers is not None:
            old: Value = entry.value
            self._helpers.submit(self._renew, entry, keep_s, ask, mark)
            return old
        return self._renew(entry, keep_s, ask, mark)

    def at_once(self, key: Hashable, keep_s: float, ask: Callable[[], Value]) -> Value | None:
        """What `get` would give, if it need not wait for that; None otherwise."""
        if keep_s <= 0:
            return None
        entry = self._entry(key)
        if self._fresh(entry, keep_s, None):
            return entry.value  # type: ignore[no-any-return]
        if self._helpers is None or not self._bearable(entry, keep_s, None, 0):
            return None
        old: Value = entry.value
        if entry.asking.acquire(blocking=False):
            self._helpers.submit(self._renew, entry, keep_s, ask, None)
        return old

    def _renew(self, entry: _Entry, keep_s: float, ask: Callable[[], Value], mark: Hashable) -> Value:
        """Ask, holding `entry.asking`, and let go of it. What a helper's question raises, the next caller's will again."""
        try:
            if not self._fresh(entry, keep_s, mark):
                entry.value, entry.mark, entry.at, entry.outdated_at = ask(), mark, self._tick(), None
            return entry.value  # type: ignore[no-any-return]
        finally:
            entry.asking.release()

    def _entry(self, key: Hashable) -> _Entry:
        with self._lock:
            entry = self._entries.setdefault(key, _Entry())
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)
            return entry

    def _fresh(self, entry: _Entry, keep_s: float, mark: Hashable) -> bool:
        at = entry.at
        return at is not None and entry.mark == mark and self._tick() - at < keep_s

    def _bearable(self, entry: _Entry, keep_s: float, mark: Hashable, bear_s: float) -> bool:
        at, now = entry.at, self._tick()
        if at is None or now - at >= PATIENCE * keep_s:
            return False
        if entry.mark == mark:
            return True
        since = entry.outdated_at = now if entry.outdated_at is None else entry.outdated_at
        return now - since < bear_s
