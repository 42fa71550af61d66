"""Recordings as a session: their trades once, their own time, their gaps."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from fakes_exchange import BASE_MS, agg_trade, match, run
from fakes_stream import FakeStream, beats_of, trades_of

from ctc.errors import RecordingError
from ctc.model import to_us
from ctc.producer.main import parse, producer_of
from ctc.quality.dedup import Deduplicator
from ctc.settings import load_profile, machine

FIXTURES = Path(__file__).parent.parent / "fixtures" / "realdata"


def replayed(state: Path, *options: object) -> tuple[FakeStream, FakeStream]:
    stream, dead = FakeStream(), FakeStream()

    async def test() -> None:
        made = producer_of(load_profile("sim"), state, parse([str(option) for option in options]), stream, dead)
        await made.run()
        assert made.phase == "done"

    run(test())
    return stream, dead


def offsets(stream: FakeStream, symbol: str) -> list[tuple[float, list[bool]]]:
    return [
        (to_us(beat.heartbeat) / 1e6 - BASE_MS / 1000, [mark.connected for mark in beat.venues])
        for beat in beats_of(stream.decoded(symbol))
    ]


def test_replay_of_real_frames_sends_each_trade_once(tmp_path: Path) -> None:
    stream, dead = replayed(tmp_path, "--replay", *sorted(FIXTURES.glob("binance_spot_*_20240808.excerpt.gz")))
    assert set(stream.lines()) == {"BTC-USDT", "ETH-USDT"}
    for symbol in ("BTC-USDT", "ETH-USDT"):
        ids = [trade.trade_id for trade in trades_of(stream.decoded(symbol))]
        assert len(ids) > 50
        assert len(set(ids)) == len(ids)
        beats = beats_of(stream.decoded(symbol))
        assert [beat.final for beat in beats] == [False] * (len(beats) - 1) + [True]
        assert beats[-1].venues[0].last_id == max(ids)
    assert not dead.records


def test_replay_sends_the_same_whatever_its_speed(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(agg_trade(i, i * 100) for i in range(30)))
    began = time.monotonic()
    paced, _ = replayed(tmp_path, "--replay", path, "--speed", "10")
    assert time.monotonic() - began >= 0.28
    quick, _ = replayed(tmp_path, "--replay", path)
    assert paced.lines() == quick.lines()


def test_replay_knows_where_a_venue_was_away(tmp_path: Path) -> None:
    (tmp_path / "b.jsonl").write_text("\n".join(agg_trade(i, i * 500) for i in range(1300)))
    seconds = [*range(2, 10), *range(300, 310)]
    (tmp_path / "c.jsonl").write_text("\n".join(match(i, 1000 * second + 250) for i, second in enumerate(seconds)))
    stream, _ = replayed(tmp_path / "state", "--replay", tmp_path / "b.jsonl", tmp_path / "c.jsonl")
    beats = dict(offsets(stream, "BTC-USDT"))
    coinbase = [offset for offset, (_, up) in beats.items() if up]
    assert coinbase == [*range(4, 10), *range(302, 310)]  # those that speak of a second which was seen whole
    assert all(states[0] for offset, states in beats.items() if 1 <= offset <= 649)
    assert list(beats)[-2:] == [650, 720]


def test_replay_leaps_over_a_gap_between_recordings(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n".join(agg_trade(i, i * 500) for i in range(5)))
    (tmp_path / "b.jsonl").write_text("\n".join(agg_trade(100 + i, 86_400_000 + i * 500) for i in range(5)))
    stream, _ = replayed(tmp_path / "state", "--replay", tmp_path / "a.jsonl", tmp_path / "b.jsonl")
    found = offsets(stream, "BTC-USDT")
    assert [offset for offset, _ in found] == [1, 2, 3, 86_400, 86_401, 86_402, 86_403, 86_473]
    assert [states[0] for _, states in found] == [True, True, False, False, True, True, False, False]


def test_replay_of_both_kinds_of_a_market_sends_each_market_trade_once(tmp_path: Path) -> None:
    as_trade = [agg_trade(i, i * 500).replace("aggTrade", "trade").replace('"a":', '"t":') for i in (*range(40), *range(60, 80))]
    (tmp_path / "t.jsonl").write_text("\n".join(as_trade))
    (tmp_path / "a.jsonl").write_text("\n".join(agg_trade(i, i * 500) for i in range(100)))
    stream, _ = replayed(tmp_path / "state", "--replay", tmp_path / "t.jsonl", tmp_path / "a.jsonl")
    lines = stream.decoded("BTC-USDT")
    sent = [(trade.kind, trade.trade_id) for trade in trades_of(lines)]
    assert sent == [("trade" if i < 40 or 60 <= i < 80 else "aggTrade", i) for i in range(100)]
    beats = beats_of(lines)
    assert all([mark.kind for mark in beat.venues] == ["aggTrade", "trade"] for beat in beats)
    assert {offset: states for offset, states in offsets(stream, "BTC-USDT") if 1 <= offset <= 49} == {
        i: [True, True] for i in range(1, 50)
    }
    assert {mark.last_id for beat in beats for mark in beat.venues} == {None}


def test_replay_of_both_kinds_of_a_market_leaves_no_hole_to_wait_for(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text(
        "\n".join(agg_trade(i, i * 500).replace("aggTrade", "trade").replace('"a":', '"t":') for i in (1, 50))
    )
    (tmp_path / "a.jsonl").write_text("\n".join(agg_trade(i, i * 500) for i in range(100)))
    stream, _ = replayed(tmp_path / "state", "--replay", tmp_path / "t.jsonl", tmp_path / "a.jsonl")
    fold = Deduplicator("BTC-USDT", 15)
    for line in stream.decoded("BTC-USDT"):
        fold.feed(line)
        assert not fold.state.waiting
    assert not fold.gaps


def test_replay_puts_unreadable_frames_aside(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join([agg_trade(1, 0), '{"stream":"btcusdt@aggTrade","data":{"e":"aggTrade","p":"x"}}', agg_trade(2, 5)]))
    stream, dead = replayed(tmp_path / "state", "--replay", path)
    assert [trade.trade_id for trade in trades_of(stream.decoded("BTC-USDT"))] == [1, 2]
    assert len(dead.records) == 1


def test_replay_of_nothing_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(RecordingError, match="nowhere"):
        replayed(tmp_path, "--replay", tmp_path / "nowhere.gz")


@pytest.mark.realdata
def test_replay_of_the_whole_recordings_has_every_trade(tmp_path: Path) -> None:
    folder = machine("CTC_REALDATA")
    if not folder:
        pytest.skip("CTC_REALDATA names no folder of recordings")
    stream, dead = replayed(tmp_path, "--replay", *sorted(Path(folder).glob("binance_spot_*_20240808.gz")))
    counts = {symbol: len({trade.trade_id for trade in trades_of(stream.decoded(symbol))}) for symbol in stream.lines()}
    assert counts == {"BTC-USDT": 9757, "ETH-USDT": 6106}
    assert not dead.records
