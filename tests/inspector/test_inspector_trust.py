"""The inspector's pages about trust: quality and dead letters, gaps, scorecard; and SQL, time travel and session control."""

from __future__ import annotations

import json
import os
from pathlib import Path

import fixtures_inspector
import pandas as pd
import pytest
from fixtures_inspector import EVIL, choose, figures, frames, page, words
from samples_lake import minute, spread

from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import TableAppender, rows_of_spreads
from ctc.quality.rules import RULES
from ctc.settings import Settings
from dashboard.inspector import words as worded

pytestmark = pytest.mark.emulator
fresh_caches = fixtures_inspector.fresh_caches
filled = fixtures_inspector.filled
judged = fixtures_inspector.judged
session = fixtures_inspector.session


def test_quality_shows_score_and_every_rule(judged: Settings) -> None:
    app = page("quality")
    assert not app.exception
    assert figures(app)["Score, a day"] == "99.00 %"
    assert figures(app)["Failed"] == "10"
    rules = frames(app)[0].set_index("rule")
    assert set(rules.index) == set(RULES)
    assert rules["records"].head(2).to_dict() == {"price_missing": 9, "not_json": 1}


def test_letters_are_shown_so_that_nothing_acts_on_them(judged: Settings) -> None:
    app = page("quality")
    text, dump = (block.value for block in app.code)
    assert r"\x1b[31m" in text
    assert "\x1b" not in text
    assert "<script>" in text, "as code, which is not HTML"
    assert dump.splitlines()[0] == '00000000  7b 22 65 76 65 6e 74 5f 69 64 22 3a 20 22 65 22  {"event_id": "e"'
    assert r"not JSON\: \<b\>" in words(app)


def test_letters_of_a_folder_without_any_say_so(judged: Settings) -> None:
    app = choose(page("quality"), "Folder", "invalid")
    assert not app.exception
    assert "No letter here" in words(app)
    assert "malformed" in frames(page("quality", category="malformed"))[1]["category"].tolist()


def test_gaps_show_what_became_of_every_id(judged: Settings) -> None:
    app = page("gaps", symbol="BTC-USDT")
    assert not app.exception
    assert (figures(app)["Ids"], figures(app)["Received"], figures(app)["Lost"]) == ("1,012", "1,000", "12")
    assert frames(app)[0]["state"].tolist() == ["lost"]


def test_scorecard_shows_the_sessions_report(filled: Settings, tmp_path: Path) -> None:
    rule = {"rule": "whale.single", "seeded": 3, "qualifying": 2, "detected": 2, "recall": 1.0}
    card = {
        "ok": True,
        "verdict": ["All 2 planted anomalies that qualify were found."],
        "rules": [rule],
        "equality": [{"store": "x", "first": []}],
    }
    (tmp_path / "report.json").write_text(json.dumps({"session": "Ann of Town", "simulated": True, "seed": 7, "scorecard": card}))
    app = page("scorecard")
    assert not app.exception
    assert "All 2 planted anomalies" in app.success[0].value
    assert frames(app)[0]["rule"].tolist() == ["whale.single"]


def test_scorecard_of_an_earlier_session_is_not_shown(filled: Settings, tmp_path: Path) -> None:
    report, plan = tmp_path / "report.json", tmp_path / "plan.json"
    report.write_text("{}")
    plan.write_text("{}")
    os.utime(report, (1, 1))
    assert "of an earlier session" in words(page("scorecard"))


def test_scorecard_that_cannot_be_read_says_so(filled: Settings, tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("{")
    app = page("scorecard")
    assert not app.exception
    assert "can't be read" in app.warning[0].value


def test_scorecard_sets_what_was_planted_beside_what_answered(filled: Settings, tmp_path: Path) -> None:
    def seed(number: int, at: int, size: str) -> dict[str, str]:
        times = {"start": minute(at).isoformat(), "end": minute(at + 1).isoformat()}
        return {"id": f"{number}", "rule": "whale.single", "exchange": "binance", "symbol": "BTC-USDT", "size": size, **times}

    seeds = [seed(1, 7, "above"), seed(2, 8, "above"), seed(3, 9, "below"), seed(4, 59, "above")]
    (tmp_path / "truth.json").write_text(json.dumps({"session": "s", "seed": 7, "seeds": seeds}))
    app = page("scorecard")
    assert not app.exception
    assert frames(app)[0][["rule", "above", "below"]].to_numpy().tolist() == [["whale.single", "1 of 2", "0 of 1"]]
    assert "3 of 4 planted anomalies lie before" in words(app)


def test_sql_answers_exactly(filled: Settings) -> None:
    app = page("sql", sql="select symbol, sum(volume) as volume from volume_aggregates group by symbol")
    assert not app.exception
    assert frames(app)[0].to_numpy().tolist() == [["BTC-USDT", "31.000000000000000031"]]


def test_sql_examples_can_be_clicked(filled: Settings) -> None:
    app = page("sql")
    for button in [each for each in app.button if each.key and each.key.startswith("example-")]:
        app = button.click().run()
        assert not app.exception
        assert not app.error, button.label
        assert app.text_area[0].value != "", button.label


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("drop view spreads", "read only"),
        ("selec 1", "not SQL that can be run"),
        ("select nothing from spreads", "nothing"),
        ("select * from read_text('/etc/hostname')", "read"),
        ("-- nothing", "not 0"),
    ],
)
def test_sql_that_is_wrong_is_said_kindly(filled: Settings, sql: str, complaint: str) -> None:
    app = page("sql", sql=sql)
    assert not app.exception
    assert complaint in app.error[0].value.replace("\\", "")


def test_sql_travels_in_time(filled: Settings) -> None:
    TableAppender(filled).append_once("spreads", rows_of_spreads([spread(41)]), query="test", run="r1", batch_id=1)
    newest, oldest = LakeHistory(filled).commits()["spreads"]
    count = "select count(*) as n from spreads"
    assert frames(page("sql", sql=count))[0]["n"].tolist() == [41]
    app = page("sql", sql=count, as_of=oldest.at.isoformat())
    assert not app.exception
    assert frames(app)[0]["n"].tolist() == [40]
    assert "as of" in words(app)
    app = choose(page("sql", sql=count), "Commits of", "spreads")
    box = next(box for box in app.selectbox if box.label.startswith("The lake as it was"))
    assert [option.split(" · ")[-1] for option in box.options] == ["now", "+1 = 41 rows", "+40 = 40 rows"]
    assert newest.at > oldest.at


def test_session_page_says_how_to_control_it(filled: Settings, tmp_path: Path) -> None:
    app = page("session")
    assert not app.exception
    commands = [block.value for block in app.code]
    assert f"ctc sim --state {tmp_path} --resume" in commands
    assert f"ctc dlq ls --state {tmp_path}" in commands
    assert "No session runs on this folder" in words(app)
    assert frames(app)[0]["process"].tolist() == ["lake"]


def test_words_are_exact_and_safe() -> None:
    assert worded.escaped("$5 [x](y) <b>") == r"\$5 \[x\]\(y\) \<b\>"
    assert worded.hexdump(EVIL, 16).splitlines()[1] == f"... {len(EVIL) - 16} bytes more"
    assert worded.exact(pd.DataFrame({"a": [spread(0).peg]}))["a"].tolist() == ["0.9999"]
