"""Dedup: an interval set that equals a plain set, and decisions that no order or cut of the log can change."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc.model import Heartbeat, Trade, VenueMark, event_id
from ctc.quality import dedup, ids
from ctc.quality.dedup import Deduplicator, Gap, IdSpace, is_dense

START = datetime(2024, 8, 8, tzinfo=UTC)
SPACE = "binance|spot|BTCUSDT|aggTrade"
IDS = st.lists(st.integers(0, 40), max_size=60)


def trade(number: int, seconds: float = 0.0, exchange: str = "binance", market: str = "spot") -> Trade:
    at = START + timedelta(seconds=seconds)
    return Trade(
        event_id=event_id(f"{exchange}|{market}|BTCUSDT|aggTrade", number), exchange=exchange, market=market,
        symbol="BTC-USDT", native_symbol="BTCUSDT", quote_currency="USDT", kind="aggTrade", trade_id=number,
        price=Decimal(60000), quantity=Decimal("0.1"), quote_volume=Decimal(6000), side="buy", timestamp=at,
        ingestion_timestamp=at, raw_event_payload="{}",
    )  # fmt: skip


def beat(seconds: float, last_id: int | None, exchange: str = "binance", market: str = "spot") -> Heartbeat:
    mark = VenueMark(exchange=exchange, market=market, native_symbol="BTCUSDT", kind="aggTrade", connected=True, last_id=last_id)
    return Heartbeat(heartbeat=START + timedelta(seconds=seconds), symbol="BTC-USDT", producer="p", venues=(mark,))


def fed(*lines: object) -> Deduplicator:
    kept = Deduplicator("BTC-USDT", 15)
    for line in lines:
        kept.feed(line)
    return kept


def seconds(kept: Deduplicator) -> float | None:
    return None if kept.clock is None else kept.clock / 1e6 - START.timestamp()


@pytest.mark.parametrize(
    ("space", "dense"),
    [
        (SPACE, True),
        ("coinbase|spot|BTC-USD|match", True),
        ("binance|perpetual|BTCUSDT|aggTrade", False),
        ("hyperliquid|spot|BTC|trade", False),
    ],
)
def test_is_dense_is_true_of_the_known_spot_venues_only(space: str, dense: bool) -> None:
    assert is_dense(space) is dense


@given(IDS)
def test_id_space_equals_a_plain_set(numbers: list[int]) -> None:
    space, plain = IdSpace.empty(), set[int]()
    for number in numbers:
        assert space.add(number) is (number not in plain)
        plain.add(number)
    known = {n for a, b in zip(space.known.starts, space.known.ends, strict=True) for n in range(a, b + 1)}
    assert known == plain
    assert all(b + 1 < a for b, a in zip(space.known.ends, space.known.starts[1:], strict=False))


@given(st.permutations(range(12)), st.integers(0, 12))
def test_id_space_is_insensitive_to_order(order: list[int], named: int) -> None:
    one, other = IdSpace.empty(), IdSpace.empty()
    for number in order:
        one.add(number)
    for number in sorted(order):
        other.add(number)
    assert one == other


@given(IDS, st.lists(st.integers(0, 40), max_size=4), IDS)
def test_id_space_missing_and_lost_equal_plain_sets(before: list[int], named: list[int], after: list[int]) -> None:
    space, seen, lost = IdSpace.empty(), set[int](), set[int]()
    for number in before:
        space.add(number)
        seen.add(number)
    for number in named:
        space.name(number)
    base = min(seen) if seen else (named[0] if named else 0)
    need = max(named, default=-1)
    hole = set(range(base, need + 1)) - seen
    assert {n for a, b in space.missing() for n in range(a, b + 1)} == hole
    assert space.whole() is (not hole)
    space.declare_lost()
    lost |= hole
    assert space.whole()
    assert set(space.lost.starts) <= lost
    for number in after:
        assert space.add(number) is (number not in seen)
        seen.add(number)


def test_id_space_fills_the_lowest_hole_past_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "MAX_INTERVALS", 3)
    space = IdSpace.empty()
    for number in (1, 3, 5, 7):
        assert space.add(number)
    assert (space.known.starts, space.known.ends) == ([1, 5, 7], [3, 5, 7])
    assert not space.add(2)
    assert space.add(6)


@given(IDS)
def test_deduplicator_keeps_each_trade_once_however_often_it_is_sent(numbers: list[int]) -> None:
    kept = Deduplicator("BTC-USDT", 15)
    assert [kept.feed(trade(n)) for n in numbers].count(True) == len(set(numbers))
    assert not any(kept.feed(trade(n)) for n in numbers)
    assert kept.state.duplicates == 2 * len(numbers) - len(set(numbers))


def test_deduplicator_heartbeat_counts_at_once_when_nothing_is_missing() -> None:
    assert seconds(fed(trade(5), trade(6), beat(1, 6))) == 1


def test_deduplicator_heartbeat_waits_for_the_ids_it_names() -> None:
    kept = fed(trade(5), beat(1, 7), trade(7), beat(2, 7))
    assert kept.clock is None
    kept.feed(trade(6))
    assert seconds(kept) == 2


def test_deduplicator_declares_a_hole_lost_after_its_patience() -> None:
    kept = fed(trade(5), trade(9), beat(1, 9), beat(15.9, 9))
    assert kept.clock is None
    kept.feed(beat(16, 9))
    assert seconds(kept) == 16
    at = START + timedelta(seconds=16)
    assert kept.gaps == [Gap(symbol="BTC-USDT", space=SPACE, first_id=6, last_id=8, declared_at=at)]


def test_deduplicator_keeps_a_lost_trade_that_comes_after_all() -> None:
    kept = fed(trade(5), trade(7), beat(1, 7), beat(16, 7))
    assert kept.feed(trade(6))
    assert not kept.feed(trade(6))


def test_deduplicator_needs_the_first_named_id_where_no_trade_was_seen() -> None:
    kept = fed(beat(1, 7), beat(2, 8))
    assert kept.clock is None
    assert kept.state.dense[SPACE].missing() == [(7, 8)]
    kept.feed(trade(8))
    assert seconds(kept) == 2


def test_deduplicator_remembers_sparse_ids_for_an_hour_of_the_clock() -> None:
    sparse = trade(3, 0, "hyperliquid", "perpetual")
    kept = fed(beat(0, None), sparse, beat(3599, 99, "hyperliquid"))
    assert not kept.feed(sparse)
    kept.feed(beat(3600, 99, "hyperliquid"))
    assert kept.feed(sparse)


def test_deduplicator_measures_the_hour_by_the_trades_themselves_while_no_heartbeat_counted() -> None:
    def sparse(seconds: float) -> Trade:
        return trade(3, seconds, "hyperliquid")

    kept = fed(sparse(0))
    assert [kept.feed(sparse(at)) for at in (3599, 3600, 3601)] == [False, True, False]


def test_deduplicator_forgets_the_oldest_sparse_id_past_its_cap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dedup, "MAX_REMEMBERED", 2)
    kept = fed(*(trade(number, number, "hyperliquid") for number in (1, 2, 3)))
    assert not kept.feed(trade(2, 4, "hyperliquid"))
    assert kept.feed(trade(1, 4, "hyperliquid"))


LINES = st.lists(
    st.one_of(
        st.builds(trade, st.integers(0, 30), st.integers(0, 60)),
        st.builds(trade, st.integers(0, 9), st.integers(0, 60), st.just("hyperliquid")),
        st.builds(beat, st.integers(0, 8000), st.one_of(st.none(), st.integers(0, 30))),
    ),
    max_size=40,
)


@given(LINES, st.data())
def test_deduplicator_decides_the_same_however_the_log_is_cut(lines: list[Trade | Heartbeat], data: st.DataObject) -> None:
    whole = Deduplicator("BTC-USDT", 15)
    expected = [whole.feed(line) for line in lines]
    cut = Deduplicator("BTC-USDT", 15)
    decided = []
    for line in lines:
        decided.append(cut.feed(line))
        if data.draw(st.booleans()):
            cut = Deduplicator.load("BTC-USDT", 15, cut.dump())
    assert decided == expected
    assert cut.dump() == whole.dump()


def test_natural_holes_are_waited_for_by_nobody_and_an_id_of_them_that_comes_is_new() -> None:
    mark = msgspec.structs.replace(beat(60, 5).venues[0], holes=((2, 3), (4, 4)))
    kept = fed(trade(1), trade(5), msgspec.structs.replace(beat(60, 5), venues=(mark,)))
    assert seconds(kept) == 60
    assert [(gap.first_id, gap.last_id, gap.natural) for gap in kept.gaps] == [(2, 3, True), (4, 4, True)]
    assert kept.feed(trade(3))
    assert not kept.feed(trade(3))
