"""Plans, the catalogue of anomalies, and what planting makes of them."""

import itertools
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from ctc.errors import ConfigError, SessionError
from ctc.model import to_us
from ctc.settings import load_profile
from sim.market import Market, Minute
from sim.plan import FIXED_START, Plan, load_plan, make_plan, save_plan
from sim.schedule import WARMUP
from sim.truth import Ledger, Seeded, load_truth

SETTINGS = load_profile("sim")


@pytest.fixture(scope="module")
def session() -> tuple[Plan, list[Minute]]:
    """A whole session of the default length."""
    plan = make_plan(7, FIXED_START, 6_000, SETTINGS)
    market = Market(plan)
    state, minutes = market.first_state(), []
    for _ in range(100):
        minute, state = market.step(state)
        minutes.append(minute)
    return plan, minutes


def _seeds(minutes: list[Minute]) -> list[Seeded]:
    return [seed for minute in minutes for seed in minute.planted]


def test_plan_survives_saving(tmp_path: Path) -> None:
    plan = make_plan(3, FIXED_START, 3_000, SETTINGS, pace="catchup", rate=2.0)
    save_plan(plan, tmp_path)
    assert load_plan(tmp_path) == plan
    assert plan == make_plan(3, FIXED_START, 3_000, SETTINGS, pace="catchup", rate=2.0)
    assert set(plan.symbols) == set(SETTINGS.session.symbols)


@pytest.mark.parametrize(
    ("start", "duration", "options"),
    [
        (FIXED_START + timedelta(seconds=1), 60, {}),
        (datetime(2026, 1, 15), 60, {}),
        (FIXED_START, 90, {}),
        (FIXED_START, 0, {}),
        (FIXED_START, 60, {"rate": 0.0}),
        (FIXED_START, 60, {"pace": -1.0}),
    ],
)
def test_plan_refuses_what_it_cannot_run(start: datetime, duration: int, options: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        make_plan(1, start, duration, SETTINGS, **options)  # type: ignore[arg-type]


def test_plan_missing_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="ctc sim"):
        load_plan(tmp_path)


def test_schedule_leaves_one_anomaly_a_symbol_and_minute_and_the_warmup_free() -> None:
    for seed in range(5):
        wanted = make_plan(seed, FIXED_START, 6_000, SETTINGS).wanted
        taken = list(itertools.chain.from_iterable(((each.symbol, each.minute + step) for step in range(each.minutes)) for each in wanted))
        assert len(taken) == len(set(taken))
        assert all(each.minute >= WARMUP for each in wanted if each.type != "whale")
        assert {each.rule for each in wanted} == {"whale.single", "whale.split", "volume.z", "volume.robust", "spread.raw"}
        assert {each.size for each in wanted} == {"below", "marginal-below", "marginal-above", "above", "far-above"}
        assert min(each.minute * 60 + each.offset_ms / 1000 for each in wanted if each.type == "whale") <= 120


@pytest.mark.parametrize("minutes", [1, 2, 5, 30])
def test_schedule_fits_short_sessions(minutes: int) -> None:
    plan = make_plan(5, FIXED_START, minutes * 60, SETTINGS)
    assert plan.wanted
    assert all(each.minute + each.minutes <= minutes for each in plan.wanted)


def test_schedule_covers_a_session_without_an_end() -> None:
    plan = make_plan(5, datetime(2026, 3, 1, 9, 30, tzinfo=UTC), None, SETTINGS, pace="catchup")
    assert plan.end is None
    assert max(each.minute for each in plan.wanted) > 1_000


def test_planting_whales_are_on_the_tape_as_the_ledger_says(session: tuple[Plan, list[Minute]]) -> None:
    plan, minutes = session
    market = Market(plan)
    whales = [seed for seed in _seeds(minutes) if seed.type == "whale"]
    assert len(whales) > 12
    for seed in whales:
        item = market.listings[f"{seed.exchange}:{seed.native_symbol}"]
        minute = minutes[(to_us(seed.start) - market.start_us) // 60_000_000]
        columns = (minute.aggregates if seed.kind == "aggTrade" else minute.prints)[item.name]
        rows = np.array(seed.trade_ids) - columns.first_id
        total = Decimal(int((columns.price[rows] * columns.quantity[rows]).sum())) / item.units
        assert total == seed.planted == seed.quote_volume
        assert {to_us(seed.start)} == {at // 1000 * 1000 for at in columns.at[rows].tolist()}
        same_ms = (columns.at >= to_us(seed.start)) & (columns.at < to_us(seed.end))
        assert same_ms.sum() == len(seed.trade_ids)  # alone in its millisecond
        assert len(seed.trade_ids) > 1 if "whale.split" in seed.rules else len(seed.trade_ids) == 1


def test_planting_marginal_whales_are_within_a_lot_of_the_threshold(session: tuple[Plan, list[Minute]]) -> None:
    plan, minutes = session
    marginal = [seed for seed in _seeds(minutes) if seed.type == "whale" and seed.size.startswith("marginal")]
    assert {seed.size for seed in marginal} == {"marginal-below", "marginal-above"}
    for seed in marginal:
        assert seed.planted is not None
        assert (seed.planted > plan.whale_threshold) == (seed.size == "marginal-above")
        assert abs(seed.planted - plan.whale_threshold) < 5


def test_planting_brings_volume_and_spread_to_what_was_wanted(session: tuple[Plan, list[Minute]]) -> None:
    _, minutes = session
    measured = [seed for seed in _seeds(minutes) if seed.measure in ("z_score", "robust_score", "spread_pct")]
    assert {seed.measure for seed in measured} == {"z_score", "robust_score", "spread_pct"}
    reached = [seed for seed in measured if seed.planted is not None and abs(seed.planted - seed.intended) < Decimal("0.02")]
    assert len(reached) >= len(measured) * 0.9  # a drought below zero volume can't be had


def test_planting_depeg_moves_the_peg_and_every_raw_spread(session: tuple[Plan, list[Minute]]) -> None:
    _, minutes = session
    (depeg,) = (seed for seed in _seeds(minutes) if seed.measure == "peg")
    first = (to_us(depeg.start) - minutes[0].start_us) // 60_000_000
    deep = minutes[first + 2]
    assert np.median(deep.prints["coinbase:USDT-USD"].price) < 99_100
    binance, coinbase = (float(np.median(deep.prints[name].price)) for name in ("binance:BTCUSDT", "coinbase:BTC-USD"))
    assert 0.8 < (binance / coinbase - 1) * 100 < 1.4


def test_ledger_is_read_back_and_survives_a_resume(tmp_path: Path, session: tuple[Plan, list[Minute]]) -> None:
    plan, minutes = session
    ledger = Ledger(tmp_path, plan.name, plan.seed)
    for minute in minutes[:50]:
        ledger.add(minute.planted)
    again = Ledger(tmp_path, plan.name, plan.seed)
    again.load()
    for minute in minutes[40:]:
        again.add(minute.planted)
    assert sorted(load_truth(tmp_path), key=lambda seed: seed.id) == sorted(_seeds(minutes), key=lambda seed: seed.id)
