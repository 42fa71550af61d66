"""Whales: one large print, or one taker order split in prints of the same millisecond (docs/FOLDS.md, Whales)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctc.detect.clock import SECOND_US, closed_before
from ctc.detect.outcomes import Findings
from ctc.detect.rules import Fired, alert_id, round8, severity, worded
from ctc.model import EXACT, Alert, Heartbeat, Position, Trade, Whale, from_us
from ctc.settings import Settings

MS_US = 1_000


class Group(msgspec.Struct, gc=False, array_like=True):
    """The prints of one exchange, native symbol, side and millisecond."""

    count: int
    quantity: Decimal
    quote_volume: Decimal
    first_id: int
    last_id: int
    fired: Fired | None = None


class Lane(msgspec.Struct, array_like=True):
    """The open groups of one exchange, native symbol and side: second -> millisecond -> group."""

    exchange: str
    native_symbol: str
    side: str
    seconds: dict[int, dict[int, Group]]


class WhaleState(msgspec.Struct, array_like=True):
    """What whales remember: the milliseconds that may still grow, and the newest whale."""

    lanes: list[Lane]
    newest: Whale | None = None


class Whales:
    """Fires single whales at once; split ones at the print that crosses, completed when their millisecond closes."""

    def __init__(
        self, symbol: str, settings: Settings, findings: Findings, clock: int | None = None, state: WhaleState | None = None
    ) -> None:
        self.state = state if state is not None else WhaleState([])
        self._symbol = symbol
        self._findings = findings
        self._threshold = settings.whales.threshold
        self._bands = settings.whales.tiers.get(symbol, settings.whales.severity)
        self._lateness_us = settings.folds.lateness_s * SECOND_US
        self._closed_before = closed_before(clock, MS_US, self._lateness_us)
        self._lanes = {(lane.exchange, lane.native_symbol, lane.side): lane.seconds for lane in self.state.lanes}
        self._early = [
            (ms, *key)
            for key, seconds in self._lanes.items()
            for groups in seconds.values()
            for ms, group in groups.items()
            if group.fired is not None
        ]

    def on_trade(self, position: Position, trade: Trade, us: int, clock: int | None) -> None:
        """Look at one unique trade; `us` is its timestamp."""
        if trade.quote_volume > self._threshold:
            self._single(position, trade, us, clock)
        if us < self._closed_before:
            return
        key = (trade.exchange, trade.native_symbol, trade.side)
        seconds = self._lanes.get(key)
        if seconds is None:
            seconds = self._lanes[key] = {}
            self.state.lanes.append(Lane(*key, seconds))
        groups = seconds.get(us // SECOND_US)
        if groups is None:
            groups = seconds[us // SECOND_US] = {}
        number = trade.trade_id
        ms = us // MS_US
        group = groups.get(ms)
        if group is None:
            groups[ms] = Group(1, trade.quantity, trade.quote_volume, number, number)
            return
        group.count += 1
        group.quantity += trade.quantity
        group.quote_volume += trade.quote_volume
        if number > group.last_id:
            group.last_id = number
        elif number < group.first_id:
            group.first_id = number
        if group.fired is None and group.quote_volume > self._threshold:
            self._fire(position, (ms, *key), group, us, clock)

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Nothing that whales ask about is in a heartbeat but its time."""

    def on_clock(self, clock: int) -> None:
        """Complete the split whales whose millisecond the clock has closed, and forget closed seconds."""
        before = self._closed_before = closed_before(clock, MS_US, self._lateness_us)
        for key in sorted(key for key in self._early if key[0] * MS_US < before):
            self._early.remove(key)
            ms, *lane = key
            self._complete(key, self._lanes[(key[1], key[2], key[3])][ms * MS_US // SECOND_US][ms])
        for seconds in self._lanes.values():
            for second in [second for second in seconds if (second + 1) * SECOND_US <= before]:
                del seconds[second]

    def _single(self, position: Position, trade: Trade, us: int, clock: int | None) -> None:
        alert = Alert(
            alert_id=alert_id("whale.single", trade.exchange, self._symbol, f"{trade.space}|{trade.trade_id}"),
            type="whale", rule="whale.single", revision=0, final=True,
            exchange=trade.exchange, symbol=self._symbol, severity=severity(self._bands, trade.quote_volume),
            detected_at=from_us(us if clock is None else clock), event_time=from_us(us), threshold=self._threshold, message="",
            native_symbol=trade.native_symbol, side=trade.side, price=trade.price, quantity=trade.quantity,
            quote_volume=trade.quote_volume, trade_count=1, first_trade_id=trade.trade_id, last_trade_id=trade.trade_id,
            shard=position.shard, sequence_number=str(position.sequence_number), position=position.line,
        )  # fmt: skip
        self._say(alert)

    def _fire(self, position: Position, key: tuple[int, str, str, str], group: Group, us: int, clock: int | None) -> None:
        detected_us = us if clock is None else clock
        fired = Fired(detected_us, key[0] * MS_US, position.shard, str(position.sequence_number), position.line)
        group.fired = fired
        self._early.append(key)
        self._findings.alerts.append(worded(self._split(key, group, fired)))

    def _complete(self, key: tuple[int, str, str, str], group: Group) -> None:
        if group.fired is not None:
            early = self._split(key, group, group.fired)
            self._say(msgspec.structs.replace(early, revision=1, final=True))

    def _split(self, key: tuple[int, str, str, str], group: Group, fired: Fired) -> Alert:
        ms, exchange, native_symbol, side = key
        return Alert(
            alert_id=alert_id("whale.split", exchange, self._symbol, f"{native_symbol}|{side}|{ms}"),
            type="whale", rule="whale.split", revision=0, final=False,
            exchange=exchange, symbol=self._symbol, severity=severity(self._bands, group.quote_volume),
            detected_at=from_us(fired.detected_us), event_time=from_us(fired.event_us), threshold=self._threshold, message="",
            native_symbol=native_symbol, side=side, price=round8(EXACT.divide(group.quote_volume, group.quantity)),
            quantity=group.quantity, quote_volume=group.quote_volume, trade_count=group.count,
            first_trade_id=group.first_id, last_trade_id=group.last_id,
            shard=fired.shard, sequence_number=fired.sequence_number, position=fired.position,
        )  # fmt: skip

    def _say(self, alert: Alert) -> None:
        """A final one, which is then the newest whale."""
        self._findings.alerts.append(worded(alert))
        if alert.price is not None and alert.quantity is not None and alert.quote_volume is not None:
            self.state.newest = Whale(
                price=alert.price, quantity=alert.quantity, side=alert.side or "", timestamp=alert.event_time,
                exchange=alert.exchange, quote_volume=alert.quote_volume,
            )  # fmt: skip
