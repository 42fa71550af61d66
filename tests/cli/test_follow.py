"""`ctc alerts --follow`: each revision once, whatever is late, revised or away meanwhile; and the command itself to its Ctrl-C."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest
from command_line import Call, caller
from fakes_hot import MemoryAlerts, MemoryMetrics
from hypothesis import given, settings
from hypothesis import strategies as st
from samples_hot import NOON, a_snapshot, an_alert

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.cli.follow import Follow, settles_after
from ctc.cli.repeat import Watched, repeat
from ctc.errors import DataLoss, StoreError, StreamError
from ctc.model import Alert
from ctc.processes import locked
from ctc.settings import Settings, load_profile, save_state

SETTINGS = load_profile("sim", {"session.symbols": ["BTC-USDT", "ETH-USDT"]})
SYMBOLS = SETTINGS.session.symbols
SETTLES = settles_after(SETTINGS)


class Market:
    """Stores with a clock a symbol: its alerts are stored before its clock goes on, as the detect query does."""

    def __init__(self) -> None:
        self.alerts, self.metrics = MemoryAlerts(), MemoryMetrics()
        self.clocks = dict.fromkeys(SYMBOLS, NOON)
        self.made = 0
        self.stored: dict[str, Alert] = {}
        for symbol in SYMBOLS:
            self.advance(symbol, 0)

    def put(self, alert: Alert) -> None:
        self.stored[alert.alert_id] = alert
        self.alerts.put([alert])

    def find(self, symbol: str, after_s: float = 0) -> None:
        """An alert that is detected as the symbol's clock goes on."""
        self.made += 1
        at = self.clocks[symbol] + timedelta(seconds=after_s)
        self.put(an_alert(self.made, symbol=symbol, detected_at=at, final=False))

    def complete(self, index: int) -> None:
        """The next revision of an alert, if its symbol's clock is not past its time for that."""
        alert = list(self.stored.values())[index % len(self.stored)]
        if self.clocks[alert.symbol] < alert.detected_at + SETTLES - timedelta(minutes=2):
            self.put(msgspec.structs.replace(alert, revision=alert.revision + 1))

    def advance(self, symbol: str, seconds: float) -> None:
        self.clocks[symbol] += timedelta(seconds=seconds)
        self.metrics.put([a_snapshot(self.made, symbol=symbol, clock=self.clocks[symbol])], [], [])

    def follow(self, type: str | None = None, symbol: str | None = None) -> Follow:
        return Follow(SETTINGS, self.alerts, self.metrics, type, symbol)


steps = st.lists(
    st.one_of(
        st.tuples(st.just("find"), st.sampled_from(SYMBOLS), st.integers(1, 200)),
        st.tuples(st.just("advance"), st.sampled_from(SYMBOLS), st.integers(1, 600)),
        st.tuples(st.just("complete"), st.just(""), st.integers(0, 50)),
        st.tuples(st.just("read"), st.just(""), st.just(0)),
    ),
    max_size=60,
)


@settings(deadline=None)
@given(steps, st.integers(0, 30), st.integers(1, 20))
def test_follow_gives_each_revision_once_and_the_last_of_each_alert(
    happened: list[tuple[str, str, int]], begins_at: int, limit: int
) -> None:
    market, given_out = Market(), []
    follow = market.follow()
    before: set[tuple[str, int]] = set()
    for index, (what, symbol, number) in enumerate([*happened, ("read", "", 0)]):
        if index == min(begins_at, len(happened)):
            before = {(alert.alert_id, alert.revision) for alert in market.stored.values()}
            given_out = follow.begin(max(market.clocks.values()), None, limit)
            assert [alert.alert_id for alert in given_out] == [
                alert.alert_id for alert in sorted(market.stored.values(), key=lambda alert: (alert.detected_at, alert.alert_id))[-limit:]
            ]
        if what == "find":
            market.find(symbol, number)
            market.advance(symbol, number)
        elif what == "advance":
            market.advance(symbol, number)
        elif what == "complete" and market.stored:
            market.complete(number)
        elif what == "read" and index >= begins_at:
            given_out += follow.more()
    given_out += follow.more()
    told = [(alert.alert_id, alert.revision) for alert in given_out]
    assert len(told) == len(set(told))
    assert {(alert.alert_id, alert.revision) for alert in market.stored.values()} <= before | set(told)


def test_follow_shows_an_alert_that_comes_after_newer_ones() -> None:
    market = Market()
    follow = market.follow()
    follow.begin(NOON, None, 10)
    market.find("BTC-USDT", 300)
    market.advance("BTC-USDT", 300)
    assert [alert.symbol for alert in follow.more()] == ["BTC-USDT"]
    market.find("ETH-USDT", 1)  # four minutes behind
    assert [alert.symbol for alert in follow.more()] == ["ETH-USDT"]
    assert follow.more() == []


def test_follow_forgets_what_is_settled() -> None:
    market = Market()
    follow = market.follow()
    follow.begin(NOON, None, 10)
    for _ in range(200):
        for symbol in SYMBOLS:
            market.find(symbol, 60)
            market.advance(symbol, 60)
        follow.more()
    assert len(follow._given) < 2 * 2 * (SETTLES / timedelta(minutes=1))


