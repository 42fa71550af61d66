"""A session on the terminal goes on until Ctrl-C, whenever that comes."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from ctc import status
from ctc.cli import live
from ctc.session import Program
from ctc.settings import load_profile


class Running:
    """A session without processes, and its screen."""

    settings = load_profile("sim")

    def __init__(self, state: Path) -> None:
        self.state = state
        self.looks = 0

    def keep_up(self) -> None:
        self.looks += 1
        assert self.looks < 20, "Ctrl-C was not heard"

    def start(self, programs: list[Program]) -> None: ...

    def say(self, stage: str) -> None: ...

    def update(self, alerts: Any) -> None:
        """The first batch is through, and somebody presses Ctrl-C before anybody has looked."""
        if self.looks == 2:
            status.publish(self.state, "detect", {"batch": 0})
            os.kill(os.getpid(), signal.SIGINT)


def test_ctrl_c_is_heard_while_the_inspector_joins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live.Newest, "ask", lambda *_, **__: [])
    watch = live.watch
    monkeypatch.setattr(live, "watch", lambda *given, **named: watch(*given, every_s=0.01, **named))
    running = Running(tmp_path)
    live.go_on(running, running)  # type: ignore[arg-type]
    assert running.looks in (2, 3)
