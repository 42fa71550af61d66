"""`ctc cost`'s model: exact on a small example, and in the right direction for every input."""

from __future__ import annotations

import json
from math import ceil, inf, nan
from typing import NamedTuple

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ctc.cost.measured import Linear, Usage, linear, load_measured, usage
from ctc.cost.model import GB, HOUR_S, KB, MILLION, estimate, marginal, stream_gb, total, workers
from ctc.cost.prices import load_prices, scaled
from ctc.cost.scenario import ASSUMED, Scenario, sentences
from ctc.errors import ConfigError

PRICES = load_prices()
patiently = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
USED = usage(load_measured())
rates = st.floats(min_value=0.1, max_value=50_000)
scenarios = st.builds(
    Scenario,
    rate=rates,
    viewers=st.integers(0, 100),
    detect_s=st.floats(0.2, 60),
    lake_s=st.floats(1, 600),
    kept_gb=st.floats(0, 1e4),
    packed=st.booleans(),
)


class Small(NamedTuple):
    """Figures that can be multiplied in one's head."""

    used: Usage = msgspec.structs.replace(
        USED,
        spark_cpu_s=Linear(1.0, 0.0),
        spark_memory=2**30,
        kinesis_kb=Linear(0.0, 0.1),
        kinesis_bytes=Linear(0.0, 50.0),
        reads=2.0,
        line_bytes=300.0,
    )
    hour: Scenario = Scenario(rate=1_000.0, symbols=4)


def dollars(found: list[object], service: str, word: str) -> float:
    return sum(line.dollars for line in found if line.service == service and word in line.what)  # type: ignore[attr-defined]


def test_stream_counts_records_rounded_up_and_both_readers() -> None:
    put, read = stream_gb(Small().hour, Small().used)
    assert put == pytest.approx(100 * KB * HOUR_S / GB)
    assert read == pytest.approx(50 * 1_000 * 2 * HOUR_S / GB)


def test_one_trade_a_record_pays_a_kilobyte_for_each() -> None:
    put, read = stream_gb(msgspec.structs.replace(Small().hour, packed=False), Small().used)
    assert put == pytest.approx(1_004 * KB * HOUR_S / GB)
    assert read == pytest.approx(1_004 * 300 * 2 * HOUR_S / GB)


def test_workers_hold_the_batches_the_memory_and_a_driver() -> None:
    hour, used = Small().hour, Small().used
    assert workers(hour, used) == ASSUMED.least_workers
    assert workers(msgspec.structs.replace(hour, detect_s=0.1), used) == ceil((10 + 1 / 60) / ASSUMED.busy / ASSUMED.worker_vcpu)
    assert workers(hour, msgspec.structs.replace(used, spark_memory=17 * 2**30)) == 5


def test_an_hour_of_workers_and_streams_costs_what_the_list_says() -> None:
    found = estimate(Small().hour, Small().used, PRICES)
    assert dollars(found.hour, "EMR Serverless", "") == pytest.approx(4 * 0.052624 + 8 * 0.0057785)
    assert dollars(found.hour, "Kinesis", "streams") == pytest.approx(0.08)
    assert dollars(found.hour, "Kinesis", "put") == pytest.approx(100 * KB * HOUR_S / GB * 0.08)


def test_an_idle_day_has_the_key_the_alarms_and_what_is_kept() -> None:
    found = estimate(msgspec.structs.replace(Small().hour, kept_gb=100.0), USED, PRICES)
    assert total(found.day) == pytest.approx((1 + 6 * 0.1 + 3 + 0.5 * 0.1 + 100 * 0.023) * 24 / 730)


@patiently
@given(scenarios)
def test_sums_are_those_of_their_lines(scenario: Scenario) -> None:
    found = estimate(scenario, USED, PRICES)
    assert found.active_hour == pytest.approx(sum(line.dollars for line in found.hour))
    assert found.idle_day == pytest.approx(sum(line.dollars for line in found.day))
    assert found.million_trades == pytest.approx(found.active_hour / (scenario.rate * HOUR_S) * MILLION)
    assert all(line.dollars == pytest.approx(line.quantity * PRICES.dollars(line.price)) for line in found.hour)
    assert all(0 <= line.dollars < inf for line in [*found.hour, *found.day])


