"""Times: exact microseconds by the short cut, and where closed windows end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from ctc.detect.clock import NEVER, Microseconds, closed_before
from ctc.model import to_us

ZONES = st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-11))])
MOMENTS = st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(9000, 1, 1), timezones=ZONES)


@given(st.lists(st.tuples(MOMENTS, st.integers(-90_000_000, 90_000_000)), min_size=1))
def test_microseconds_equal_to_us(moments: list[tuple[datetime, int]]) -> None:
    microseconds = Microseconds()
    for moment, off in moments:
        for each in (moment, moment + timedelta(microseconds=off)):
            assert microseconds(each) == to_us(each)


def test_closed_before_is_the_end_of_the_newest_window_that_the_clock_passed_by_the_lateness() -> None:
    assert closed_before(65_000_000, 60_000_000, 5_000_000) == 60_000_000
    assert closed_before(64_999_999, 60_000_000, 5_000_000) == 0
    assert closed_before(None, 60_000_000, 5_000_000) == NEVER
