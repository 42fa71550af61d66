"""`ctc tail`: every line of the stream once and in order, across shards that split; bad records shown, never fatal."""

from __future__ import annotations

import json
import random
import signal
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest
from command_line import Call, caller
from fakes_shards import FakeStream, Faults
from hypothesis import given, settings
from hypothesis import strategies as st
from test_follow import ctc as process_of
from test_follow import line

from ctc.codec import encode_line, pack
from ctc.errors import StreamError
from ctc.exchanges import exchange
from ctc.model import Heartbeat, Trade
from ctc.ports import Record
from ctc.processes import locked
from ctc.settings import Settings, save_state
from ctc.stream.tail import LOOK_EVERY, Tail
from ctc.wiring import create_streams, stream_writers, trade_shards

FRAMES = (
    b'{"e":"aggTrade","E":1768480200123,"s":"BTCUSDT","a":%d,"p":"67432.50","q":"0.25","f":1,"l":1,"T":1768480200123,"m":false,"M":true}'
)
MATCH = (
    b'{"type":"match","trade_id":%d,"maker_order_id":"m","taker_order_id":"t","side":"sell","size":"0.5","price":"67445.00",'
    b'"product_id":"BTC-USD","sequence":1,"time":"2026-01-15T12:30:00.250000Z"}'
)
EVIL = b'{"symbol":"BTC-USDT","price":"\\u001b[2J"}\x1b[31m'


class DatedStream(FakeStream):
    """The fake stream, read from its tip or from a time too."""

    def latest(self, shard: str) -> str:
        self._give_up()
        return self._token(shard, len(self._shards[shard].entries))

    def since(self, shard: str, us: int) -> str:
        self._give_up()
        held = self._shards[shard]
        return self._token(shard, sum(entry.arrival_us < us for entry in held.entries))


def a_trade(number: int) -> Trade:
    return exchange("binance", {"BTCUSDT": "BTC-USDT"}).read(FRAMES % number).trades[0]


def a_match(number: int) -> Trade:
    return exchange("coinbase", {"BTC-USD": "BTC-USDT"}).read(MATCH % number).trades[0]


def read_all(tail: Tail) -> list[tuple[str, str]]:
    """Everything up to the tip, as (key, data); a call that gives up is made again."""
    found: list[tuple[str, str]] = []
    quiet = 0
    while quiet < LOOK_EVERY + 20:
        before = len(found)
        with suppress(StreamError):
            for _, entry in tail.read():
                found.append((entry.key, entry.data.decode()))
        quiet = 0 if len(found) > before else quiet + 1
    return found


@settings(deadline=None)
@given(st.integers(0, 2**16), st.booleans())
def test_tail_gives_every_record_once_and_in_order_of_its_key(seed: int, oldest: bool) -> None:
    rng = random.Random(seed)
    stream = DatedStream(2, faults=Faults(expired=0.2, empty=0.2, gives_up=0.1, page=7, hidden_lists=rng.randint(0, 2)), seed=seed)
    expected: dict[str, list[str]] = {}
    found: list[tuple[str, str]] = []

    def put(count: int, kept: bool) -> None:
        for _ in range(count):
            stream.advance(0.001)
            key, data = f"key{rng.randint(0, 5)}", str(rng.random())
            stream.put(key, data.encode())
            if kept:
                expected.setdefault(key, []).append(data)

    put(10, oldest)
    stream.advance(1)
    tail = None
    while tail is None:
        try:
            tail = Tail(stream, oldest=oldest)
            if not oldest:
                list(tail.read())
        except StreamError:
            tail = None
    for _ in range(5):
        put(rng.randint(0, 20), True)
        if rng.random() < 0.3:
            stream.split(rng.choice(stream.open))
        if rng.random() < 0.5:
            found += read_all(tail)
    found += read_all(tail)
    given_out: dict[str, list[str]] = {}
    for key, data in found:
        given_out.setdefault(key, []).append(data)
    assert given_out == expected


