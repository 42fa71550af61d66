"""What the reference remembers of ids."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sim.timeline import BLOCK, Ids

NUMBERS = st.one_of(st.integers(0, 40), st.integers(BLOCK - 20, BLOCK + 20), st.integers(0, (1 << 63) - 1))


@given(st.lists(NUMBERS), st.lists(NUMBERS))
def test_ids_are_a_set_in_order(seen: list[int], asked: list[int]) -> None:
    ids = Ids()
    for number in seen:
        ids.add(number)
    assert list(ids) == sorted(set(seen))
    assert [number in ids for number in asked] == [number in set(seen) for number in asked]
