"""The command line's help is a contract: it is compared with what is kept here. CTC_UPDATE_SNAPSHOTS=1 renews it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ctc.cli.main import command_line
from ctc.settings import ROOT, machine

KEPT = Path(__file__).parent / "help"
COMMANDS = (
    "score",
    "sim",
    "live",
    "alerts",
    "tail",
    "query",
    "gaps",
    "wallets",
    "status",
    "record",
    "fetch",
    "normalize",
    "cost",
    "deploy",
    "start",
    "stop",
    "ready",
    "completion",
    "dlq",
    "jobs",
)
JOBS = ("reprocess", "maintain", "evolve", "history", "wallets", "daily", "quality-checks", "update-catalog", "publish-metrics")
PARTS = (  # commands of a command
    "dlq ls", "dlq show", "dlq replay", "jobs ls", "jobs run", *(f"jobs run {name}" for name in JOBS),
)  # fmt: skip
GROUPS = ("dlq", "jobs", "jobs run")
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # GitHub's runners have Typer colour everything


def shown(*words: str, columns: int = 100) -> str:
    result = CliRunner().invoke(command_line(), [*" ".join(words).split(), "--help"], prog_name="ctc", env={"COLUMNS": str(columns)})
    assert result.exit_code == 0, result.output
    return "\n".join(line.rstrip() for line in _COLOUR.sub("", result.output).strip().splitlines()) + "\n"


@pytest.mark.parametrize("name", ["ctc", *COMMANDS, *PARTS])
def test_help_is_as_kept(name: str) -> None:
    text = shown() if name == "ctc" else shown(name)
    path = KEPT / f"{name.replace(' ', '-')}.txt"
    if machine("CTC_UPDATE_SNAPSHOTS"):
        path.write_text(text)
    assert text == path.read_text(), "the help has changed: if that is meant, run with CTC_UPDATE_SNAPSHOTS=1 and look at the difference"


def test_every_command_has_its_help_kept() -> None:
    assert {path.stem for path in KEPT.glob("*.txt")} == {"ctc", *COMMANDS, *(name.replace(" ", "-") for name in PARTS)}
    listed = re.findall(r"^│ (\w+) ", shown().split("Commands")[1], re.MULTILINE)
    assert tuple(listed) == COMMANDS


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("name", [name for name in (*COMMANDS, *PARTS) if name not in GROUPS])
def test_examples_keep_their_lines(name: str, columns: int) -> None:
    lines = shown(name, columns=columns).splitlines()
    assert max(map(len, lines)) <= columns
    examples = [line.strip() for line in lines if re.match(r" (ctc|CTC_\w+=\S+ ctc) ", line + " ")]
    assert len(examples) >= 2
    assert all(f"ctc {name}" in line for line in examples)
    for line in re.findall(rf"^    ((?:CTC_\w+=\S+ )?ctc {name}\b.*)$", source(name), re.MULTILINE):
        assert line in examples, f"{line!r} was broken"


def source(name: str) -> str:
    folder = ROOT / (
        "sim/cli.py" if name in ("score", "sim") else f"ctc/cli/{'main' if name in ('query', 'status') else name.split()[0]}.py"
    )
    return folder.read_text()


def test_help_names_no_folder_of_this_machine() -> None:
    assert all(str(ROOT) not in shown(name) for name in (*COMMANDS, *PARTS))
