"""`ctc dlq` over the emulator: what it lists and shows, and what it says of what can't be done."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from command_line import Call, caller
from samples_quality import NOON, SYMBOL, a_trade

from ctc.aws.clients import client
from ctc.aws.dead_letters import DeadLetters, Replayed
from ctc.aws.streams import create_streams
from ctc.codec import encode_line, pack, read_record
from ctc.errors import StreamError, Throttled
from ctc.model import to_us
from ctc.processes import free_port, locked
from ctc.quality.letters import Letter, Refused
from ctc.session import reachable
from ctc.settings import Settings, load_profile, save_state

pytestmark = pytest.mark.emulator
DAY_US = 86_400_000_000


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


def a_letter(number: int, rule: str = "not_json", raw: bytes = b"{", category: str = "malformed", key: str = SYMBOL) -> Refused:
    return Refused(category, (f"reason {number}",), raw, key, "s", str(number), 0, to_us(NOON) - number * DAY_US // 2, (rule,))  # type: ignore[arg-type]


MOVED = encode_line(a_trade(1, symbol="ETH-USDT", native_symbol="ETHUSDT"))
LETTERS = [
    a_letter(0),
    a_letter(1, "price_missing", b'{"price": null}', "incomplete"),
    a_letter(2, "symbol_not_allowed", MOVED, "invalid"),
    a_letter(3, "record_unreadable", b"\x1b[2J\xff\x00", key="DOGE"),
]


@pytest.fixture
def box(emulator: Settings, tmp_path: Path) -> Settings:
    """A running session's settings, with letters in its queue."""
    client("s3", emulator).create_bucket(Bucket=emulator.lake.raw_bucket)
    create_streams(emulator)
    save_state(emulator, tmp_path)
    for letter in LETTERS:
        DeadLetters(emulator).put("run", int(letter.sequence_number), letter.key, msgspec.msgpack.encode([letter]))
    return emulator


@pytest.fixture
def dlq(ctc: Call, box: Settings, tmp_path: Path) -> Call:
    """`ctc dlq WORDS...` on the session, as if it ran."""

    def call(*words: object) -> object:
        with locked(tmp_path):
            return ctc("dlq", *words, "--state", tmp_path)

    return call  # type: ignore[return-value]


def ids(out: str) -> list[str]:
    return [row["id"] for row in json.loads(out)]


def test_ls_lists_newest_first_and_filters(dlq: Call) -> None:
    everything = [letter.id for letter in LETTERS]
    assert ids(dlq("ls", "--format", "json").out) == everything
    assert ids(dlq("ls", "--format", "json", "--limit", "2").out) == everything[:2]
    assert ids(dlq("ls", "--format", "json", "--category", "incomplete").out) == everything[1:2]
    assert ids(dlq("ls", "--format", "json", "--reason", "symbol_not_allowed").out) == everything[2:3]
    assert ids(dlq("ls", "--format", "json", "--day", "2026-01-14").out) == everything[2:]
    assert ids(dlq("ls", "--format", "json", "--symbol", "other").out) == everything[3:]
    assert ids(dlq("ls", "--format", "json", "--symbol", SYMBOL, "--reason", "not_json").out) == everything[:1]


def test_ls_shows_what_was_replayed_in_every_format(dlq: Call, box: Settings) -> None:
    at = datetime(2026, 1, 20, tzinfo=UTC)
    DeadLetters(box).mark([Replayed(LETTERS[2].id, at, "1 trade")])
    rows = json.loads(dlq("ls", "--format", "json").out)
    assert [row["replayed"] for row in rows] == [None, None, "2026-01-20T00:00:00Z", None]
    listed = list(csv.DictReader(io.StringIO(dlq("ls", "--format", "csv").out)))
    assert [row["replayed"] for row in listed] == ["", "", "2026-01-20T00:00:00Z", ""]
    assert list(listed[0]) == [*Letter.__struct_fields__, "replayed"]
    table = dlq("ls").out
    assert "\x1b" not in table
    assert LETTERS[0].id in table


def test_show_decodes_what_it_can_and_escapes_the_rest(dlq: Call) -> None:
    shown = dlq("show", LETTERS[1].id).out
    assert '{\n  "price": null\n}' in shown
    assert "reason 1" in shown
    assert "\\x1b[2J\\xff\\x00" in dlq("show", LETTERS[3].id[:12]).out
    answer = json.loads(dlq("show", LETTERS[2].id, "--format", "json").out)
    assert json.loads(answer["decoded"])["symbol"] == "ETH-USDT"
    assert (answer["rules"], answer["replayed"]) == (["symbol_not_allowed"], None)


