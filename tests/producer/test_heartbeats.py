"""Heartbeats, exactly: which seconds, which states, which ids, at a jump and at the end."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from log_strategies import make_trade

from ctc.codec import encode_line, pack
from ctc.detect import ALL_DETECTORS, SymbolFold
from ctc.model import Heartbeat, Trade, to_us
from ctc.producer.heartbeats import Heartbeats, Venue, Venues
from ctc.settings import load_profile

S = 1_000_000
START = 1_700_000_040 * S  # a whole minute


@pytest.fixture
def said() -> list[Heartbeat]:
    return []


@pytest.fixture
def venues() -> Venues:
    made = Venues()
    made.add("BTC-USDT", Venue("binance", "spot", "BTCUSDT", "aggTrade", up=True))
    made.add("BTC-USDT", Venue("coinbase", "spot", "BTC-USD", "match", up=True))
    return made


def times(said: list[Heartbeat]) -> list[float]:
    return [(to_us(beat.heartbeat) - START) / S for beat in said]


def states(beat: Heartbeat) -> list[bool]:
    return [mark.connected for mark in beat.venues]


def test_heartbeats_fall_on_whole_seconds_once_each(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    for offset in (0.3, 0.9, 1.0, 1.0, 1.4, 4.2):
        beats.advance(START + int(offset * S))
    assert times(said) == [1, 2, 3, 4]
    assert all(states(beat) == [True, True] and beat.producer == "p" and not beat.final for beat in said)


def test_heartbeat_names_ids_and_peg_of_its_moment(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.advance(START + S)
    venues.by_symbol["BTC-USDT"][0].last_id = 77
    beats.peg = Decimal("0.9991")
    beats.advance(START + 2 * S)
    assert [(beat.peg, beat.venues[0].last_id, beat.venues[1].last_id) for beat in said] == [
        (None, None, None),
        (Decimal("0.9991"), 77, None),
    ]


def test_loss_shows_in_the_next_heartbeat_even_when_it_was_short(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    venues.change("coinbase", ("BTC-USD",), up=False)
    venues.change("coinbase", ("BTC-USD",), up=True)
    beats.advance(START + 2 * S)
    venues.change("binance", ("BTCUSDT",), up=False)
    beats.advance(START + 4 * S)
    assert [states(beat) for beat in said] == [[True, False], [True, True], [False, True], [False, True]]


def test_jump_is_closed_at_its_start_and_its_last_second_is_not_whole(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.advance(START + S)
    beats.advance(START + int(3630.5 * S))
    beats.advance(START + int(3632.1 * S))
    assert times(said) == [1, 2, 3631, 3632]
    assert [states(beat)[0] for beat in said] == [True, False, False, True]


def test_jump_to_a_whole_minute_leaves_that_minute_whole(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.advance(START + 600 * S)
    beats.advance(START + 601 * S)
    assert list(zip(times(said), [states(beat)[0] for beat in said], strict=True)) == [(1, False), (600, False), (601, True)]


def test_minutes_of_a_machine_that_slept_are_incomplete_or_missing_never_wrong(said: list[Heartbeat], venues: Venues) -> None:
    lines: list[Heartbeat | Trade] = []
    beats = Heartbeats("p", venues, lines.append)

    def trade(second: int, *, late: bool = False) -> None:
        made = make_trade(START + second * S, "100", "1", trade_id=second + 1, exchange="binance", side="buy")
        lines.append(msgspec.structs.replace(made, is_backfilled=late))
        venues.by_symbol["BTC-USDT"][0].last_id = max(venues.by_symbol["BTC-USDT"][0].last_id or 0, second + 1)

    for second in range(500):
        if not 140 <= second < 400:  # asleep from 2:20 to 6:40
            beats.advance(START + second * S)
            trade(second)
        elif second == 399:  # awake, and made up for; the clock goes on behind it
            for missed in range(140, 400):
                trade(missed, late=True)
    records = [("s", str(number), pack([encode_line(line)])) for number, line in enumerate(lines)]
    bars = SymbolFold("BTC-USDT", load_profile("sim"), ALL_DETECTORS, None).take_records(records, frozenset({"BTC-USDT"})).bars
    found = {(to_us(bar.window_start) - START) // (60 * S): (bar.complete, bar.trade_count) for bar in bars if bar.exchange == "binance"}
    assert found[1] == (True, 60)
    assert found[7] == (True, 60)
    assert not any(complete for minute, (complete, _) in found.items() if 2 <= minute <= 6)
    assert {minute: count for minute, (_, count) in found.items() if 2 <= minute <= 6} == dict.fromkeys(range(2, 7), 60)


def test_step_of_two_minutes_is_counted_through(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.advance(START + 121 * S)
    assert times(said) == list(range(1, 122))


def test_end_says_disconnected_then_closes_every_window(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.advance(START + int(1.5 * S))
    beats.finish(START + int(3.2 * S))
    assert times(said) == [1, 2, 3, 4, 74]
    assert [states(beat)[0] for beat in said] == [True, True, True, False, False]
    assert [beat.final for beat in said] == [False] * 4 + [True]


def test_end_without_a_frame_says_nothing(said: list[Heartbeat], venues: Venues) -> None:
    Heartbeats("p", venues, said.append).finish(START)
    assert said == []


def test_spans_of_a_recording_decide_when_they_are_known(said: list[Heartbeat]) -> None:
    venues = Venues()
    venues.add("X-USD", Venue("binance", "spot", "XUSD", "trade", spans=[(START + S // 2, START + 3 * S), (START + 5 * S, START + 9 * S)]))
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START - S)
    beats.advance(START + 7 * S)
    assert [states(beat)[0] for beat in said] == [False, False, True, True, False, False, True, True]


def test_span_that_covers_a_jump_says_so(said: list[Heartbeat]) -> None:
    venues = Venues()
    venues.add("X-USD", Venue("binance", "spot", "XUSD", "trade", spans=[(START, START + 900 * S)]))
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.advance(START + 600 * S + 1)
    beats.advance(START + 601 * S)
    assert list(zip(times(said), [states(beat)[0] for beat in said], strict=True)) == [(1, False), (601, True)]


def test_end_on_a_whole_second_leaves_that_second_whole(said: list[Heartbeat], venues: Venues) -> None:
    beats = Heartbeats("p", venues, said.append)
    beats.advance(START)
    beats.finish(START + 60 * S)
    assert times(said)[-2:] == [60, 130]
    assert [states(beat)[0] for beat in said[-2:]] == [True, False]


def test_venues_of_a_profile_follow_its_maps() -> None:
    venues = Venues.of(load_profile("sim"))
    assert list(venues.by_symbol) == ["BTC-USDT", "ETH-USDT", "SOL-USDT", "USDT-USD"]
    assert [venue.native_symbol for venue in venues.by_symbol["BTC-USDT"]] == ["BTCUSDT", "BTC-USD"]
    assert [venue.exchange for venue in venues.by_symbol["USDT-USD"]] == ["coinbase"]
