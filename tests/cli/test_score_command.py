"""`ctc score` as a person runs it: tables of 100 columns or JSON on stdout, a picture, a report."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest
from command_line import Call, caller

from sim.day.card import DayReport


def test_score_writes_the_report_the_plot_and_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    call: Call = caller(capsys, monkeypatch)
    report, words = tmp_path / "r.json", ("score", "--minutes", 30, "--rate", 0.3, "--symbols", "BTC-USDT", "--jobs", 1)
    answer = call(*words, "--format", "json", "--report", report, "--plot", tmp_path / "z.svg")
    assert (answer.code, answer.err) == (0, "")
    said = msgspec.json.decode(answer.out, type=DayReport)
    assert said == msgspec.json.decode(report.read_bytes(), type=DayReport)
    assert (said.ok, said.simulated, said.seeds, said.minutes) == (True, True, [1], 30)
    svg = (tmp_path / "z.svg").read_text()
    assert svg.startswith("<svg")
    assert "robust score" in svg
    answer = call(*words, "--plot", tmp_path / "z.png")
    assert answer.code == 0
    assert (tmp_path / "z.png").read_bytes().startswith(b"\x89PNG")
    assert max(map(len, answer.out.splitlines())) <= 100
    assert "What the PRD asks for" in answer.out
    assert all(bar.holds for bar in said.bars)