@pytest.fixture
def ctc(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    return caller(capsys, monkeypatch)


def records() -> list[Record]:
    beat = Heartbeat(heartbeat=a_trade(1).timestamp, symbol="BTC-USDT", producer="p", venues=())
    unknown = msgspec.structs.replace(a_trade(3), symbol="DOGE-USDT")
    return [
        Record("BTC-USDT", pack([encode_line(a_trade(1)), encode_line(beat), encode_line(a_match(2))])),
        Record("BTC-USDT", b"\x28\xb5\x2f\xfdnot zstd at all"),
        Record("BTC-USDT", pack([encode_line(unknown), EVIL, b"[1]", b"\xff\xfe", encode_line(a_trade(4))])),
        Record("ETH-USDT", pack([encode_line(msgspec.structs.replace(a_trade(5), symbol="ETH-USDT"))])),
    ]


@pytest.fixture(params=["emulator", "streams_on_kafka"])
def streamed(request: pytest.FixtureRequest) -> Settings:
    """Settings of a session whose streams are there: Kinesis', then Kafka's."""
    found: Settings = request.getfixturevalue(request.param)
    create_streams(found)
    return found


@pytest.fixture
def session(streamed: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a session that has stopped, with its stream still there."""
    writer, _ = stream_writers(streamed)
    for record in records():
        writer.put([record])
    save_state(streamed, tmp_path)
    monkeypatch.setattr("ctc.cli.repeat.Watched.on", lambda _: False)
    return tmp_path


@pytest.mark.emulator
def test_tail_as_json_has_trades_and_refusals_with_their_places(ctc: Call, session: Path) -> None:
    with locked(session):
        answer = ctc("tail", "--from", "oldest", "--format", "json", "--state", session)
    found = [json.loads(each) for each in answer.out.splitlines()]
    btc = [each for each in found if each["key"] == "BTC-USDT"]
    assert answer.code == 0
    assert [each["trade"]["trade_id"] for each in btc if "trade" in each] == [1, 2, 4]
    assert [each["refused"]["rules"][0] for each in btc if "refused" in each] == [
        "record_unreadable",
        "symbol_not_allowed",
        "not_json",
        "not_an_object",
        "not_json",
    ]
    assert [each["line"] for each in btc] == [0, 2, 0, 0, 1, 2, 3, 4]
    assert len({(each["shard"], each["sequence_number"], each["line"]) for each in found}) == len(found) == 9
    assert '"price":67432.50' in answer.out
    assert "\x1b" not in answer.out


@pytest.mark.emulator
def test_tail_as_table_shows_bad_records_as_such_and_harmless(ctc: Call, session: Path) -> None:
    with locked(session):
        answer = ctc("tail", "--from", "oldest", "--symbol", "BTC-USDT", "--state", session)
    assert answer.code == 0
    assert "12:30:00.123  binance   BTC-USDT   buy      67,432.5          0.25  $16.86K" in answer.out
    assert "12:30:00.250  coinbase  BTC-USDT   buy        67,445           0.5  $33.72K" in answer.out
    assert answer.out.count("refused (") == 5
    assert "symbol is not in the allowed list" in answer.out
    assert "\x1b" not in answer.out


@pytest.mark.emulator
def test_tail_picks_and_ends_where_it_was_asked_to(ctc: Call, session: Path) -> None:
    def ids(*words: str) -> list[int]:
        with locked(session):
            answer = ctc("tail", "--from", "oldest", "--format", "json", "--state", session, *words)
        assert answer.code == 0
        return [json.loads(each).get("trade", {}).get("trade_id", 0) for each in answer.out.splitlines()]

    assert ids("--symbol", "ETH-USDT") == [5]
    assert ids("--symbol", "BTC-USDT", "--exchange", "coinbase") == [2, 0, 0, 0, 0, 0]
    assert ids("--symbol", "BTC-USDT", "--limit", "2") == [1, 2]
    assert ids("--symbol", "BTC-USDT", "--limit", "2", "--heartbeats") == [1, 0]


@pytest.mark.emulator
def test_tail_raw_gives_the_lines_byte_for_byte(session: Path) -> None:
    with (
        process_of("tail", "--raw", "--from", "oldest", "--symbol", "ETH-USDT", "--limit", 1, "--state", session) as process,
        locked(session),
    ):
        assert line(process).encode() == encode_line(msgspec.structs.replace(a_trade(5), symbol="ETH-USDT")) + b"\n"
        assert process.wait(200) == 0


def test_tail_names_what_the_session_has(ctc: Call, tmp_path: Path) -> None:
    from ctc.settings import load_profile

    save_state(load_profile("sim"), tmp_path)
    assert "no symbol 'DOGE-USDT'; choose one of: BTC-USDT" in ctc("tail", "--symbol", "DOGE-USDT", "--state", tmp_path).sentence()
    assert "no exchange 'kraken'; choose one of: binance, coinbase" in ctc("tail", "--exchange", "kraken", "--state", tmp_path).sentence()
    assert "leave --format out" in ctc("tail", "--raw", "--format", "json", "--state", tmp_path).sentence()


@pytest.mark.emulator
def test_tail_begins_with_what_comes_and_ends_on_ctrl_c(streamed: Settings, tmp_path: Path) -> None:
    put = stream_writers(streamed)[0].put
    put(records()[:1])
    save_state(streamed, tmp_path)
    with locked(tmp_path), process_of("tail", "--heartbeats", "--state", tmp_path) as process:
        assert line(process).split() == ["time", "exchange", "symbol", "side", "price", "quantity", "value"]
        number, found = 100, ""
        while not found:  # until it reads: what is put before that is not what comes
            number += 1
            put([Record("ETH-USDT", pack([encode_line(msgspec.structs.replace(a_trade(number), symbol="ETH-USDT"))]))])
            found = line(process) if _ready(process) else ""
        assert "ETH-USDT" in found
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=200)
    assert (process.returncode, "BTC-USDT" in out, err) == (130, False, "")


def _ready(process: object) -> bool:
    import select

    return bool(select.select([process.stdout], [], [], 0.2)[0])  # type: ignore[attr-defined]


@pytest.mark.emulator
def test_shards_give_iterators_at_the_tip_and_at_a_time(streamed: Settings) -> None:
    shards = trade_shards(streamed)
    put = stream_writers(streamed)[0].put
    put([Record("BTC-USDT", b"before")])
    (shard,) = [each.id for each in shards.list() if shards.get(shards.iterator(each.id, ""), 10).entries]
    first = shards.get(shards.iterator(shard, ""), 10).entries[0]
    tip = shards.latest(shard)
    put([Record("BTC-USDT", b"after")])
    assert [entry.data for entry in shards.get(tip, 10).entries] == [b"after"]
    assert [entry.data for entry in shards.get(shards.since(shard, first.arrival_us), 10).entries] == [b"before", b"after"]
