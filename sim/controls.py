"""A replay's keys: space pauses it and lets it go on, the arrow to the right takes it ten minutes ahead."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from ctc.cli.keys import RIGHT, Keys
from ctc.model import from_us
from ctc.producer.pace import Told, tell

AHEAD_US = 600_000_000
HINT = "space pauses · → ten minutes ahead · Ctrl-C stops"


class Controls:
    """Call it now and then: what was pressed since is told to the session's producers."""

    def __init__(self, keys: Keys, state: Path, clock_us: Callable[[], int], say: Callable[[str], None]) -> None:
        """`clock_us` is how far the replay has come."""
        self._keys, self._state, self._clock_us, self._say = keys, state, clock_us, say
        self._told = Told()
        tell(state, self._told)  # what an earlier session was told is over

    def __call__(self) -> None:
        pressed = self._keys.pressed()
        if pressed.count(" ") % 2:
            self._change(paused=not self._told.paused)
            self._say("paused: space goes on" if self._told.paused else "running")
        if steps := pressed.count(RIGHT):
            self._change(ahead_to_us=max(self._clock_us(), self._told.ahead_to_us) + steps * AHEAD_US)
            self._say(f"ahead to {from_us(self._told.ahead_to_us):%Y-%m-%d %H:%M:%S} as fast as it goes")

    def _change(self, **values: object) -> None:
        self._told = msgspec.structs.replace(self._told, **values)
        tell(self._state, self._told)
