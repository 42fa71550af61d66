"""Spread: Binance's VWAP against Coinbase's in 30 s windows, as quoted and with the peg taken out (docs/FOLDS.md, Spread)."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import msgspec

from ctc.detect.clock import SECOND_US, closed_before
from ctc.detect.outcomes import Findings
from ctc.detect.rules import alert_id, amount, round8, severity, worded
from ctc.model import EXACT, Alert, Heartbeat, Position, Spread, Trade, from_us, to_us
from ctc.settings import Settings

_ZERO = Decimal(0)
_HUNDRED = Decimal(100)


class Pair(msgspec.Struct, gc=False, array_like=True):
    """An open window's sums of quantity and quote volume on either venue."""

    binance_quantity: Decimal = _ZERO
    binance_volume: Decimal = _ZERO
    coinbase_quantity: Decimal = _ZERO
    coinbase_volume: Decimal = _ZERO


class SpreadState(msgspec.Struct, array_like=True):
    """What spreads remember: open windows by number, pegs that a window may still ask for, the last spread."""

    windows: dict[int, Pair]
    pegs: list[tuple[int, Decimal]]  # ascending times
    spread_pct: Decimal | None = None


class Spreads:
    """Compares the venues at each window's close."""

    def __init__(
        self, symbol: str, settings: Settings, findings: Findings, clock: int | None = None, state: SpreadState | None = None
    ) -> None:
        self.state = state if state is not None else SpreadState({}, [])
        self._symbol = symbol
        self._findings = findings
        self._settings = settings.spread
        self._silent = symbol == settings.session.peg_symbol
        self._width_us = settings.spread.window_s * SECOND_US
        self._lateness_us = settings.folds.lateness_s * SECOND_US
        self._closed_before = closed_before(clock, self._width_us, self._lateness_us)

    def on_trade(self, position: Position, trade: Trade, us: int, clock: int | None) -> None:
        """Add one unique trade to its window, unless that is closed."""
        if us >= self._closed_before:
            self.add(trade.exchange, us // self._width_us, trade.quantity, trade.quote_volume)

    def add(self, exchange: str, window: int, quantity: Decimal, quote_volume: Decimal) -> None:
        """Add unique trades of a window that is not closed."""
        if self._silent:
            return
        pair = self.state.windows.get(window)
        if pair is None:
            pair = self.state.windows[window] = Pair()
        if exchange == "binance":
            pair.binance_quantity += quantity
            pair.binance_volume += quote_volume
        elif exchange == "coinbase":
            pair.coinbase_quantity += quantity
            pair.coinbase_volume += quote_volume

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Note the peg in the order of times: a producer that catches up says old ones again, which replace no newer one."""
        if heartbeat.peg is None or self._silent:
            return
        pegs, at = self.state.pegs, to_us(heartbeat.heartbeat)
        place = len(pegs)
        while place and pegs[place - 1][0] >= at:
            place -= 1
        if place < len(pegs) and pegs[place][0] == at:
            pegs[place] = (at, heartbeat.peg)
        else:
            pegs.insert(place, (at, heartbeat.peg))

    def on_clock(self, clock: int) -> None:
        """Close the windows that the clock has passed, the oldest first."""
        before = self._closed_before = closed_before(clock, self._width_us, self._lateness_us)
        windows = self.state.windows
        for number in sorted(number for number in windows if number * self._width_us < before):
            self._close(number, windows.pop(number), clock)
        pegs = self.state.pegs
        while len(pegs) > 1 and pegs[1][0] <= before + self._width_us:
            del pegs[0]

    def _close(self, number: int, pair: Pair, clock: int) -> None:
        if not pair.binance_quantity or not pair.coinbase_quantity:
            return
        start = number * self._width_us
        binance = EXACT.divide(pair.binance_volume, pair.binance_quantity)
        coinbase = EXACT.divide(pair.coinbase_volume, pair.coinbase_quantity)
        peg = self._peg_at(start + self._width_us)
        row = Spread(
            symbol=self._symbol, window_start=from_us(start), window_end=from_us(start + self._width_us),
            binance_vwap=round8(binance), coinbase_vwap=round8(coinbase), spread_pct=_percent(binance, coinbase),
            adjusted_spread_pct=None if peg is None else _percent(EXACT.multiply(binance, peg), coinbase), peg=peg,
            binance_quantity=amount(pair.binance_quantity), coinbase_quantity=amount(pair.coinbase_quantity),
        )  # fmt: skip
        self._judge(row, start, clock)
        self._findings.spreads.append(row)
        self.state.spread_pct = row.spread_pct

    def _peg_at(self, end: int) -> Decimal | None:
        return next((peg for at, peg in reversed(self.state.pegs) if at <= end), None)

    def _judge(self, row: Spread, start: int, clock: int) -> None:
        threshold = self._settings.threshold_pct
        adjusted = row.adjusted_spread_pct
        by_venue = adjusted is None or adjusted.copy_abs() > threshold
        if row.spread_pct.copy_abs() > threshold:
            self._say("spread.raw", row.spread_pct, "venue" if by_venue else "peg", row, start, clock)
        if adjusted is not None and by_venue:
            self._say("spread.peg", adjusted, "venue", row, start, clock)

    def _say(self, rule: Literal["spread.raw", "spread.peg"], measure: Decimal, cause: str, row: Spread, start: int, clock: int) -> None:
        alert = Alert(
            alert_id=alert_id(rule, "binance-coinbase", self._symbol, str(start)),
            type="spread", rule=rule, revision=0, final=True, exchange="binance-coinbase", symbol=self._symbol,
            severity=severity(self._settings.severity, measure.copy_abs()), detected_at=from_us(clock), event_time=row.window_end,
            threshold=self._settings.threshold_pct, message="", window_start=row.window_start, window_end=row.window_end,
            spread_pct=row.spread_pct, adjusted_spread_pct=row.adjusted_spread_pct, binance_vwap=row.binance_vwap,
            coinbase_vwap=row.coinbase_vwap, peg=row.peg, cause=cause,
        )  # fmt: skip
        self._findings.alerts.append(worded(alert))


def _percent(one: Decimal, other: Decimal) -> Decimal:
    """How far one is above the other, in percent, to 8 places."""
    return round8(EXACT.multiply(EXACT.divide(EXACT.subtract(one, other), other), _HUNDRED))
