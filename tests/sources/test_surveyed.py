"""A survey is kept for as long as the files are what they were."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ctc.errors import RecordingError
from ctc.session import OWNED
from ctc.sources import surveyed as module
from ctc.sources.normalize import Normalizer
from ctc.sources.survey import survey
from ctc.sources.surveyed import KEPT, kept, surveyed

FIXTURES = Path(__file__).parent.parent / "fixtures" / "realdata"
FRAME = '{"e":"trade","E":1723075200123,"s":"BTCUSDT","t":%d,"p":"100.0","q":"1.0","T":1723075200123,"m":false,"M":true}\n'


def never(*_: object) -> None:
    raise AssertionError("the files were looked through again")


def test_what_is_kept_reads_the_same_trades(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = surveyed([FIXTURES])
    assert looked.found.held, "a market with both kinds is among them"
    looked.keep(tmp_path)
    monkeypatch.setattr(module, "survey", never)
    found = kept(tmp_path, [FIXTURES]).found
    assert found == looked.found
    assert [trade.event_id for trade in Normalizer(found, {})] == [trade.event_id for trade in Normalizer(survey([FIXTURES]), {})]


def test_a_survey_by_several_processes_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "prose").write_text("no recording\n")
    again = next(path for path in sorted(FIXTURES.iterdir()) if path.suffix == ".gz")
    (tmp_path / "linked").symlink_to(again.resolve())
    paths = [again, tmp_path / "none", FIXTURES, tmp_path, tmp_path / "prose"]
    asked: list[str] = []
    alone = survey(paths, lambda piece: asked.append(piece.name))
    told, asked = asked, []
    monkeypatch.setattr("ctc.sources.survey.WORTH_BYTES", 0)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    assert survey(paths, lambda piece: asked.append(piece.name)) == alone
    assert asked == told
    assert len(alone.failures) == 2
    assert "linked" not in asked


def test_a_file_that_changed_is_looked_through_again(tmp_path: Path) -> None:
    state, path = tmp_path / "state", tmp_path / "recorded" / "x.jsonl"
    state.mkdir()
    path.parent.mkdir()
    path.write_text(FRAME % 1)
    surveyed([path.parent]).keep(state)
    path.write_text((FRAME % 1).replace("BTCUSDT", "ETHUSDT"))  # of the same length
    os.utime(path, ns=(1, 1))
    assert kept(state, [path.parent]).found.spaces == [("binance", "spot", "ETHUSDT", "trade")]
    (path.parent / "y.jsonl").write_text(FRAME % 2)
    assert len(kept(state, [path.parent]).found.recordings) == 2
    assert len(kept(state, [path]).found.recordings) == 1
    path.unlink()
    with pytest.raises(RecordingError):
        kept(state, [path])


def test_a_folder_without_one_or_with_a_broken_one_is_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text(FRAME % 1)
    assert kept(tmp_path, [path]).found.spaces == [("binance", "spot", "BTCUSDT", "trade")]
    (tmp_path / module.KEPT).write_bytes(b"\x00cut")
    assert kept(tmp_path, [path]).found.spaces == [("binance", "spot", "BTCUSDT", "trade")]


def test_what_is_kept_goes_with_the_session() -> None:
    assert KEPT in OWNED
