"""Whales: one large print, or one taker order split in prints of the same millisecond (docs/FOLDS.md, Whales)."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from ctc.detect.clock import SECOND_US, closed_before
from ctc.detect.outcomes import Findings
from ctc.detect.rules import Fired, alert_id, amount, round8, severity, worded
from ctc.model import EXACT, Alert, Heartbeat, Position, Trade, Whale, from_us
from ctc.settings import Settings

MS_US = 1_000
Key = tuple[int, str, str, str]  # millisecond, exchange, native symbol, side


class Group(msgspec.Struct, gc=False, array_like=True):
    """The prints of one exchange, native symbol, side and millisecond."""

    count: int
    quantity: Decimal
    quote_volume: Decimal
    first_id: int
    last_id: int
    fired: Fired | None = None


class Lane(msgspec.Struct, array_like=True):
    """The groups of one exchange, native symbol and side that are not closed: second -> encoded {millisecond: group}.

    A busy second holds thousands; one that no trade touches between two dumps is neither decoded nor encoded again.
    """

    exchange: str
    native_symbol: str
    side: str
    seconds: dict[int, msgspec.Raw]


class WhaleState(msgspec.Struct, array_like=True):
    """What whales remember: the milliseconds that may still grow, which of them have fired, and the newest whale."""

    lanes: list[Lane]
    early: list[Key]
    newest: Whale | None = None


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(dict[int, Group]).decode
_NONE = msgspec.Raw(_ENCODE({}))
Groups = dict[int, dict[int, Group]]  # second -> millisecond -> group


class Whales:
    """Fires single whales at once; split ones at the print that crosses, completed when their millisecond closes."""

    def __init__(
        self, symbol: str, settings: Settings, findings: Findings, clock: int | None = None, state: WhaleState | None = None
    ) -> None:
        self.state = state if state is not None else WhaleState([], [])
        self._symbol = symbol
        self._findings = findings
        self._threshold = settings.whales.threshold
        self._bands = settings.whales.tiers.get(symbol, settings.whales.severity)
        self._lateness_us = settings.folds.lateness_s * SECOND_US
        self._closed_before = closed_before(clock, MS_US, self._lateness_us)
        self._lanes: dict[tuple[str, str, str], tuple[Lane, Groups]] = {
            (lane.exchange, lane.native_symbol, lane.side): (lane, {}) for lane in self.state.lanes
        }

    def seal(self) -> WhaleState:
        """The state, up to date."""
        for lane, opened in self._lanes.values():
            for second, groups in opened.items():
                lane.seconds[second] = msgspec.Raw(_ENCODE(groups))
        return self.state

    def on_trade(self, position: Position, trade: Trade, us: int, clock: int | None) -> None:
        """Look at one unique trade; `us` is its timestamp."""
        if trade.quote_volume > self._threshold:
            self._single(position, trade, us, clock)
        if us < self._closed_before:
            return
        key = (trade.exchange, trade.native_symbol, trade.side)
        found = self._lanes.get(key)
        if found is None:
            found = self._lane(key)
        second = us // SECOND_US
        groups = found[1].get(second)
        if groups is None:
            groups = self._open(*found, second)
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
        for key in sorted(key for key in self.state.early if key[0] * MS_US < before):
            self.state.early.remove(key)
            ms, exchange, native_symbol, side = key
            self._complete(key, self._open(*self._lanes[(exchange, native_symbol, side)], ms * MS_US // SECOND_US)[ms])
        for lane, opened in self._lanes.values():
            for second in [second for second in lane.seconds if (second + 1) * SECOND_US <= before]:
                del lane.seconds[second]
                opened.pop(second, None)

    def open_seconds(self) -> set[int]:
        """The seconds with a millisecond that may still grow."""
        return {second for lane, _ in self._lanes.values() for second in lane.seconds}

    def _lane(self, key: tuple[str, str, str]) -> tuple[Lane, Groups]:
        lane = Lane(*key, {})
        self.state.lanes.append(lane)
        found = self._lanes[key] = (lane, {})
        return found

    def _open(self, lane: Lane, opened: Groups, second: int) -> dict[int, Group]:
        """The groups of a second, ready to change."""
        if second not in opened:
            encoded = lane.seconds.setdefault(second, _NONE)
            opened[second] = _DECODE(encoded)
        return opened[second]

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

    def _fire(self, position: Position, key: Key, group: Group, us: int, clock: int | None) -> None:
        detected_us = us if clock is None else clock
        fired = Fired(detected_us, key[0] * MS_US, position.shard, str(position.sequence_number), position.line)
        group.fired = fired
        self.state.early.append(key)
        self._findings.alerts.append(worded(self._split(key, group, fired)))

    def _complete(self, key: Key, group: Group) -> None:
        if group.fired is not None:
            early = self._split(key, group, group.fired)
            self._say(msgspec.structs.replace(early, revision=1, final=True))

    def _split(self, key: Key, group: Group, fired: Fired) -> Alert:
        ms, exchange, native_symbol, side = key
        return Alert(
            alert_id=alert_id("whale.split", exchange, self._symbol, f"{native_symbol}|{side}|{ms}"),
            type="whale", rule="whale.split", revision=0, final=False,
            exchange=exchange, symbol=self._symbol, severity=severity(self._bands, group.quote_volume),
            detected_at=from_us(fired.detected_us), event_time=from_us(fired.event_us), threshold=self._threshold, message="",
            native_symbol=native_symbol, side=side, price=round8(EXACT.divide(group.quote_volume, group.quantity)),
            quantity=amount(group.quantity), quote_volume=amount(group.quote_volume), trade_count=group.count,
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
