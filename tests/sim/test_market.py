"""The seeded market: the same tape however it is made, exact numbers, plausible statistics."""

import itertools

import msgspec
import numpy as np
import pytest

from ctc.settings import load_profile, machine
from sim import calibrate
from sim.market import Columns, Market, Minute, State
from sim.plan import FIXED_START, Plan, make_plan

FIELDS = ("at", "price", "quantity", "buy", "first", "last", "order")


def _plan(seed: int = 11, minutes: int = 40, **options: object) -> Plan:
    return make_plan(seed, FIXED_START, minutes * 60, load_profile("sim"), **options)  # type: ignore[arg-type]


def _minutes(plan: Plan, count: int, state: State | None = None) -> tuple[list[Minute], State]:
    market = Market(plan)
    state = state or market.first_state()
    found = []
    for _ in range(count):
        minute, state = market.step(state)
        found.append(minute)
    return found, state


def _same(one: Columns, other: Columns) -> bool:
    return one.first_id == other.first_id and all(np.array_equal(getattr(one, name), getattr(other, name)) for name in FIELDS)


def test_market_same_seed_same_minutes() -> None:
    first, _ = _minutes(_plan(), 5)
    second, _ = _minutes(_plan(), 5)
    for one, other in zip(first, second, strict=True):
        assert all(_same(one.prints[name], other.prints[name]) for name in one.prints)
        assert all(_same(one.aggregates[name], other.aggregates[name]) for name in one.prints)
        assert one.planted == other.planted


def test_market_other_seed_other_minutes() -> None:
    (one,), _ = _minutes(_plan(1), 1)
    (other,), _ = _minutes(_plan(2), 1)
    assert not _same(one.prints["binance:BTCUSDT"], other.prints["binance:BTCUSDT"])


@pytest.mark.parametrize("cut", [1, 4, 30])
def test_market_goes_on_from_a_saved_state_as_if_never_stopped(cut: int) -> None:
    plan = msgspec.json.decode(msgspec.json.encode(_plan()), type=Plan)
    whole, end = _minutes(_plan(), 33)
    _, state = _minutes(plan, cut)
    restored = msgspec.json.decode(msgspec.json.encode(state), type=State)
    rest, end_again = _minutes(plan, 33 - cut, restored)
    for one, other in zip(whole[cut:], rest, strict=True):
        assert all(_same(one.prints[name], other.prints[name]) for name in one.prints)
    assert end == end_again


def test_market_ids_are_contiguous_and_times_ascend() -> None:
    minutes, _ = _minutes(_plan(), 4)
    for kind in ("prints", "aggregates"):
        for name in minutes[0].prints:
            several = [getattr(minute, kind)[name] for minute in minutes]
            assert all(one.first_id + len(one) == other.first_id for one, other in itertools.pairwise(several))
            times = np.concatenate([columns.at for columns in several])
            assert (np.diff(times) >= 0).all()
            assert times[0] >= minutes[0].start_us
            assert times[-1] < minutes[-1].end_us
            if name.startswith("binance"):
                assert (times % 1000 == 0).all()


def test_market_prices_and_quantities_are_whole_and_positive() -> None:
    minutes, _ = _minutes(_plan(), 3)
    for columns in minutes[2].prints.values():
        assert columns.price.dtype == columns.quantity.dtype == np.int64
        assert (columns.price > 0).all()
        assert (columns.quantity > 0).all()


def test_market_aggregates_hold_each_print_once_at_one_price_and_side() -> None:
    minutes, _ = _minutes(_plan(), 3)
    for name, aggregates in minutes[1].aggregates.items():
        prints = minutes[1].prints[name]
        inside = aggregates.last - aggregates.first + 1
        assert np.array_equal(np.concatenate([[aggregates.last[0] + 1], aggregates.last[1:] + 1])[:-1], aggregates.first[1:])
        owner = np.repeat(np.arange(len(aggregates)), inside)
        assert owner.size == len(prints)
        for field in ("at", "price", "buy", "order"):
            assert np.array_equal(getattr(aggregates, field)[owner], getattr(prints, field))
        assert np.array_equal(np.bincount(owner, prints.quantity.astype(float)).astype(np.int64), aggregates.quantity)


def test_market_quiet_minute_has_no_trade_and_keeps_ids() -> None:
    market = Market(_plan())
    minute, state = market.step(market.first_state())
    quiet, after = market.quiet(state)
    assert sum(map(len, quiet.prints.values())) == 0
    assert after.listed == state.listed
    assert quiet.start_us == minute.end_us


def test_market_rate_multiplies_activity() -> None:
    (calm,), _ = _minutes(_plan(anomalies=False), 1)
    (busy,), _ = _minutes(_plan(anomalies=False, rate=10.0), 1)
    assert 5 < sum(map(len, busy.prints.values())) / sum(map(len, calm.prints.values())) < 20


def test_market_statistics_are_those_of_crypto_markets() -> None:
    samples = calibrate.simulated(3, minutes=30)
    btc, coinbase = (calibrate.statistics(samples[name]) for name in ("binance:BTCUSDT", "coinbase:BTC-USD"))
    assert 8 < btc["prints/s"] < 45
    assert 20 < btc["median print, USD"] < 300
    assert 3_000 < btc["p99 print, USD"] < 30_000
    assert 20 < btc["bursts of several prints, %"] < 50
    assert btc["CV of the gaps"] > 1.2 > 1.0
    assert 0.2 < btc["CV of minute volume"] < 1.5
    assert btc["bursts above $100k, per 10,000"] < 60
    assert coinbase["bursts of several prints, %"] < 12
    assert coinbase["bursts above $100k, per 10,000"] == 0


@pytest.mark.realdata
@pytest.mark.skipif(not machine("CTC_REALDATA"), reason="CTC_REALDATA names no folder of recordings")
def test_calibrate_compares_with_each_recording() -> None:
    from pathlib import Path

    compared = list(calibrate.comparison(Path(machine("CTC_REALDATA")), 7))
    assert len(compared) == len(calibrate.RECORDINGS)
    for _, real, simulated in compared:
        for name in ("p99 burst, USD", "median burst, USD", "CV of the gaps", "prints/s"):
            assert 1 / 4 < simulated[name] / real[name] < 4
