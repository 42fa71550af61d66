"""Shells complete commands, options and values: each shell's own protocol, and the shells themselves where they are."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import Call, caller

from ctc.settings import load_profile, save_state

CASES = [
    ("ctc al", {"alerts"}),
    ("ctc dlq re", {"replay"}),
    ("ctc alerts --fol", {"--follow"}),
    ("ctc alerts --type w", {"whale"}),
    ("ctc alerts --format ", {"table", "json", "csv"}),
    ("ctc live --profile l", {"live", "localstack"}),
    ("ctc dlq ls --reason price", {"price_missing", "price_not_positive", "price_does_not_fit"}),
    ("ctc tail --state {state} --symbol B", {"BTC-USDT"}),
    ("ctc tail --state {state} --exchange ", {"binance", "coinbase"}),
    ("ctc tail --state /nowhere --symbol B", set[str]()),
    ("ctc completion ", {"bash", "zsh", "fish"}),
]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    save_state(load_profile("sim"), tmp_path / "session")
    return tmp_path / "session"


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


@pytest.mark.parametrize(("line", "wanted"), CASES)
@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_by_each_shells_protocol(
    ctc: Call, monkeypatch: pytest.MonkeyPatch, state: Path, shell: str, line: str, wanted: set[str]
) -> None:
    line = line.format(state=state)
    asked = {"_CTC_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": line, "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    for name, value in {**asked, "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}.items():
        monkeypatch.setenv(name, value)
    told = ctc()
    assert told.err == ""
    if shell == "zsh":
        answer = re.findall(r'(?:^|\(\()"([^"]+)"', told.out, re.MULTILINE)
    else:
        answer = [each.split("\t")[0] for each in told.out.split("\n") if each]
    assert set(answer) == wanted


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_script_is_good_syntax_for_its_shell(ctc: Call, tmp_path: Path, shell: str) -> None:
    answer = ctc("completion", shell)
    assert (answer.code, answer.err) == (0, "")
    assert "_CTC_COMPLETE=complete_" + shell in answer.out
    program = shutil.which(shell)
    if program is not None:
        (tmp_path / "script").write_text(answer.out)
        assert subprocess.run([program, "-n", str(tmp_path / "script")], capture_output=True, text=True).stderr == ""


def test_bash_completes_with_the_script(ctc: Call, state: Path, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "ctc"
    program.parent.mkdir()
    program.write_text(f"#!{sys.executable}\nfrom ctc.cli.main import main\nmain()\n")
    program.chmod(0o755)
    (tmp_path / "script").write_text(ctc("completion", "bash").out)
    asked = (
        f"source {tmp_path}/script; complete -p ctc; COMP_WORDS=(ctc tail --state {state} --symbol E); COMP_CWORD=5;"
        ' _ctc_completion ctc; printf "%s\\n" "${COMPREPLY[@]}"'
    )
    path = f"{program.parent}:{os.environ['PATH']}"
    done = subprocess.run(["bash", "--norc", "-c", asked], env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert (done.stdout.splitlines(), done.stderr) == (["complete -o default -F _ctc_completion ctc", "ETH-USDT"], "")


def test_unknown_shell_is_a_usage_error(ctc: Call) -> None:
    assert ctc("completion", "tcsh").code == 2