def test_show_of_an_unknown_letter_says_where_to_look(dlq: Call) -> None:
    answer = dlq("show", "ffffffff")
    assert (answer.code, "`ctc dlq ls` lists them" in answer.sentence()) == (2, True)
    assert dlq("show", "f").code == 2


@pytest.mark.parametrize("words", [("--reason", "bad"), ("--day", "soon"), ("--category", "late"), ("--limit", "0")])
def test_wrong_option_is_refused(dlq: Call, words: tuple[str, ...]) -> None:
    assert dlq("ls", *words).code == 2


def sent(settings: Settings) -> list[object]:
    """What the stream of trades holds."""
    kinesis, found = client("kinesis", settings), list[object]()
    for shard in kinesis.list_shards(StreamName=settings.stream.trades)["Shards"]:
        start = kinesis.get_shard_iterator(StreamName=settings.stream.trades, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")[
            "ShardIterator"
        ]
        for record in kinesis.get_records(ShardIterator=start)["Records"]:
            found += [(record["PartitionKey"], line) for line in read_record(record["Data"])]
    return found


def test_replay_only_says_until_it_is_told_to_send(dlq: Call, box: Settings) -> None:
    answer = dlq("replay", "--format", "json")
    assert [row["outcome"][:14] for row in json.loads(answer.out)] == ["still refused:", "1 trade", "still refused:", "still refused:"]
    assert "4 letters: 1 trades of 1 can be sent (--yes does), 3 stay" in answer.err
    assert sent(box) == []
    assert DeadLetters(box).replayed() == {}


def test_replay_sends_once_and_marks(dlq: Call, box: Settings) -> None:
    assert "sent, 3 stay" in dlq("replay", "--yes").err
    moved = a_trade(1, symbol="ETH-USDT", native_symbol="ETHUSDT")
    assert sent(box) == [("ETH-USDT", moved)]
    assert {name: mark.outcome for name, mark in DeadLetters(box).replayed().items()} == {LETTERS[2].id: "1 trade"}
    assert "3 letters: 0 trades" in dlq("replay", "--yes").err
    assert "1 letters: 1 trades of 1 sent" in dlq("replay", LETTERS[2].id, "--yes", "--again").err
    assert sent(box) == [("ETH-USDT", moved)] * 2  # which the queries drop: tests/spark/test_quality_queries.py


def test_letters_that_were_not_taken_are_not_marked(dlq: Call, box: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    class Full:
        def put(self, records: object) -> None:
            raise Throttled("full", 0.01)

    monkeypatch.setattr("ctc.wiring.stream_writers", lambda settings: (Full(), Full()))
    monkeypatch.setattr("ctc.cli.dlq.SEND_WITHIN_S", 0.3)
    answer = dlq("replay", "--yes")
    assert (answer.code, "replay again later" in answer.sentence()) == (1, True)
    assert DeadLetters(box).replayed() == {}
    assert StreamError.exit_code == 1


def test_packed_record_is_shown_unpacked(dlq: Call, box: Settings) -> None:
    letter = a_letter(4, "record_unreadable", pack([b'{"a":1}', b"rest"]))
    DeadLetters(box).put("run", 9, SYMBOL, msgspec.msgpack.encode([letter]))
    assert dlq("show", letter.id).out.endswith('\n{\n  "a": 1\n}\nrest\n')


def test_stopped_session_keeps_what_was_replayed_in_its_stream(ctc: Call, tmp_path: Path) -> None:
    port = free_port()
    save_state(load_profile("sim", {"aws.endpoint": f"http://127.0.0.1:{port}", "aws.emulator_port": port}), tmp_path)
    with reachable(tmp_path) as settings:
        client("s3", settings).create_bucket(Bucket=settings.lake.raw_bucket)
        create_streams(settings)
        DeadLetters(settings).put("run", 1, SYMBOL, msgspec.msgpack.encode(LETTERS[:3]))
    answer = ctc("dlq", "replay", "--yes", "--state", tmp_path)
    assert "no session runs: `ctc sim --resume`" in answer.err
    with reachable(tmp_path) as settings:
        assert sent(settings) == [("ETH-USDT", a_trade(1, symbol="ETH-USDT", native_symbol="ETHUSDT"))]
        assert list(DeadLetters(settings).replayed()) == [LETTERS[2].id]
