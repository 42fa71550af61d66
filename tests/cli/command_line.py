"""Calls `ctc` in this process, as the shell would."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from ctc.cli.main import main


class Answer(NamedTuple):
    code: int | str | None
    out: str
    err: str

    def sentence(self) -> str:
        """The one line that a failed call says."""
        assert self.out == ""
        assert "Traceback" not in self.err
        lines = self.err.strip().splitlines()
        assert len(lines) == 1, self.err
        return lines[0]


Call = Callable[..., Answer]


def caller(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """A function that runs `ctc WORDS...`."""

    def call(*words: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["ctc", *map(str, words)])
        code: int | str | None = 0
        try:
            main()
        except SystemExit as end:
            code = end.code
        return Answer(code, *capsys.readouterr())

    return call
