"""Volume: 60 s bars of each exchange, tested against the hour before while they grow and when they close (docs/FOLDS.md, Volume)."""

from __future__ import annotations

from decimal import Decimal
from typing import NamedTuple

from ctc.detect.bars import HOUR_BARS, ClosedBar, OpenBar, Venue, VolumeState
from ctc.detect.clock import SECOND_US, closed_before
from ctc.detect.outcomes import Findings
from ctc.detect.rules import Fired, alert_id, amount, round8, severity, worded
from ctc.model import Alert, Bar, Heartbeat, Position, Trade, from_us, to_us
from ctc.settings import Settings

_ZERO = Decimal(0)


class Tested(NamedTuple):
    """A bar's numbers at the moment of a test or of its close."""

    exchange: str
    minute: int
    quote_volume: Decimal
    trades: int
    bars: int
    mean: Decimal | None
    std: Decimal | None
    z: Decimal | None
    robust: Decimal | None


class Volumes:
    """Bars and their tests. The one minute that can fire is the first that is not closed: its baseline is frozen."""

    def __init__(
        self, symbol: str, settings: Settings, findings: Findings, clock: int | None = None, state: VolumeState | None = None
    ) -> None:
        self.state = state if state is not None else VolumeState({})
        self._symbol = symbol
        self._findings = findings
        self._settings = settings.volume
        self._width_us = settings.volume.window_s * SECOND_US
        self._lateness_us = settings.folds.lateness_s * SECOND_US
        self._closed_before = closed_before(clock, self._width_us, self._lateness_us)

    def on_trade(self, position: Position, trade: Trade, us: int, clock: int | None) -> None:
        """Add one unique trade to its bar, unless that is closed, and test the bar if its baseline is frozen."""
        before = self._closed_before
        if us < before:
            return
        venue = self.state.venues.get(trade.exchange)
        if venue is None:
            venue = self._venue(trade.exchange)
        minute = us // self._width_us
        bar = venue.open.get(minute)
        if bar is None:
            bar = venue.open[minute] = OpenBar(trade.quantity, trade.quote_volume, 1, us)
            if us - before < self._width_us:
                self._set_floor(venue, minute, bar)
        else:
            bar.volume += trade.quantity
            bar.quote_volume += trade.quote_volume
            bar.trades += 1
            bar.newest_us = us
        if bar.floor is not None and bar.quote_volume > bar.floor and clock is not None:
            fired = Fired(clock, us, position.shard, str(position.sequence_number), position.line)
            self._test(trade.exchange, venue, minute, bar, fired)

    def add(self, exchange: str, minute: int, volume: Decimal, quote_volume: Decimal, trades: int, newest_us: int) -> bool:
        """Add so many unique trades of a minute that is not closed at once; False, and nothing is added, where one of them may fire."""
        venue = self._venue(exchange)
        bar = venue.open.get(minute)
        if bar is None:
            bar = OpenBar(_ZERO, _ZERO, 0, newest_us)
            if minute * self._width_us == self._closed_before:
                self._set_floor(venue, minute, bar)
        total = bar.quote_volume + quote_volume
        if bar.floor is not None and total > bar.floor:
            return False
        bar.volume += volume
        bar.quote_volume = total
        bar.trades += trades
        bar.newest_us = newest_us
        venue.open[minute] = bar
        return True

    def on_heartbeat(self, heartbeat: Heartbeat) -> None:
        """Mark the minute that ends with the heartbeat or holds it, for the exchanges that it names; a closed one takes no mark.

        A heartbeat speaks of the time before it, so that a producer's first one that is connected marks nothing.
        """
        us = to_us(heartbeat.heartbeat)
        minute = (us - 1) // self._width_us
        for named in heartbeat.venues:
            venue = self._venue(named.exchange)
            first = venue.first_up.setdefault(heartbeat.producer, us) if named.connected else None
            venue.newest_beat[heartbeat.producer] = max(us, venue.newest_beat.get(heartbeat.producer, us))
            if us > self._closed_before and (first is None or us > first):
                venue.mark(minute, heartbeat.producer, named.connected)

    def on_clock(self, clock: int) -> None:
        """Close the minutes that the clock has passed; after each, test the one whose baseline this froze."""
        before, first = closed_before(clock, self._width_us, self._lateness_us), self._closed_before
        if before <= first:
            return
        self._closed_before = before
        frozen = before // self._width_us
        venues = sorted(self.state.venues.items())
        for minute in self._passed(first // self._width_us, frozen):
            for exchange, venue in venues:
                self._close(exchange, venue, minute, clock)
            for exchange, venue in venues:
                self._freeze(exchange, venue, minute + 1, clock)
        for _, venue in venues:
            venue.forget(frozen - max(self._settings.baseline_bars, HOUR_BARS), frozen)

    def volume_1h(self, clock: int) -> dict[str, Decimal]:
        """Quote volume per exchange of the clock's minute and the 59 before it."""
        return {exchange: venue.quote_volume(clock // self._width_us) for exchange, venue in self.state.venues.items()}

    def _venue(self, exchange: str) -> Venue:
        found = self.state.venues.get(exchange)
        if found is None:
            found = self.state.venues[exchange] = Venue({}, {}, {})
        return found

    def _passed(self, first: int, frozen: int) -> list[int]:
        """The minutes from `first` to before `frozen` in which there is something to close or after which to test."""
        minutes: set[int] = set()
        for venue in self.state.venues.values():
            minutes.update(venue.open, venue.marks, (minute - 1 for minute in venue.open))
        return sorted(minute for minute in minutes if first <= minute < frozen)

    def _freeze(self, exchange: str, venue: Venue, minute: int, clock: int) -> None:
        bar = venue.open.get(minute)
        if bar is None:
            return
        self._set_floor(venue, minute, bar)
        if bar.floor is not None and bar.quote_volume > bar.floor:
            self._test(exchange, venue, minute, bar, Fired(clock, bar.newest_us))

    def _set_floor(self, venue: Venue, minute: int, bar: OpenBar) -> None:
        """Find below which volume no test can fire: the exact test is then rare, and a trade costs one comparison."""
        base = venue.baseline_of(minute, self._settings)
        floors = []
        if bar.z is None:
            floors.append(base.z_floor(self._settings.z_threshold))
        if bar.robust is None and not venue.cools_down(minute, self._settings):
            floors.append(base.robust_floor(self._settings.robust_threshold))
        bar.floor = min((floor for floor in floors if floor is not None), default=None)

    def _test(self, exchange: str, venue: Venue, minute: int, bar: OpenBar, fired: Fired) -> None:
        tested = self._measure(exchange, venue, minute, bar.quote_volume, bar.trades)
        if bar.z is None and tested.z is not None and tested.z > self._settings.z_threshold:
            bar.z = fired
            self._say("volume.z", tested, 0, False, fired)
        robust = bar.robust is None and tested.robust is not None and not venue.cools_down(minute, self._settings)
        if robust and tested.robust is not None and tested.robust > self._settings.robust_threshold:
            bar.robust = fired
            venue.robust_minute = minute
            self._say("volume.robust", tested, 0, False, fired)
        self._set_floor(venue, minute, bar)

    def _measure(self, exchange: str, venue: Venue, minute: int, quote_volume: Decimal, trades: int) -> Tested:
        base = venue.baseline_of(minute, self._settings)
        return Tested(
            exchange, minute, quote_volume, trades, base.bars,
            None if base.mean is None else round8(base.mean), None if base.std is None else round8(base.std),
            base.z_score(quote_volume), base.robust_score(quote_volume),
        )  # fmt: skip

    def _close(self, exchange: str, venue: Venue, minute: int, clock: int) -> None:
        bar = venue.open.pop(minute, None)
        marks = venue.marks.pop(minute, {})
        if bar is None and not any(marks.values()):
            return
        if bar is None:
            bar = OpenBar(_ZERO, _ZERO, 0, 0)
        start = minute * self._width_us
        complete = venue.vouched(marks, start, start + self._width_us)
        tested = self._measure(exchange, venue, minute, bar.quote_volume, bar.trades)
        self._conclude(tested, bar, venue, complete, clock)
        self._findings.bars.append(
            Bar(
                exchange=exchange, symbol=self._symbol, window_start=from_us(start), window_end=from_us(start + self._width_us),
                volume=amount(bar.volume), quote_volume=amount(bar.quote_volume), trade_count=bar.trades, complete=complete,
                rolling_mean=tested.mean, rolling_std=tested.std, z_score=tested.z, robust_score=tested.robust,
                baseline_bars=tested.bars,
            )
        )  # fmt: skip
        venue.closed[minute] = ClosedBar(bar.quote_volume, complete)

    def _conclude(self, tested: Tested, bar: OpenBar, venue: Venue, complete: bool, clock: int) -> None:
        """Complete the spikes that fired; find droughts where none did."""
        drought = Fired(clock, (tested.minute + 1) * self._width_us)
        if bar.z is not None:
            self._say("volume.z", tested, 1, True, bar.z)
        elif complete and tested.z is not None and tested.z < self._settings.z_threshold.copy_negate():
            self._say("volume.z", tested, 0, True, drought)
        if bar.robust is not None:
            self._say("volume.robust", tested, 1, True, bar.robust)
        elif complete and tested.robust is not None and not venue.cools_down(tested.minute, self._settings):
            if tested.robust < self._settings.robust_threshold.copy_negate():
                venue.robust_minute = tested.minute
                self._say("volume.robust", tested, 0, True, drought)

    def _say(self, rule: str, tested: Tested, revision: int, final: bool, fired: Fired) -> None:
        by_z = rule == "volume.z"
        measure = (tested.z if by_z else tested.robust) or _ZERO
        start = tested.minute * self._width_us
        alert = Alert(
            alert_id=alert_id(rule, tested.exchange, self._symbol, str(start)),
            type="volume_spike", rule=rule, revision=revision, final=final, exchange=tested.exchange, symbol=self._symbol,
            severity=severity(self._settings.severity, measure.copy_abs()),
            detected_at=from_us(fired.detected_us), event_time=from_us(fired.event_us),
            threshold=self._settings.z_threshold if by_z else self._settings.robust_threshold, message="",
            window_start=from_us(start), window_end=from_us(start + self._width_us), trade_count=tested.trades,
            z_score=tested.z, robust_score=tested.robust, window_volume=amount(tested.quote_volume),
            rolling_mean=tested.mean, rolling_std=tested.std, baseline_bars=tested.bars,
            shard=fired.shard, sequence_number=fired.sequence_number, position=fired.position,
        )  # fmt: skip
        self._findings.alerts.append(worded(alert))
