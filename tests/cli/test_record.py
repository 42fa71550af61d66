"""`ctc record` as a process: what it heard is on the disk, also after SIGKILL, and the next one seals it."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from command_line import Call, caller
from fakes_exchange import FakeExchange, agg_trade, match, run, session, until

from ctc.settings import save_state
from ctc.sources.files import DAMAGE, OpenPiece, Piece
from ctc.sources.frames import take_apart
from ctc.sources.recorder import check, load_index

WITHIN_S = 200.0


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


def ids(folder: Path, exchange: str) -> list[int]:
    """The trades of an exchange that can be read in the folder now, in order."""
    found = []
    for path in sorted(folder.glob(f"{exchange}-*.zst")):
        try:
            with OpenPiece(Piece(path)) as opened:
                for line in opened.lines():
                    taken = take_apart(line)
                    if taken is not None and not taken.aside:
                        frame = json.loads(taken.body)
                        found.append(frame["data"]["a"] if "data" in frame else frame.get("trade_id"))
        except DAMAGE:
            continue  # it is being written
    return [each for each in found if each is not None]


def start(words: list[str]) -> subprocess.Popen[str]:
    code = "from ctc.cli.main import main; main()"
    return subprocess.Popen([sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def recording(tmp_path: Path, end: Callable[[subprocess.Popen[str]], None]) -> tuple[list[int], subprocess.Popen[str], str, str]:
    """What had been read back when `ctc record`, in a process of its own, was ended."""
    seen: list[int] = []
    ended: list[tuple[subprocess.Popen[str], str, str]] = []

    async def scene() -> None:
        async with FakeExchange() as binance, FakeExchange(acknowledge=True) as coinbase:
            save_state(session(binance.url, coinbase.url), tmp_path / "session")
            words = ["record", "--state", str(tmp_path / "session"), "--out", str(tmp_path / "days"), "--format", "json"]
            process = start(words)
            try:
                await until(lambda: binance.sockets and coinbase.sockets, WITHIN_S)
                talking = asyncio.create_task(_talk(binance, coinbase))
                await until(lambda: seen.append(len(ids(tmp_path / "days", "binance"))) or seen[-1] > 100, WITHIN_S)
                end(process)
                await until(lambda: process.poll() is not None, WITHIN_S)
                talking.cancel()
                ended.append((process, *process.communicate()))
            finally:
                process.kill()
                process.communicate()

    run(scene(), within_s=280)
    return seen, *ended[0]


async def _talk(binance: FakeExchange, coinbase: FakeExchange) -> Awaitable[None]:
    number = 0
    while True:
        number += 1
        await binance.say(agg_trade(number, number * 10))
        await coinbase.say(match(number, number * 10 + 5))
        await asyncio.sleep(0)


def test_record_that_is_killed_keeps_what_it_wrote_and_the_next_seals_it(tmp_path: Path, ctc: Call) -> None:
    seen, process, out, _ = recording(tmp_path, lambda process: process.send_signal(signal.SIGKILL))
    assert (process.returncode, out) == (-signal.SIGKILL, "")
    left = ids(tmp_path / "days", "binance")
    assert left == list(range(1, len(left) + 1))
    assert len(left) >= seen[-1] > 100
    assert load_index(tmp_path / "days").recordings == []

    _, process, out, err = recording(tmp_path, lambda process: process.send_signal(signal.SIGINT))
    assert process.returncode == 0
    assert "left by a recorder that was killed, sealed with" in err
    assert {entry.end for entry in load_index(tmp_path / "days").recordings} == {"cut", "stopped"}
    assert [wrong for _, wrong in check(tmp_path / "days") if wrong] == []
    assert {row["file"] for row in json.loads(out)} == {entry.file for entry in load_index(tmp_path / "days").recordings}
    answer = ctc("record", "--out", tmp_path / "days", "--check", "--format", "json")
    assert (answer.code, {row["found"] for row in json.loads(answer.out)}) == (0, {"ok"})


def test_check_fails_where_a_file_was_changed(tmp_path: Path, ctc: Call) -> None:
    recording(tmp_path, lambda process: process.send_signal(signal.SIGTERM))
    path = next((tmp_path / "days").glob("binance-*.zst"))
    path.write_bytes(path.read_bytes()[:-1])
    answer = ctc("record", "--out", tmp_path / "days", "--check")
    assert answer.code == 1
    assert f"1 of 2 files in {tmp_path / 'days'} are not what was recorded: {path.name}" in answer.err
    assert "checksum differs" in answer.out


def test_record_names_what_is_wrong_with_a_call(tmp_path: Path, ctc: Call) -> None:
    assert "no profile 'prod'; choose one of" in ctc("record", "--profile", "prod", "--out", tmp_path).sentence()
    assert "no session in" in ctc("record", "--state", tmp_path, "--out", tmp_path).sentence()
    assert "there is no folder" in ctc("record", "--check", "--out", tmp_path / "nowhere").sentence()
