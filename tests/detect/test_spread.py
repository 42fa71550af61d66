"""Spreads by hand: windows, VWAPs, the peg that applied, and which of venue or peg it was."""

from __future__ import annotations

from decimal import Decimal

import pytest
from log_strategies import SYMBOL, T0, Tape, small_settings

from ctc.detect import Outcomes, SymbolFold
from ctc.model import from_us

SETTINGS = small_settings()  # 0.5 percent


def spreads(tape: Tape, symbol: str = SYMBOL) -> Outcomes:
    return SymbolFold(symbol, SETTINGS, frozenset({"spread"})).take(tape.log)


def window(binance: str, coinbase: str, peg: str | None = None) -> Tape:
    tape = Tape()
    tape.trade(1, binance, "2")
    tape.trade(2, coinbase, "3", exchange="coinbase")
    tape.beat(20, peg=peg)
    tape.beat(35)
    return tape


def test_spread_compares_vwaps_when_the_window_closes() -> None:
    tape = Tape()
    tape.trade(1, "100", "1")
    tape.trade(29.999999, "101", "2")
    tape.trade(2, "100", "3", exchange="coinbase")
    tape.trade(30, "900", "3", exchange="coinbase")
    tape.beat(34.999999)
    assert spreads(tape).spreads == []
    tape.beat(35)
    [row] = spreads(tape).spreads
    assert (row.binance_vwap, row.coinbase_vwap) == (Decimal("100.66666667"), Decimal(100))
    assert row.spread_pct == Decimal("0.66666667")
    assert (row.window_start, row.window_end) == (from_us(T0), from_us(T0 + 30_000_000))
    assert (row.adjusted_spread_pct, row.peg) == (None, None)


@pytest.mark.parametrize(
    ("binance", "peg", "said"),
    [
        ("100.5", None, []),
        ("100.50000001", None, [("spread.raw", "venue")]),
        ("99.4", None, [("spread.raw", "venue")]),
        ("101", "0.99", [("spread.raw", "peg")]),
        ("101", "1", [("spread.raw", "venue"), ("spread.peg", "venue")]),
        ("100", "0.99", [("spread.peg", "venue")]),
    ],
)
def test_spread_says_whether_it_was_the_venue_or_the_peg(binance: str, peg: str | None, said: list[tuple[str, str]]) -> None:
    outcomes = spreads(window(binance, "100", peg))
    assert [(alert.rule, alert.cause) for alert in outcomes.alerts] == said
    assert all(alert.final and alert.event_time == from_us(T0 + 30_000_000) for alert in outcomes.alerts)


def test_spread_takes_the_last_peg_up_to_the_window_end() -> None:
    tape = window("100", "100", "0.999")
    tape.log.pop()
    tape.beat(30, peg="0.998")
    tape.beat(30.5, peg="0.9")
    tape.beat(36, peg="0.8")
    assert spreads(tape).spreads[0].peg == Decimal("0.998")


def test_spread_needs_both_venues() -> None:
    tape = Tape()
    tape.trade(1, "100", "2")
    tape.beat(35)
    assert spreads(tape).spreads == []


def test_spread_leaves_a_closed_window_as_it_was() -> None:
    tape = window("100", "100")
    tape.trade(5, "500", "9")
    tape.beat(70)
    assert [row.spread_pct for row in spreads(tape).spreads] == [0]


def test_spread_of_the_peg_symbol_is_not_made() -> None:
    assert spreads(window("101", "100"), "USDT-USD").spreads == []
