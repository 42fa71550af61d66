"""`ctc score` as a person runs it: tables of 100 columns or JSON on stdout, a picture, a report."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
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


def test_score_ends_quietly_on_ctrl_c_and_leaves_no_process() -> None:
    command = [sys.executable, "-c", "from ctc.cli.main import main; main()", "score", "--minutes", "10000", "--jobs", "2"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True) as running:
        deadline = time.monotonic() + 60
        while len(group(running.pid)) < 4:  # the command, the pool's tracker and two workers
            assert running.poll() is None
            assert time.monotonic() < deadline
            with contextlib.suppress(subprocess.TimeoutExpired):
                running.wait(0.05)
        os.killpg(running.pid, signal.SIGINT)
        said, _ = running.communicate(timeout=60)
    assert (running.returncode, said) == (130, "")
    deadline, pause = time.monotonic() + 60, threading.Event()
    while left := group(running.pid):  # the tracker sees that its parent is gone, and goes
        assert time.monotonic() < deadline, left
        pause.wait(0.05)


def group(leader: int) -> list[int]:
    """The processes of a group that still run."""
    listed = subprocess.run(["ps", "-A", "-o", "pid=,pgid=,stat="], capture_output=True, text=True, check=True).stdout
    rows = (line.split() for line in listed.splitlines())
    return [int(pid) for pid, pgid, state in rows if int(pgid) == leader and not state.startswith("Z")]
