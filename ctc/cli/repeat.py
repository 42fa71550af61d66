"""What goes on until Ctrl-C, or until the session that it watches has ended."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from ctc.errors import CtcError, DataLoss
from ctc.session import running
from ctc.settings import load_state


class Watched:
    """Whether a session runs on a folder: the one that did when this was made."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._emulator = bool(load_state(state).aws.emulator)
        self._ran = running(state)

    def on(self) -> bool:
        """False once nothing more can come: the session was stopped. What is not emulated here has no end."""
        return not self._emulator or (self._ran and running(self._state))


def repeat(step: Callable[[], None], watched: Watched, every_s: float, away: tuple[type[CtcError], ...]) -> None:
    """Do `step` again and again while the session runs, and a last time when it has stopped.

    An error of `away` while a session runs is said once, and waited out: an emulator that is restarted, a throttled table.
    """
    pause, trouble = threading.Event(), ""
    while True:
        on = watched.on()
        try:
            step()
            trouble = ""
        except DataLoss:
            raise
        except away as error:
            if on and not trouble:
                print(f"waiting: {error}", file=sys.stderr)
            trouble = str(error)
        if not on:
            print("no session runs, so this is all of it", file=sys.stderr)
            return
        pause.wait(every_s)
