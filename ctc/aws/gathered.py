"""Questions by key that are gathered: what is asked while a call is out goes into the next one together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from itertools import islice
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Gathered(Generic[Value]):
    """One call at a time, for at most `most` keys; safe to share between threads.

    So many askers at once cost a store that serves one call at a time little more than one of them, and an answer is never older
    than its question.
    """

    def __init__(self, most: int, ask: Callable[[list[str]], Mapping[str, Value]]) -> None:
        self._most, self._ask = most, ask
        self._changed = threading.Condition()
        self._wanted: dict[str, Future[Value | None]] = {}
        self._asking = False

    def get(self, key: str) -> Value | None:
        """What `ask` gives for the key, None where it gives nothing. What it raises, all who were in that call get."""
        with self._changed:
            wish = self._wanted.setdefault(key, Future())
            self._changed.wait_for(lambda: wish.done() or not self._asking)
            if wish.done():
                return wish.result()
            self._asking = True
            sent = dict(islice(self._wanted.items(), self._most))
            for each in sent:
                del self._wanted[each]
        try:
            self._answer(sent)
        finally:
            with self._changed:
                self._asking = False
                self._changed.notify_all()
        return wish.result() if wish.done() else self.get(key)

    def _answer(self, sent: Mapping[str, Future[Value | None]]) -> None:
        try:
            found = self._ask(list(sent))
        except BaseException as error:
            for wish in sent.values():
                wish.set_exception(error)
            if not isinstance(error, Exception):
                raise
        else:
            for key, wish in sent.items():
                wish.set_result(found.get(key))
