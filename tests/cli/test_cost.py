"""`ctc cost` as it is called: table, JSON, pictures, wrong calls; docs/COST.md is what it answers (CTC_UPDATE_SNAPSHOTS=1 renews it)."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from command_line import Call, caller

from ctc.settings import ROOT, machine

PAGE = ROOT / "docs" / "COST.md"
_ANSWER = re.compile(r"(?<=^```text\n)\$ ctc cost\n.*?(?=^```$)", re.MULTILINE | re.DOTALL)


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    monkeypatch.setenv("COLUMNS", "100")
    return caller(capsys, monkeypatch)


def test_json_has_lines_sums_bounds_and_assumptions(ctc: Call) -> None:
    answer = ctc("cost", "--rate", 500, "--viewers", 2, "--format", "json")
    assert answer.code == 0
    found = json.loads(answer.out)
    assert found["estimate"]["scenario"]["rate"] == 500
    assert found["estimate"]["active_hour"] == pytest.approx(sum(line["dollars"] for line in found["estimate"]["hour"]))
    assert [bound["most"] for bound in found["estimate"]["bounds"]] == [0.82, 5.0, 1.0, 0.01]
    assert found["one_trade_a_record"]["million_more"] > found["estimate"]["million_more"]
    assert len(found["assumptions"]) >= 8
    assert found["measured"]["cores"]


def test_profile_gives_the_triggers_and_options_win(ctc: Call) -> None:
    of_profile = json.loads(ctc("cost", "--format", "json").out)["estimate"]["scenario"]
    assert (of_profile["detect_s"], of_profile["lake_s"]) == (1, 60)
    chosen = json.loads(ctc("cost", "--detect", 5, "--lake", 30, "--format", "json").out)["estimate"]["scenario"]
    assert (chosen["detect_s"], chosen["lake_s"]) == (5, 30)


def test_table_says_what_was_assumed_and_what_was_not_verified(ctc: Call) -> None:
    out = ctc("cost").out
    for words in ("EMR Serverless", "one trade a record", "an idle day (NF1)", "Assumed", "not verified"):
        assert words in out


def test_a_rate_beyond_the_cap_is_said(ctc: Call) -> None:
    assert "more than the application's cap" in ctc("cost", "--rate", 1_000_000).out


@pytest.mark.parametrize("form", ["svg", "png"])
def test_picture_is_drawn_without_a_browser(ctc: Call, tmp_path: Path, form: str) -> None:
    path = tmp_path / f"cost.{form}"
    assert ctc("cost", "--plot", path).code == 0
    assert path.read_bytes().startswith(b"<svg" if form == "svg" else b"\x89PNG")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--rate", "0"], "rate is 0"),
        (["--detect", "-1"], "detect_s is -1"),
        (["--plot", "cost.gif"], "--plot cost.gif"),
        (["--plot", "nowhere/cost.svg"], "there is no folder"),
    ],
)
def test_wrong_calls_are_one_sentence(ctc: Call, words: list[str], said: str) -> None:
    answer = ctc("cost", *words)
    assert answer.code == 2
    assert said in answer.sentence()


def test_other_price_files_are_taken(ctc: Call, tmp_path: Path) -> None:
    path = tmp_path / "prices.toml"
    text = (ROOT / "ctc" / "cost" / "prices-2026-11-27.toml").read_text()
    path.write_text(text.replace("dollars = 0.052624", "dollars = 1.052624"))
    dear, usual = (json.loads(ctc("cost", *more, "--format", "json").out)["estimate"] for more in (["--prices", path], []))
    assert dear["active_hour"] - usual["active_hour"] == pytest.approx(2 * usual["workers"])


def test_page_shows_what_the_command_answers(ctc: Call) -> None:
    answer = "$ ctc cost\n" + "\n".join(line.rstrip() for line in ctc("cost").out.splitlines()) + "\n"
    if machine("CTC_UPDATE_SNAPSHOTS"):
        PAGE.write_text(_ANSWER.sub(lambda _: answer, PAGE.read_text()))
    (shown,) = _ANSWER.findall(PAGE.read_text())
    assert shown == answer, "run with CTC_UPDATE_SNAPSHOTS=1, look at the difference, and draw docs/images/cost.svg anew"
