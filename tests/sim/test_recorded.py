"""The settings of a session over recordings: what they hold, and how the JVM is to compile for so many."""

from __future__ import annotations

from ctc.settings import load_profile
from ctc.sources.survey import Survey
from sim.run import LONG_BYTES, _recorded

SPACE = ("binance", "spot", "BTCUSDT", "trade")


def test_second_compiler_is_for_large_recordings() -> None:
    profile, slow = load_profile("sim"), load_profile("sim", {"spark.quick_start": False})
    small, large = (Survey(contents=[frozenset({SPACE})], bytes=size) for size in (LONG_BYTES - 1, LONG_BYTES))
    assert [_recorded(profile, found).spark.quick_start for found in (small, large)] == [True, False]
    assert not _recorded(slow, small).spark.quick_start
    assert _recorded(profile, large).session.symbols == ("BTC-USDT",)
