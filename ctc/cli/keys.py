"""Keys pressed on the terminal while a command runs, without waiting for them."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

RIGHT = "\x1b[C"


class Keys:
    """Use it within `keys`."""

    def __init__(self, handle: int | None) -> None:
        self._handle = handle

    def pressed(self) -> list[str]:
        """The keys since the last call: characters, and RIGHT for the arrow."""
        text = ""
        while self._handle is not None and select.select([self._handle], [], [], 0)[0]:
            read = os.read(self._handle, 64)
            if not read:
                self._handle = None
            text += read.decode(errors="replace")
        return [RIGHT] * text.count(RIGHT) + [each for each in text.replace(RIGHT, "") if each.isprintable()]


@contextmanager
def keys(handle: int | None = None) -> Iterator[Keys]:
    """The terminal's keys one by one; none where stdin is no terminal, or another command has it. Ctrl-C stays what it is."""
    handle = _terminal() if handle is None else handle
    if handle is None:
        yield Keys(None)
        return
    before = termios.tcgetattr(handle)
    tty.setcbreak(handle, termios.TCSANOW)
    try:
        yield Keys(handle)
    finally:
        termios.tcsetattr(handle, termios.TCSANOW, before)


def _terminal() -> int | None:
    if not sys.stdin or not sys.stdin.isatty():
        return None
    handle = sys.stdin.fileno()
    return handle if os.tcgetpgrp(handle) == os.getpgrp() else None
