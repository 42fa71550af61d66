"""`ctc fetch` as a process: rows for programs, one sentence for what can't be, and SIGKILL at any time."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from command_line import Call, caller

from ctc.settings import ROOT, load_state, save_state
from ctc.sources.recorder import check

WITHIN_S = 200.0
DATE = "2026-01-15"


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A session's folder whose exchanges have a day of four minutes behind them."""
    state = tmp_path_factory.mktemp("past")
    words = ["-m", "sim.exchange.past", "--state", str(state), "--date", DATE, "--minutes", "4", "--seed", "3", "--rate", "0.5"]
    with subprocess.Popen([sys.executable, *words], cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        try:
            assert process.stderr.readline().startswith("serving 2026-01-15 23:56 to 2026-01-16 00:00 UTC, simulated")
            yield state
        finally:
            process.terminate()


def until(condition: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Return once it is so, or the process has ended."""
    deadline = time.monotonic() + WITHIN_S
    while not condition() and process.poll() is None:
        assert time.monotonic() < deadline
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.01)


def test_day_is_listed_for_programs_and_the_next_time_it_is_there(past: Path, tmp_path: Path, ctc: Call) -> None:
    words = ("fetch", "--date", DATE, "--state", past, "--out", tmp_path, "--format", "json")
    answer = ctc(*words)
    rows = json.loads(answer.out)
    assert (answer.code, len(rows), {row["how"] for row in rows}) == (0, 7, {"fetched"})
    assert all(row["trades"] == row["archive"] + row["rest"] == row["last_id"] - row["first_id"] + 1 for row in rows)
    assert {(row["exchange"], row["archive"] > 0) for row in rows} == {("binance", True), ("coinbase", False)}
    again = json.loads(ctc(*words).out)
    assert again == [{**row, "how": "was there"} for row in rows]
    one = ctc("fetch", "--date", DATE, "--state", past, "--out", tmp_path, "--symbols", "BTC-USDT", "--exchange", "coinbase")
    assert [line.split()[:2] for line in one.out.splitlines()[2:]] == [["coinbase", "BTC-USDT"]]
    assert ctc("record", "--check", "--out", tmp_path / DATE).code == 0
    account = json.loads(ctc("normalize", tmp_path / DATE, "--format", "json").err)
    assert account["trades"] == account["read"] == sum(row["trades"] for row in rows)


def test_fetch_names_what_is_wrong_with_a_call(past: Path, tmp_path: Path, ctc: Call) -> None:
    answer = ctc("fetch", "--date", DATE, "--state", past, "--out", tmp_path, "--symbols", "DOGE-USDT")
    assert "no symbol 'DOGE-USDT' on binance or coinbase; choose among BTC-USDT" in answer.sentence()
    assert answer.code == 2
    answer = ctc("fetch", "--date", DATE, "--state", past, "--out", tmp_path, "--exchange", "kraken")
    assert answer.sentence() == "ctc: there are no days of 'kraken' to fetch; choose one of: binance, coinbase"
    assert "no session in" in ctc("fetch", "--date", DATE, "--state", tmp_path, "--out", tmp_path).sentence()
    assert "no day; write it as 2025-01-01" in ctc("fetch", "--date", "15.1.2026", "--state", past, "--out", tmp_path).err
    tomorrow = ctc("fetch", "--date", "2026-01-16", "--state", past, "--out", tmp_path)
    assert (tomorrow.code, "there is no whole 2026-01-16 of BTC-USDT yet" in tomorrow.sentence()) == (1, True)


def test_fetch_that_is_killed_over_and_over_ends_with_the_whole_day(past: Path, tmp_path: Path, ctc: Call) -> None:
    settings = load_state(past)
    slow = {name: msgspec.structs.replace(own, rest_per_s=4) for name, own in settings.exchanges.items()}
    save_state(msgspec.structs.replace(settings, exchanges=slow), tmp_path / "slow")
    words = ["fetch", "--date", DATE, "--symbols", "BTC-USDT,ETH-USDT", "--state", str(tmp_path / "slow"), "--out", str(tmp_path / "days")]
    day = tmp_path / "days" / DATE
    stages = ("archive.zip", "binance-spot-BTCUSDT-aggTrade.json", "binance-spot-ETHUSDT-aggTrade.json", "progress.json")
    killed = 0
    for stage in stages:
        process = subprocess.Popen([sys.executable, "-c", "from ctc.cli.main import main; main()", *words], stderr=subprocess.DEVNULL)
        try:
            until(lambda: bool(list(day.rglob(stage))), process)  # noqa: B023 - called in this turn
        finally:
            process.send_signal(signal.SIGKILL)
            killed += process.wait() == -signal.SIGKILL
    assert killed >= 2
    rows = json.loads(ctc(*words, "--format", "json").out)
    assert "was there" in {row["how"] for row in rows}
    whole = ctc("fetch", "--date", DATE, "--symbols", "BTC-USDT,ETH-USDT", "--state", past, "--out", tmp_path / "whole", "--format", "json")
    assert [{**row, "how": ""} for row in rows] == [{**row, "how": ""} for row in json.loads(whole.out)]
    assert [wrong for _, wrong in check(day)] == [""] * 4
    for path in (tmp_path / "whole" / DATE).glob("*.zst"):
        assert path.read_bytes() == (day / path.name).read_bytes()
