"""Where a log is cut into micro-batches can't be seen: the fold says what the reference says, field for field."""

from __future__ import annotations

from comparing import expected, first_difference, run_fold
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from log_strategies import SYMBOL, Log, batches, cuts, logs, small_settings

from ctc.detect.fold import SymbolFold
from ctc.settings import Settings
from sim.reference import reference

SMALL = small_settings()
VARIANTS = (
    SMALL,
    small_settings(volume__min_bars=2, volume__baseline_bars=4, volume__z_threshold="1.2", volume__robust_threshold="1"),
    small_settings(volume__robust_cooldown_s=0, whales__threshold="150", spread__threshold_pct="0.05", folds__lateness_s=0),
    small_settings(folds__hole_patience_s=3, folds__lateness_s=40, volume__robust_threshold="2"),
)
patiently = settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


@patiently
@given(st.data(), logs(), st.sampled_from(VARIANTS), st.booleans())
def test_fold_equals_the_reference_however_the_log_is_cut(data: st.DataObject, log: Log, chosen: Settings, restored: bool) -> None:
    pieces = batches(log, data.draw(cuts(len(log))))
    found = run_fold(pieces, chosen, restored=restored)
    assert first_difference(found, expected(reference(log, SYMBOL, chosen))) == ""


@settings(patiently, max_examples=40)
@given(logs(max_minutes=6), st.sampled_from(VARIANTS))
def test_fold_equals_the_reference_line_by_line_restored_each_time(log: Log, chosen: Settings) -> None:
    found = run_fold([[entry] for entry in log] or [[]], chosen, restored=True)
    assert first_difference(found, expected(reference(log, SYMBOL, chosen))) == ""


@settings(max_examples=20, deadline=None)
@given(logs(max_minutes=8))
def test_fold_equals_the_reference_for_the_peg_symbol_and_for_tiers(log: Log) -> None:
    for symbol in ("USDT-USD", "SOL-USDT"):
        found = run_fold([log], SMALL, restored=False, symbol=symbol)
        assert first_difference(found, expected(reference(log, symbol, SMALL))) == ""


@settings(max_examples=30, deadline=None)
@given(st.data(), logs(max_minutes=8))
def test_fold_lines_taken_twice_after_a_restart_say_the_same_again(data: st.DataObject, log: Log) -> None:
    """A batch that is run again from the state before it (a crash before the commit) gives the same outcomes."""
    at = data.draw(st.integers(0, len(log)))
    fold = SymbolFold(SYMBOL, SMALL)
    fold.take(log[:at])
    state = fold.dump()
    assert fold.take(log[at:]) == SymbolFold(SYMBOL, SMALL, state=state).take(log[at:])
