"""How many different values a column has: exact while few, near enough when many, and never of how they are cut into batches."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ctc.daily.distinct import MOST, Distinct

MAKES = {
    "text": lambda at: pa.array([f"id {each}" for each in at]),
    "number": lambda at: pa.array(at, pa.int64()),
    "time": lambda at: pa.array([each * 1_000_000 for each in at], pa.timestamp("us")),
    "decimal": lambda at: pa.array([Decimal(each) / 100 for each in at], pa.decimal128(38, 18)),
}


def counted(*batches: pa.Array) -> int:
    found = Distinct()
    for batch in batches:
        found.add(batch)
    return found.count()


@pytest.mark.parametrize("kind", MAKES)
def test_few_are_counted_exactly_and_many_within_five_percent(kind: str) -> None:
    make: Any = MAKES[kind]
    few, many = range(-5, MOST - 6), range(-30_000, 30_000)
    assert counted(make(few), make(few[:10])) == len(few)
    assert counted(make(many), make(many)) == pytest.approx(len(many), rel=0.05)


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.integers(0, 100))
def test_batches_cut_elsewhere_give_the_same(values: list[int], at: int) -> None:
    whole = pa.array(values, pa.int64())
    assert counted(whole[:at], whole[at:]) == counted(whole) == len(set(values))


def test_order_and_cuts_change_nothing_where_it_is_an_estimate() -> None:
    many = list(range(3 * MOST))
    whole, turned = pa.array(many), pa.array(many[::-1])
    assert counted(whole) == counted(turned) == counted(whole[:5_000], turned, whole[100:])
    assert counted(whole) != len(many) or counted(whole[:-1]) != len(many) - 1
