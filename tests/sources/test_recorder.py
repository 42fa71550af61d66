"""What a recorder writes is whole after every write, whatever cuts the next; hours, index and checksums agree with the files."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from fakes_exchange import BASE_MS, agg_trade, match, mini_ticker
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctc.errors import RecordingError
from ctc.model import from_us, to_us
from ctc.sources.files import OpenPiece, Piece, expand
from ctc.sources.frames import take_apart
from ctc.sources.recorder import HOUR_US, Folder, Recorder, check, frame_line, load_index, mark_line, opened_folder
from ctc.sources.survey import survey

BASE_US = BASE_MS * 1000
NEVER = from_us(0)
URL = "wss://stream.example:9443/stream?streams=btcusdt@aggTrade"
anywhere = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


def recorder(folder: Folder, name: str = "binance-1") -> Recorder:
    return Recorder(folder, name, name.split("-")[0], ("BTCUSDT",))


def put_trades(made: Recorder, first: int, count: int, every_us: int = 1_000_000) -> None:
    """A flush of trades, one each `every_us`."""
    for number in range(first, first + count):
        us = BASE_US + number * every_us
        made.put(frame_line(us, agg_trade(number, us // 1000 - BASE_MS).encode()))
    made.flush()


def abandon(made: Recorder) -> None:
    """As a kill does: the file is closed and nothing else is done."""
    assert made._file is not None
    made._file._handle.close()


def lines(path: Path) -> list[bytes]:
    with OpenPiece(Piece(path)) as opened:
        return list(opened.lines())


def ids(path: Path) -> list[int]:
    taken = [take_apart(line) for line in lines(path)]
    return [json.loads(each.body)["data"]["a"] for each in taken if each is not None and not each.aside]


def test_lines_are_those_that_a_replay_takes_apart() -> None:
    frame = take_apart(frame_line(BASE_US + 7, b'{"a":\n1}').body)
    assert frame is not None
    assert (frame.received_us, frame.body, frame.aside) == (BASE_US + 7, b'{"a": 1}', "")
    up, down = take_apart(mark_line(BASE_US, URL, True).body), take_apart(mark_line(BASE_US, URL, False, "no\nframe for 5 s").body)
    assert up is not None
    assert down is not None
    assert (up.aside, down.aside) == ("connect", "lost")
    untimed = take_apart(frame_line(0, b'{"type":"subscriptions"}').body)
    assert untimed is not None
    assert (untimed.received_us, untimed.body) == (None, b'{"type":"subscriptions"}')


def test_recording_reads_back_with_its_receive_times(tmp_path: Path) -> None:
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        made.put(mark_line(BASE_US, URL, True))
        made.put(frame_line(BASE_US + 5, agg_trade(1, 0).encode()))
        made.put(frame_line(BASE_US + 6, mini_ticker(1).encode()))
        made.put(frame_line(BASE_US + 9, b"\xff not json"))
        made.flush()
        made.close()
        other = recorder(folder, "coinbase-1")
        other.put(frame_line(BASE_US + 7, match(1, 0).encode()))
        other.flush()
        other.close()
    found = survey([tmp_path])
    assert (found.failures, found.notices) == ([], [])
    assert [space[0] for space in found.spaces] == ["binance", "coinbase"]
    binance, coinbase = found.open({})
    trade, bad = list(binance)
    assert trade.reading is not None
    assert trade.reading.trades[0].ingestion_timestamp == trade.received == from_us(BASE_US + 5)
    assert (bad.error is not None, binance.counts.skipped, binance.trouble) == (
        True,
        {"connect": 1, "binance miniTicker": 1},
        None,
    )
    assert [frame.frame_time_us for frame in coinbase] == [BASE_US + 7]


def test_hours_are_files_and_the_index_tells_of_each(tmp_path: Path) -> None:
    start = BASE_US // HOUR_US * HOUR_US + HOUR_US - BASE_US
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        for at in (-2, -1, 0, 1, -1):  # the clock is set back at the last
            made.put(frame_line(BASE_US + start + at * 1_000_000, agg_trade(at + 10, 0).encode()))
        made.flush()
        made.put(mark_line(BASE_US + start + 2_000_000, URL, False, "silent"))
        made.flush()
        made.close()
    first, second = load_index(tmp_path).recordings
    assert (first.file, second.file) == ("binance-1-2023-11-14T22.zst", "binance-1-2023-11-14T23.zst")
    assert (ids(tmp_path / first.file), ids(tmp_path / second.file)) == ([8, 9], [10, 11, 9])
    assert (first.frames, first.end, first.losses) == (2, "hour", 0)
    assert (second.frames, second.end, second.losses, second.symbols) == (3, "stopped", 1, ("BTCUSDT",))
    assert first.last_at == from_us(BASE_US + start - 1_000_000)
    assert all(not wrong for _, wrong in check(tmp_path))


def test_checksums_are_what_sha256sum_takes(tmp_path: Path) -> None:
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        put_trades(made, 1, 50)
        put_trades(made, 51, 50)
        made.close()
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "binance-1-2023-11-14T22.zst: OK\n")


def test_check_names_what_is_wrong(tmp_path: Path) -> None:
    for name in ("good", "changed", "short", "missing"):
        with opened_folder(tmp_path) as folder:
            made = recorder(folder, f"{name}-1")
            put_trades(made, 1, 20)
            made.close()
    changed = tmp_path / "changed-1-2023-11-14T22.zst"
    changed.write_bytes(changed.read_bytes()[:-1] + b"x")
    os.truncate(tmp_path / "short-1-2023-11-14T22.zst", 10)
    (tmp_path / "missing-1-2023-11-14T22.zst").unlink()
    found = {entry.exchange: wrong for entry, wrong in check(tmp_path)}
    assert found == {
        "good": "",
        "changed": "it is not the file that was sealed: its checksum differs",
        "short": "it is not the file that was sealed: its checksum differs",
        "missing": "the file is missing",
    }


def test_an_hour_that_goes_on_after_a_stop_is_another_file(tmp_path: Path) -> None:
    for first in (1, 101):
        with opened_folder(tmp_path) as folder:
            made = recorder(folder)
            put_trades(made, first, 10)
            made.close()
    names = [entry.file for entry in load_index(tmp_path).recordings]
    assert names == ["binance-1-2023-11-14T22.zst", "binance-1-2023-11-14T22.2.zst"]
    assert [ids(tmp_path / name)[0] for name in names] == [1, 101]


@anywhere
@given(st.data())
def test_a_file_cut_anywhere_keeps_every_whole_write(tmp_path: Path, data: st.DataObject) -> None:
    shutil.rmtree(tmp_path / "cut", ignore_errors=True)
    writes = data.draw(st.lists(st.integers(1, 30), min_size=1, max_size=6))
    ends, number = [0], 1
    with opened_folder(tmp_path / "cut") as folder:
        made = recorder(folder)
        for count in writes:
            put_trades(made, number, count, every_us=1000)
            number += count
            ends.append(made.bytes)
        abandon(made)
        path = next((tmp_path / "cut").glob("*.zst"))
    assert load_index(tmp_path / "cut").recordings == []  # it was not closed, as if killed
    at = data.draw(st.integers(0, ends[-1]))
    os.truncate(path, at)
    whole = sum(end <= at for end in ends) - 1
    with opened_folder(tmp_path / "cut") as folder:
        sealed = folder.sealed
    assert [entry.frames for entry in sealed] == ([sum(writes[:whole])] if whole else [])
    assert path.exists() == bool(whole)
    if whole:
        assert ids(path) == list(range(1, sum(writes[:whole]) + 1))
        assert (sealed[0].end, sealed[0].bytes, [wrong for _, wrong in check(tmp_path / "cut")]) == ("cut", ends[whole], [""])
        assert to_us(sealed[0].last_at or NEVER) == BASE_US + sum(writes[:whole]) * 1000


def test_a_damaged_file_is_left_as_it_is_and_said_to_be(tmp_path: Path) -> None:
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        put_trades(made, 1, 20)
        first = made.bytes
        put_trades(made, 21, 20)
        abandon(made)
    path = next(tmp_path.glob("*.zst"))
    body = bytearray(path.read_bytes())
    body[first + 20] ^= 0xFF
    path.write_bytes(body)
    with opened_folder(tmp_path) as folder:
        (entry,) = folder.sealed
    assert (entry.end, path.read_bytes()) == ("damaged", bytes(body))
    assert entry.frames >= 20


def test_a_full_disk_leaves_what_was_written_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        put_trades(made, 1, 20)

        def full(*_: Any) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(os, "fdatasync", full)
            with pytest.raises(OSError, match="No space"):
                put_trades(made, 21, 20)
        made.close()
    assert [(entry.frames, wrong) for entry, wrong in check(tmp_path)] == [(20, "")]


def test_two_recorders_do_not_share_a_folder(tmp_path: Path) -> None:
    with (
        opened_folder(tmp_path),
        pytest.raises(RecordingError, match="another `ctc record` or `ctc fetch` has it"),
        opened_folder(tmp_path),
    ):
        pass


def test_a_damaged_index_is_named(tmp_path: Path) -> None:
    (tmp_path / "index.json").write_text("{")
    with pytest.raises(RecordingError, match=r"index\.json can't be read"), opened_folder(tmp_path):
        pass


def test_a_recorders_account_is_no_recording(tmp_path: Path) -> None:
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        put_trades(made, 1, 2)
        made.close()
    assert [path.name for path, _ in expand([tmp_path])] == ["binance-1-2023-11-14T22.zst"]
    assert [path.name for path, named in expand([tmp_path / "index.json"]) if named] == ["index.json"]


def test_nothing_is_written_before_a_time_is_known(tmp_path: Path) -> None:
    with opened_folder(tmp_path) as folder:
        made = recorder(folder)
        made.put(mark_line(0, URL, True))
        made.put(frame_line(0, b'{"type":"subscriptions","channels":[]}'))
        made.flush()
        assert list(tmp_path.glob("*.zst")) == []
        put_trades(made, 1, 1)
        made.close()
    (entry,) = load_index(tmp_path).recordings
    assert (entry.file, entry.frames, entry.connects) == ("binance-1-2023-11-14T22.zst", 2, 1)
    assert entry.first_at == from_us(BASE_US + 1_000_000)
