"""The contract of a metric store, over the fake and the emulator alike."""

from __future__ import annotations

from datetime import timedelta
from itertools import permutations

import pytest
from fakes_hot import MemoryMetrics
from samples_hot import NOON, a_bar, a_ledger, a_snapshot, a_spread

from ctc.aws.hot import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.model import IdSpan
from ctc.ports import MetricStore
from ctc.settings import Settings

pytestmark = pytest.mark.contract


@pytest.fixture(params=["memory", "dynamodb"])
def store(request: pytest.FixtureRequest) -> MetricStore:
    if request.param == "memory":
        return MemoryMetrics()
    own: Settings = request.getfixturevalue("emulator")
    create_tables(own)
    return DynamoMetrics(own)


def test_nothing_is_there_before_the_first_write(store: MetricStore) -> None:
    assert store.snapshot("BTC-USDT") is None
    assert store.snapshots() == []
    assert store.stream_clock() is None
    assert store.bars("BTC-USDT", NOON) == []
    assert store.spreads("BTC-USDT", NOON) == []


def test_snapshot_comes_back_exactly(store: MetricStore) -> None:
    empty = a_snapshot(0, symbol="ETH-USDT", current_price={}, volume_1h={}, last_whale=None, spread_pct=None, clock=None, newest_trade={})
    store.put([a_snapshot(), empty], [], [])
    assert store.snapshot("BTC-USDT") == a_snapshot()
    assert store.snapshot("ETH-USDT") == empty
    assert store.snapshots() == [a_snapshot(), empty]


def test_snapshot_only_goes_forward_whatever_the_order(store: MetricStore) -> None:
    steps = [
        a_snapshot(1, clock=None),
        a_snapshot(1, clock=NOON),
        a_snapshot(1, clock=NOON + timedelta(seconds=1)),
        a_snapshot(1, duplicates=1, clock=NOON + timedelta(seconds=1)),
    ]
    for number, order in enumerate(permutations(steps)):
        symbol = f"S{number}-USDT"
        for step in order:
            store.put([a_snapshot(step.trades, symbol=symbol, duplicates=step.duplicates, clock=step.clock)], [], [])
        assert store.snapshot(symbol) == a_snapshot(1, symbol=symbol, duplicates=1, clock=NOON + timedelta(seconds=1))


def test_stream_clock_is_the_newest_of_all_symbols(store: MetricStore) -> None:
    later = NOON + timedelta(seconds=9)
    store.put([a_snapshot(), a_snapshot(symbol="ETH-USDT", clock=later), a_snapshot(symbol="SOL-USDT", clock=None)], [], [])
    assert store.stream_clock() == later


def test_bars_come_back_in_order_once_each(store: MetricStore) -> None:
    bars = [a_bar(minute, exchange=exchange) for minute in range(90) for exchange in ("binance", "coinbase")]
    store.put([a_snapshot(clock=NOON + timedelta(minutes=91))], [*reversed(bars), bars[0]], [])
    store.put([], bars[:30], [])
    assert store.bars("BTC-USDT", NOON) == bars
    assert store.bars("BTC-USDT", NOON + timedelta(minutes=1)) == bars[2:]
    assert store.bars("BTC-USDT", NOON + timedelta(minutes=40)) == bars[80:]
    assert store.bars("ETH-USDT", NOON) == []


def test_bars_of_a_since_long_ago(store: MetricStore) -> None:
    store.put([a_snapshot(clock=NOON + timedelta(minutes=2))], [a_bar(0)], [])
    assert store.bars("BTC-USDT", NOON - timedelta(days=700)) == [a_bar(0)]
    assert store.bars("BTC-USDT", NOON + timedelta(days=700)) == []


def test_spreads_come_back_in_order(store: MetricStore) -> None:
    spreads = [a_spread(step) for step in range(150)]
    store.put([a_snapshot(clock=NOON + timedelta(minutes=80))], [], spreads)
    assert store.spreads("BTC-USDT", NOON) == spreads
    assert store.spreads("BTC-USDT", NOON + timedelta(seconds=31)) == spreads[2:]


def test_gap_ledger_only_goes_forward(store: MetricStore) -> None:
    assert store.ledger("BTC-USDT") is None
    store.put_ledger("BTC-USDT", a_ledger(100, 3))
    store.put_ledger("BTC-USDT", a_ledger(90, 9))  # a batch that comes again after a crash
    assert store.ledger("BTC-USDT") == a_ledger(100, 3)
    store.put_ledger("BTC-USDT", a_ledger(100, 4))  # nothing new was received, but something was given up
    assert store.ledger("BTC-USDT") == a_ledger(100, 4)
    assert store.ledger("ETH-USDT") is None


def test_what_is_told_beside_the_stream_outlives_its_next_batch(store: MetricStore) -> None:
    (space,) = a_ledger(1, 1).spaces
    span = IdSpan(space=space, state="backfilled", first_id=5, last_id=6, trades=2, started_at=NOON, ended_at=NOON)
    scattered = [
        IdSpan(space=space, state="natural", first_id=number, last_id=number, trades=0, started_at=NOON, ended_at=NOON)
        for number in range(1_001, 6_001, 2)
    ]
    for _ in range(2):  # a job that died told it twice
        store.tell_ledger("BTC-USDT", "history#run", [span])
        store.tell_ledger("BTC-USDT", "history-natural#market", scattered)
    told = store.ledger("BTC-USDT")
    assert told is not None
    assert told.spaces[space].ids == {"backfilled": 2, "natural": 2_500}
    for received in (100, 110):
        store.put_ledger("BTC-USDT", a_ledger(received, 3))
        found = store.ledger("BTC-USDT")
        assert found is not None
        assert found.spaces[space].ids == {"received": received, "lost": 1, "backfilled": 2, "natural": 2_500}
    assert store.ledger("ETH-USDT") is None
