"""Where a producer goes on after it ended, however it ended: the newest second whose heartbeats are all kept.

Everything before the heartbeats of that second is in the stream or in the spool. They name the newest ids sent before
them, so what came after is read again from the exchanges' history and sent again; deduplication drops what was there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from ctc.errors import SessionError
from ctc.model import Heartbeat, to_us
from ctc.settings import Settings

OpenGap = tuple[str, str, int, int]  # exchange, native symbol, first and last id


class ResumePoint(msgspec.Struct, frozen=True, kw_only=True):
    """The heartbeats of one second, one a symbol, and the ranges that were still to be filled."""

    beats: tuple[Heartbeat, ...]
    open: tuple[OpenGap, ...] = ()

    @property
    def time_us(self) -> int:
        return to_us(self.beats[0].heartbeat)

    def following(self, exchange: str) -> dict[str, int]:
        """By native symbol of an exchange, the id that is due next; markets that had no trade yet are left out."""
        return {
            mark.native_symbol: mark.last_id + 1
            for beat in self.beats
            for mark in beat.venues
            if mark.exchange == exchange and mark.last_id is not None
        }

    def left(self, exchange: str) -> list[tuple[str, int, int]]:
        """An exchange's ranges that were still to be filled: native symbol, first and last id."""
        return [(native, first, last) for name, native, first, last in self.open if name == exchange]


class ResumeFile:
    """`STATE/NAME.resume.json`, moved on as heartbeats are kept."""

    def __init__(self, state: Path, name: str) -> None:
        self.path = state / f"{name}.resume.json"
        self._recent: deque[tuple[int, list[Heartbeat], tuple[OpenGap, ...]]] = deque()

    def load(self, settings: Settings) -> ResumePoint | None:
        """Where an earlier process of this session stood; None for a fresh start. Raises SessionError when it can't be read."""
        try:
            point = msgspec.json.decode(self.path.read_bytes(), type=ResumePoint)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as error:
            raise SessionError(f"{self.path} can't be read ({error}): remove it; what was missed meanwhile is then a gap") from error
        return point if {beat.symbol for beat in point.beats} == set(settings.session.symbols) else None

    def said(self, beat: Heartbeat, left: Iterable[OpenGap] = ()) -> None:
        """Note a heartbeat that is on its way, and the ranges that the log lacks there."""
        us = to_us(beat.heartbeat)
        if not self._recent or self._recent[-1][0] != us:
            self._recent.append((us, [], tuple(left)))
        self._recent[-1][1].append(beat)

    def move_on(self, kept: Mapping[str, int], symbols: Iterable[str]) -> None:
        """Save the newest second up to which every symbol's heartbeats are kept, if that is news."""
        upto = min((kept.get(symbol, -1) for symbol in symbols), default=-1)
        found: tuple[int, list[Heartbeat], tuple[OpenGap, ...]] | None = None
        while self._recent and self._recent[0][0] <= upto:
            found = self._recent.popleft()
        if found is None:
            return
        scratch = self.path.with_suffix(".scratch")
        scratch.write_bytes(msgspec.json.encode(ResumePoint(beats=tuple(found[1]), open=found[2])))
        scratch.replace(self.path)
