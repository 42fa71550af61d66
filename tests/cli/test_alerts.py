"""`ctc alerts`: every field and digit as JSON, the newest first, times as people write them; `ctc status` as data."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
import typer
from command_line import Call, caller
from samples_hot import NOON, an_alert

from ctc import status
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.cli.alerts import COLUMNS, moment
from ctc.model import Alert
from ctc.processes import locked
from ctc.settings import Settings, load_profile, save_state


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


@pytest.mark.parametrize(
    "text",
    ["2026-01-15T12:30:00Z", "2026-01-15T12:30:00", "2026-01-15 12:30", "2026-01-15T12:30:00.000000+00:00", "2026-01-15T13:30:00+01:00"],
)
def test_since_takes_iso_times(text: str) -> None:
    assert moment(text) == NOON
    assert moment(text).tzinfo is UTC


def test_since_takes_a_date() -> None:
    assert moment("2026-01-15") == datetime(2026, 1, 15, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "noon", "15.01.2026", "2026-13-01", "1768480200"])
def test_since_refuses_other_words(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="write it as 2026-01-15T12:30:00Z"):
        moment(text)


@pytest.fixture
def session(emulator: Settings, tmp_path: Path) -> Path:
    """The folder of a session that seems to run, with three alerts."""
    create_tables(emulator)
    quantity = Decimal("8.000000000000000001")
    DynamoAlerts(emulator).put(
        [
            an_alert(1, quantity=quantity),
            an_alert(2, symbol="ETH-USDT", detected_at=NOON + timedelta(minutes=5), side="sell"),
            an_alert(3, type="spread", rule="raw", exchange="all", detected_at=NOON + timedelta(minutes=9), side=None, quantity=None),
        ]
    )
    save_state(emulator, tmp_path)
    return tmp_path


@pytest.mark.emulator
def test_alerts_as_json_have_every_field_and_digit(ctc: Call, session: Path) -> None:
    with locked(session):
        answer = ctc("alerts", "--since", "2026-01-15", "--format", "json", "--state", session)
    found = json.loads(answer.out, parse_float=Decimal, parse_int=Decimal)
    assert (answer.code, answer.err) == (0, "")
    assert [alert["alert_id"][-1] for alert in found] == ["3", "2", "1"]
    assert all(tuple(alert) == Alert.__struct_fields__ for alert in found)
    assert found[2]["quantity"] == Decimal("8.000000000000000001")
    assert found[2]["detected_at"] == "2026-01-15T12:30:00Z"
    assert found[0]["quantity"] is None


@pytest.mark.emulator
def test_alerts_can_be_narrowed(ctc: Call, session: Path) -> None:
    def ids(*words: str) -> str:
        with locked(session):
            rows = json.loads(ctc("alerts", *words, "--format", "json", "--state", session).out)
        return "".join(row["alert_id"][-1] for row in rows)

    since = ("--since", "2026-01-15T00:00:00Z")
    assert ids(*since, "--type", "whale") == "21"
    assert ids(*since, "--symbol", "BTC-USDT") == "31"
    assert ids(*since, "--limit", "1") == "3"
    assert ids("--since", "2026-01-15T12:31:00Z") == "32"
    assert ids("--since", "2026-01-16") == ""


@pytest.mark.emulator
def test_alerts_as_table_and_csv(ctc: Call, session: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    with locked(session):
        table = ctc("alerts", "--since", "2026-01-15", "--state", session)
        lines = ctc("alerts", "--since", "2026-01-15", "--format", "csv", "--state", session).out.splitlines()
    assert all(name in table.out for name in COLUMNS)
    assert "540,000.00 on Binance" in table.out
    assert "\x1b" not in table.out
    assert lines[0].split(",") == list(Alert.__struct_fields__)
    assert len(lines) == 4


def publish(state: Path) -> None:
    save_state(load_profile("sim"), state)
    status.publish(state, "producer", {"phase": "reading", "trades": 12, "market_time": "2026-01-15T12:30:00Z"})
    status.publish(state, "detect", {"state": "failed", "totals": {"trades": 10}, "batch": 3, "trouble": "no shard"})


def test_status_as_json_tells_each_service(ctc: Call, tmp_path: Path) -> None:
    publish(tmp_path)
    with locked(tmp_path):
        detect, producer = json.loads(ctc("status", "--format", "json", "--state", tmp_path).out)
    assert (producer["service"], producer["state"], producer["trades"], producer["clock"]) == (
        "producer",
        "reading",
        12,
        "2026-01-15T12:30:00Z",
    )
    assert (detect["state"], detect["trades"], detect["batch"], detect["trouble"]) == ("failed", 10, 3, "no shard")


def test_status_of_a_stopped_session_says_stopped(ctc: Call, tmp_path: Path) -> None:
    publish(tmp_path)
    rows = json.loads(ctc("status", "--format", "json", "--state", tmp_path).out)
    assert {row["state"] for row in rows} == {"stopped"}
    assert "producer" in ctc("status", "--state", tmp_path).out


def test_status_as_a_table_says_what_it_is_of(ctc: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    stopped = ctc("status", "--state", tmp_path)
    assert stopped.err.startswith("the session on the simulated market is stopped; this is what it said last\n")
    with locked(tmp_path):
        running = ctc("status", "--state", tmp_path)
    assert running.err.startswith("the session on the simulated market runs\n")
    assert "01-15 12:30:00" in running.out
    assert max(map(len, running.out.splitlines())) <= 80


def test_status_names_a_service_that_is_silent(ctc: Call, tmp_path: Path) -> None:
    publish(tmp_path)
    path = tmp_path / "status" / "producer.json"
    said = {**json.loads(path.read_bytes()), "written_at": "2026-01-15T12:30:00Z"}
    path.write_text(json.dumps(said))
    with locked(tmp_path):
        _, producer = json.loads(ctc("status", "--format", "json", "--state", tmp_path).out)
    assert producer["trouble"].startswith("has said nothing for ")
    _, producer = json.loads(ctc("status", "--format", "json", "--state", tmp_path).out)
    assert producer["trouble"] is None


def test_status_before_the_first_word_says_what_to_do(ctc: Call, tmp_path: Path) -> None:
    save_state(load_profile("sim"), tmp_path)
    assert "start one with `ctc sim`" in ctc("status", "--state", tmp_path).sentence()
    with locked(tmp_path):
        assert "ask again in a few seconds" in ctc("status", "--state", tmp_path).sentence()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", msgspec.json.encode({"state": "running"})])
def test_status_survives_a_damaged_file(ctc: Call, tmp_path: Path, content: bytes) -> None:
    publish(tmp_path)
    (tmp_path / "status" / "api.json").write_bytes(content)
    answer = ctc("status", "--format", "json", "--state", tmp_path)
    assert answer.code == 0
    assert {row["service"] for row in json.loads(answer.out)} >= {"producer", "detect"}
