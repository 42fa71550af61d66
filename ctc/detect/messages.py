"""An alert as a person would say it: "BTC-USDT volume 3.3x above 1h average on Binance" (PRD, API)."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Context, Decimal

from ctc.model import Alert

_SHOW = Context(prec=76, rounding=ROUND_HALF_EVEN)
_UNITS = ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))
_HUNDRED = Decimal(100)


def sentence(alert: Alert) -> str:
    """One sentence, from the other fields alone."""
    return _SAY[alert.type](alert)


def money(amount: Decimal) -> str:
    """$1.34M, $250.10K, $12.00."""
    for unit, letter in _UNITS:
        if amount >= unit:
            return f"${_fixed(_SHOW.divide(amount, unit), 2)}{letter}"
    return f"${_fixed(amount, 2)}"


def _fixed(value: Decimal, places: int) -> str:
    return f"{_SHOW.quantize(value, Decimal(1).scaleb(-places, _SHOW)):f}"


def _volume(alert: Alert) -> str:
    what = f"{alert.symbol} volume {_against_average(alert)} on {alert.exchange.capitalize()}"
    if alert.rule == "volume.robust" and alert.robust_score is not None:
        return f"{what} (robust score {_fixed(alert.robust_score, 1)})"
    return what


def _against_average(alert: Alert) -> str:
    mean, volume = alert.rolling_mean, alert.window_volume
    if not mean or volume is None:
        return "where 1h average is none"
    if volume >= mean:
        return f"{_fixed(_SHOW.divide(volume, mean), 1)}x above 1h average"
    missing = _SHOW.multiply(_SHOW.divide(_SHOW.subtract(mean, volume), mean), _HUNDRED)
    return f"{_fixed(missing, 0)}% below 1h average"


def _whale(alert: Alert) -> str:
    prints = f" in {alert.trade_count} prints" if alert.rule == "whale.split" else ""
    amount = money(alert.quote_volume if alert.quote_volume is not None else Decimal(0))
    return f"{alert.symbol} {alert.side} of {amount}{prints} on {alert.exchange.capitalize()}"


def _spread(alert: Alert) -> str:
    adjusted = alert.rule == "spread.peg"
    spread = (alert.adjusted_spread_pct if adjusted else alert.spread_pct) or Decimal(0)
    direction = "above" if spread > 0 else "below"
    what = f"{alert.symbol} {_fixed(spread.copy_abs(), 2)}% {direction} Coinbase on Binance"
    if alert.peg is None:
        return what
    peg = _fixed(alert.peg, 4)
    if adjusted:
        return f"{what} with USDT at ${peg} taken into account"
    return f"{what}, explained by USDT at ${peg}" if alert.cause == "peg" else what


_SAY = {"volume_spike": _volume, "whale": _whale, "spread": _spread}
