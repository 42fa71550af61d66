"""docs/CLI.md shows the calls that its script makes, and they still answer so."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from ctc.settings import ROOT

sys.path.insert(0, str(ROOT))
from scripts.cli_page.page import COLUMNS, SECTIONS, capture

PAGE = ROOT / "docs" / "CLI.md"
_BLOCK = re.compile(r"^```console\n\$ (.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Raw lines, words on stderr, tables of 100 columns, a script.
WIDE = (
    *("ctc tail --from oldest --raw", "ctc wallets", "ctc record --out monday --minutes"),
    *("ctc fetch", "ctc score", "ctc cost", "ctc completion"),
)
CALLS = [call for _, _, calls in SECTIONS for call in calls]


def test_page_shows_every_call_of_its_script() -> None:
    assert [words for words, _ in _BLOCK.findall(PAGE.read_text())] == [call.words for call in CALLS]


def test_page_has_a_part_for_each_command_that_answers() -> None:
    from test_help import COMMANDS

    shown = {title.split()[1] for title, _, _ in SECTIONS}
    assert set(COMMANDS) - shown == {
        *("sim", "live", "normalize"),  # Spark, real exchanges; `normalize` is shown with `record`
        *("deploy", "start", "stop", "ready"),  # AWS: docs/CLOUD.md
    }


def test_tables_of_the_page_fit_its_columns() -> None:
    for words, answer in _BLOCK.findall(PAGE.read_text()):
        if "--format" not in words and not words.startswith(WIDE):
            assert max(map(len, answer.splitlines())) <= COLUMNS, words


@pytest.mark.emulator
@pytest.mark.timeout(1_500)
def test_commands_answer_as_the_page_says(tmp_path: Path) -> None:
    shown = dict(_BLOCK.findall(PAGE.read_text()))
    for _, _, answers in capture(tmp_path):
        for answer in answers:
            assert answer.code == answer.call.code, answer.text
            now, then = answer.text.splitlines()[0], shown[answer.call.words].splitlines()[0]
            assert alike(now) == alike(then), answer.call.words


def alike(line: str) -> str:
    """A line without its figures, and cut as the page cuts."""
    return re.sub(r"[\d\s.]+", " ", line[:100]).strip()