@patiently
@given(scenarios, st.floats(1, 10))
def test_more_of_anything_never_costs_less(scenario: Scenario, factor: float) -> None:
    before = estimate(scenario, USED, PRICES)
    changes = {
        "rate": scenario.rate * factor,
        "viewers": ceil(scenario.viewers * factor),
        "detect_s": scenario.detect_s / factor,
        "lake_s": scenario.lake_s / factor,
        "kept_gb": scenario.kept_gb * factor,
    }
    for name, value in changes.items():
        after = estimate(msgspec.structs.replace(scenario, **{name: value}), USED, PRICES)
        assert after.active_hour >= before.active_hour * (1 - 1e-12), name
        assert after.idle_day >= before.idle_day * (1 - 1e-12), name


@patiently
@given(scenarios, st.sampled_from(sorted(PRICES.prices)), st.floats(1, 10))
def test_a_higher_price_never_costs_less(scenario: Scenario, name: str, factor: float) -> None:
    before, after = (estimate(scenario, USED, each) for each in (PRICES, scaled(PRICES, {name: factor})))
    assert after.active_hour >= before.active_hour
    assert after.idle_day >= before.idle_day


@patiently
@given(scenarios)
def test_prices_doubled_are_dollars_doubled(scenario: Scenario) -> None:
    doubled = estimate(scenario, USED, scaled(PRICES, dict.fromkeys(PRICES.prices, 2.0)))
    assert doubled.active_hour == pytest.approx(2 * estimate(scenario, USED, PRICES).active_hour)
    assert doubled.million_more == pytest.approx(2 * marginal(scenario, USED, PRICES))


@patiently
@given(scenarios.filter(lambda each: each.rate >= 5))
def test_packed_records_never_cost_more_than_single_ones(scenario: Scenario) -> None:
    packed, single = (msgspec.structs.replace(scenario, packed=each) for each in (True, False))
    assert marginal(packed, USED, PRICES) < marginal(single, USED, PRICES)


@patiently
@given(st.floats(0, 100), st.floats(0, 1), st.floats(1, 1_000), st.floats(1, 1_000), st.floats(1.1, 50))
def test_two_windows_give_back_what_made_them(base: float, trade: float, seconds: float, trades: float, times: float) -> None:
    points = [(seconds, count, base * seconds + trade * count) for count in (trades, trades * times)]
    found = linear(points[0], points[1])
    assert found.base == pytest.approx(base, abs=1e-6)
    assert found.trade == pytest.approx(trade, abs=1e-6)


@patiently
@given(*[st.floats(0.1, 1_000)] * 2, st.floats(1.1, 50), *[st.floats(0, 1e6)] * 2)
def test_parts_of_a_measurement_are_never_negative(base: float, trades: float, times: float, first: float, second: float) -> None:
    found = linear((base, trades, first), (base, trades * times, second))
    assert found.base >= 0
    assert found.trade >= 0


def test_windows_of_one_rate_are_refused() -> None:
    with pytest.raises(ConfigError, match="different rates"):
        linear((1, 10, 5), (2, 20, 10))


@pytest.mark.parametrize(
    "bad", [{"rate": 0}, {"rate": -1}, {"rate": nan}, {"rate": inf}, {"detect_s": 0}, {"lake_s": nan}, {"viewers": -1}]
)
def test_scenarios_that_cannot_be_are_refused(bad: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(bad))):
        Scenario(**bad)  # type: ignore[arg-type]


def test_every_assumption_is_said_with_its_value() -> None:
    said = " ".join(sentences(Scenario(lake_s=37, kept_gb=11)))
    assert "37 s" in said
    assert "11 GB" in said
    assert "{" not in said


def test_an_estimate_is_plain_json() -> None:
    found = estimate(Scenario(), USED, PRICES)
    assert json.loads(msgspec.json.encode(found))["bounds"][1]["most"] == 5
