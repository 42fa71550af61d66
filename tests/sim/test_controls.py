"""The keys of a replay, typed at a terminal of their own."""

from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from ctc.cli.keys import RIGHT, Keys, keys
from ctc.producer.pace import Told, tell, told_in
from sim.controls import AHEAD_US, Controls

NOW_US = 1_768_478_400_000_000


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Who types, and what is typed at."""
    typist, typed = pty.openpty()
    yield typist, typed
    os.close(typist)
    os.close(typed)


def test_keys_come_one_by_one_without_enter_and_the_terminal_is_given_back(terminal: tuple[int, int]) -> None:
    typist, typed = terminal
    before = termios.tcgetattr(typed)
    with keys(typed) as pressed:
        assert pressed.pressed() == []
        os.write(typist, b" x" + RIGHT.encode())
        assert sorted(pressed.pressed()) == sorted([RIGHT, " ", "x"])
        assert pressed.pressed() == []
        assert termios.tcgetattr(typed)[3] & termios.ISIG  # Ctrl-C stays Ctrl-C
    assert termios.tcgetattr(typed) == before


def test_no_terminal_has_no_keys() -> None:
    assert Keys(None).pressed() == []


def test_space_pauses_and_goes_on_and_the_arrow_adds_ten_minutes(terminal: tuple[int, int], tmp_path: Path) -> None:
    typist, typed = terminal
    said: list[str] = []
    tell(tmp_path, Told(paused=True))  # of an earlier session
    with keys(typed) as pressed:
        controls = Controls(pressed, tmp_path, lambda: NOW_US, said.append)
        assert told_in(tmp_path) == Told()
        for typing, wanted in (
            (b"", Told()),
            (b" ", Told(paused=True)),
            (RIGHT.encode() * 2, Told(paused=True, ahead_to_us=NOW_US + 2 * AHEAD_US)),
            (RIGHT.encode(), Told(paused=True, ahead_to_us=NOW_US + 3 * AHEAD_US)),
            (b"  ", Told(paused=True, ahead_to_us=NOW_US + 3 * AHEAD_US)),
            (b" q", Told(ahead_to_us=NOW_US + 3 * AHEAD_US)),
        ):
            os.write(typist, typing)
            controls()
            assert told_in(tmp_path) == wanted
    assert said[0] == "paused: space goes on"
    assert said[1] == "ahead to 2026-01-15 12:20:00 as fast as it goes"
    assert said[-1] == "running"