def test_follow_goes_on_with_a_session_that_was_begun_anew() -> None:
    market = Market()
    market.advance("BTC-USDT", 7200)
    market.advance("ETH-USDT", 7200)
    follow = market.follow()
    follow.begin(NOON, None, 10)
    other = Market()
    other.find("BTC-USDT", 1)
    follow._alerts, follow._metrics = other.alerts, other.metrics
    assert [alert.alert_id for alert in follow.more()] == list(other.stored)


def test_follow_since_leaves_out_what_was_before() -> None:
    market = Market()
    market.find("BTC-USDT", 1)
    follow = market.follow()
    assert follow.begin(NOON, NOON + timedelta(seconds=10), 10) == []
    market.find("BTC-USDT", 5)
    market.find("BTC-USDT", 11)
    assert [alert.detected_at for alert in follow.more()] == [NOON + timedelta(seconds=11)]


def watched(state: Path) -> Watched:
    save_state(load_profile("sim"), state)
    return Watched(state)


def test_repeat_ends_after_one_more_look_when_the_session_has_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_state(load_profile("sim"), tmp_path)
    done: list[int] = []
    with locked(tmp_path):
        seen = Watched(tmp_path)
        assert seen.on()
    repeat(lambda: done.append(1), seen, 0, (StoreError,))
    assert done == [1]
    assert "no session runs" in capsys.readouterr().err


def test_repeat_waits_for_what_is_away_and_says_so_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_state(load_profile("sim"), tmp_path)
    left = [StoreError("the table is away"), StoreError("still away"), None, KeyboardInterrupt()]

    def step() -> None:
        found = left.pop(0)
        if found is not None:
            raise found

    with locked(tmp_path), pytest.raises(KeyboardInterrupt):
        repeat(step, Watched(tmp_path), 0, (StoreError,))
    assert capsys.readouterr().err == "waiting: the table is away\n"


def test_repeat_does_not_wait_for_what_is_lost(tmp_path: Path) -> None:
    def step() -> None:
        raise DataLoss("records are gone")

    save_state(load_profile("sim"), tmp_path)
    with locked(tmp_path), pytest.raises(DataLoss):
        repeat(step, Watched(tmp_path), 0, (StreamError,))


@contextmanager
def ctc(*words: object) -> Iterator[subprocess.Popen[str]]:
    """`ctc WORDS...` in a process of its own, ended with the test."""
    code = "from ctc.cli.main import main; main()"
    command = [sys.executable, "-c", code, *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


def stored(settings: Settings, number: int, at: datetime, **fields: object) -> None:
    DynamoAlerts(settings).put([an_alert(number, detected_at=at, **fields)])
    DynamoMetrics(settings).put([a_snapshot(number, symbol=symbol, clock=at) for symbol in settings.session.symbols], [], [])


@pytest.mark.emulator
def test_alerts_follow_writes_a_line_an_alert_until_ctrl_c(emulator: Settings, tmp_path: Path) -> None:
    create_tables(emulator)
    save_state(emulator, tmp_path)
    stored(emulator, 1, NOON)
    stored(emulator, 2, NOON + timedelta(seconds=1), final=False)
    with locked(tmp_path), ctc("alerts", "--follow", "--limit", 1, "--format", "json", "--state", tmp_path) as process:
        assert json.loads(line(process))["alert_id"][-1] == "2"
        stored(emulator, 3, NOON + timedelta(minutes=1))
        assert json.loads(line(process))["alert_id"][-1] == "3"
        stored(emulator, 2, NOON + timedelta(seconds=1), revision=1)
        revised = json.loads(line(process))
        assert (revised["alert_id"][-1], revised["revision"]) == ("2", 1)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
    assert (process.returncode, out, err) == (130, "", "")


@pytest.mark.emulator
def test_alerts_follow_ends_with_the_session(emulator: Settings, tmp_path: Path) -> None:
    create_tables(emulator)
    save_state(emulator, tmp_path)
    stored(emulator, 1, NOON)
    with locked(tmp_path):
        running = ctc("alerts", "-f", "--state", tmp_path)
        process = running.__enter__()
        assert line(process).split() == ["detected", "severity", "rule", "what"]
        assert line(process).startswith("01-15 12:30:00  high      single         one trade of 540,000.00")
    out, err = process.communicate(timeout=200)
    running.__exit__(None, None, None)
    assert (process.returncode, out, err) == (0, "", "no session runs, so this is all of it\n")


@pytest.mark.emulator
def test_alerts_follow_of_a_past_session_shows_its_end_and_ends(
    emulator: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    create_tables(emulator)
    stored(emulator, 1, NOON)
    save_state(msgspec.structs.replace(emulator, aws=msgspec.structs.replace(emulator.aws, emulator="")), tmp_path)
    call: Call = caller(capsys, monkeypatch)
    monkeypatch.setattr(Watched, "on", lambda _: False)
    answer = call("alerts", "--follow", "--format", "csv", "--state", tmp_path)
    assert (answer.code, len(answer.out.splitlines())) == (0, 2)
