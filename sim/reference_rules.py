"""The reference of docs/FOLDS.md for whales and spreads, and what all rules share.

Plain operators on Decimals: `sim.reference` runs this in a context of 76 digits.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from ctc.model import NAMESPACE, Alert, Spread, Trade, from_us, to_us
from ctc.settings import Band, Settings
from sim.timeline import SECOND, Counted, Taken

PLACES = Decimal("1E-8")
LARGEST_RATIO = Decimal("9" * 30 + "." + "9" * 8)
LARGEST_AMOUNT = Decimal("9" * 20 + "." + "9" * 18)
NAMES: dict[str, Any] = {"volume": "volume_spike", "whale": "whale", "spread": "spread"}
SPREAD_FIELDS = (
    "window_start",
    "window_end",
    "binance_vwap",
    "coinbase_vwap",
    "spread_pct",
    "adjusted_spread_pct",
    "peg",
)
GroupKey = tuple[int, str, str, str]  # event millisecond, exchange, native symbol, side


def rounded(value: Decimal) -> Decimal:
    """Half-even to 8 places, at most what decimal(38,8) holds."""
    return max(-LARGEST_RATIO, min(value, LARGEST_RATIO)).quantize(PLACES)


def held(total: Decimal) -> Decimal:
    """A sum of amounts, at most what decimal(38,18) holds."""
    return min(total, LARGEST_AMOUNT)


def severity(bands: Sequence[Band], measure: Decimal) -> str:
    """The last band whose lower bound is not above the measure."""
    return [name for name, lowest in bands if lowest <= measure][-1]


def make_alert(rule: str, exchange: str, symbol: str, key: str, **fields: Any) -> Alert:
    """An alert with its deterministic id; the message is left empty."""
    alert_id = str(uuid.uuid5(NAMESPACE, f"{rule}|{exchange}|{symbol}|{key}"))
    type_ = NAMES[rule.split(".")[0]]
    return Alert(
        alert_id=alert_id,
        type=type_,
        rule=rule,
        exchange=exchange,
        symbol=symbol,
        message="",
        **fields,
    )


def lineage(event: Taken) -> dict[str, Any]:
    """Where the line that fired stands in the log."""
    at = event.position
    return {
        "shard": at.shard,
        "sequence_number": str(at.sequence_number),
        "position": at.line,
    }


class Rule:
    """What the three have in common: the symbol, the settings, where alerts go, and when a window is closed."""

    def __init__(self, symbol: str, settings: Settings, alerts: list[Alert]) -> None:
        self.symbol = symbol
        self.settings = settings
        self.alerts = alerts
        self.lateness = settings.folds.lateness_s * SECOND

    def closed(self, end: int, clock: int | None) -> bool:
        return clock is not None and clock >= end + self.lateness


class Whales(Rule):
    """`whale.single` and `whale.split`."""

    def __init__(self, symbol: str, settings: Settings, alerts: list[Alert]) -> None:
        super().__init__(symbol, settings, alerts)
        self.threshold = settings.whales.threshold
        self.bands = settings.whales.tiers.get(symbol, settings.whales.severity)
        self.groups: dict[GroupKey, list[Trade]] = defaultdict(list)
        self.fired: dict[GroupKey, Alert] = {}

    def trade(self, event: Taken) -> None:
        trade, ms = event.trade, event.us // 1000
        detected = from_us(event.us if event.clock is None else event.clock)
        if trade.quote_volume > self.threshold:
            key = f"{trade.space}|{trade.trade_id}"
            where = {
                "native_symbol": trade.native_symbol,
                "side": trade.side,
                "event_time": trade.timestamp,
            }
            said = {
                "revision": 0,
                "final": True,
                "detected_at": detected,
                **where,
                **lineage(event),
            }
            # one trade's price as the exchange said it, not a rounded ratio
            numbers = {**self._numbers([trade]), "price": trade.price}
            self.alerts.append(make_alert("whale.single", trade.exchange, self.symbol, key, **said, **numbers))
        if self.closed((ms + 1) * 1000, event.clock):
            return
        group = (ms, trade.exchange, trade.native_symbol, trade.side)
        self.groups[group].append(trade)
        if group not in self.fired and self._crosses(self.groups[group]):
            self._fire(group, detected, lineage(event))

    def _crosses(self, trades: list[Trade]) -> bool:
        return len(trades) >= 2 and sum(trade.quote_volume for trade in trades) > self.threshold

    def _fire(self, group: GroupKey, detected: datetime, where: dict[str, Any]) -> None:
        ms, exchange, native, side = group
        said = {
            "revision": 0,
            "final": False,
            "detected_at": detected,
            "event_time": from_us(ms * 1000),
            **where,
        }
        numbers = {
            **self._numbers(self.groups[group]),
            "native_symbol": native,
            "side": side,
        }
        alert = make_alert(
            "whale.split",
            exchange,
            self.symbol,
            f"{native}|{side}|{ms}",
            **said,
            **numbers,
        )
        self.fired[group] = alert
        self.alerts.append(alert)

    def close(self, event: Counted) -> None:
        ripe = sorted(group for group in self.groups if self.closed((group[0] + 1) * 1000, event.clock))
        for group in ripe:
            trades = self.groups.pop(group)
            early = self.fired.pop(group, None)
            if early is not None:
                numbers = self._numbers(trades)
                self.alerts.append(msgspec.structs.replace(early, revision=1, final=True, **numbers))

    def _numbers(self, trades: list[Trade]) -> dict[str, Any]:
        quantity = sum((trade.quantity for trade in trades), Decimal(0))
        quote = sum((trade.quote_volume for trade in trades), Decimal(0))
        return {
            "price": rounded(quote / quantity),
            "quantity": held(quantity),
            "quote_volume": held(quote),
            "trade_count": len(trades),
            "first_trade_id": min(trade.trade_id for trade in trades),
            "last_trade_id": max(trade.trade_id for trade in trades),
            "threshold": self.threshold,
            "severity": severity(self.bands, quote),
        }


class Spreads(Rule):
    """Binance against Coinbase, `spread.raw` and `spread.peg`."""

    def __init__(self, symbol: str, settings: Settings, alerts: list[Alert]) -> None:
        super().__init__(symbol, settings, alerts)
        self.rules = settings.spread
        self.width = self.rules.window_s * SECOND
        self.windows: dict[int, list[Trade]] = defaultdict(list)
        self.pegs: list[tuple[int, Decimal]] = []
        self.rows: list[Spread] = []

    def mark(self, event: Counted) -> None:
        if event.heartbeat.peg is not None:
            self.pegs.append((event.us, event.heartbeat.peg))

    def trade(self, event: Taken) -> None:
        window = event.us // self.width
        if self.symbol != self.settings.session.peg_symbol and not self.closed((window + 1) * self.width, event.clock):
            self.windows[window].append(event.trade)

    def close(self, event: Counted) -> None:
        for window in sorted(self.windows):
            if self.closed((window + 1) * self.width, event.clock):
                self._close_window(window, self.windows.pop(window), from_us(event.clock))

    def _close_window(self, window: int, trades: list[Trade], detected: datetime) -> None:
        sides = {name: [trade for trade in trades if trade.exchange == name] for name in ("binance", "coinbase")}
        if not all(sides.values()):
            return
        quantity = {name: sum((trade.quantity for trade in side), Decimal(0)) for name, side in sides.items()}
        quote = {name: sum((trade.quote_volume for trade in side), Decimal(0)) for name, side in sides.items()}
        b, c = (quote[name] / quantity[name] for name in ("binance", "coinbase"))
        end = (window + 1) * self.width
        told = [(us, place) for place, (us, _) in enumerate(self.pegs) if us <= end]
        peg = self.pegs[max(told)[1]][1] if told else None
        row = Spread(
            symbol=self.symbol,
            window_start=from_us(end - self.width),
            window_end=from_us(end),
            binance_vwap=rounded(b),
            coinbase_vwap=rounded(c),
            spread_pct=rounded((b - c) / c * 100),
            adjusted_spread_pct=None if peg is None else rounded((b * peg - c) / c * 100),
            peg=peg,
            binance_quantity=held(quantity["binance"]),
            coinbase_quantity=held(quantity["coinbase"]),
        )
        self._judge(row, detected)
        self.rows.append(row)

    def _judge(self, row: Spread, detected: datetime) -> None:
        adjusted, limit = row.adjusted_spread_pct, self.rules.threshold_pct
        measured = {name: getattr(row, name) for name in SPREAD_FIELDS}
        said = {
            "revision": 0,
            "final": True,
            "detected_at": detected,
            "event_time": row.window_end,
            "threshold": limit,
        }
        cause = "venue" if adjusted is None or abs(adjusted) > limit else "peg"
        key = str(to_us(row.window_start))
        for rule, value in (("spread.raw", row.spread_pct), ("spread.peg", adjusted)):
            if value is not None and abs(value) > limit:
                level = severity(self.rules.severity, abs(value))
                fields = {**said, **measured, "severity": level, "cause": cause}
                self.alerts.append(make_alert(rule, "binance-coinbase", self.symbol, key, **fields))
