"""The reference of docs/FOLDS.md for 60 s volume bars, `volume.z` and `volume.robust`."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Any

import msgspec

from ctc.model import Alert, Bar, from_us
from ctc.settings import Settings
from sim.reference_rules import Rule, held, lineage, make_alert, rounded, severity
from sim.timeline import SECOND, Counted, Taken

MINUTE = 60 * SECOND
FORTY = Context(prec=40)


def shown(value: Decimal | None) -> Decimal | None:
    """The rounded form of a number that may be missing."""
    return None if value is None else rounded(value)


@dataclass
class _Window:
    """What a venue's minute holds so far; `newest` is the timestamp of the last trade in log order."""

    quantity: Decimal = Decimal(0)
    quote: Decimal = Decimal(0)
    count: int = 0
    newest: int = 0
    fired: dict[str, Alert] = field(default_factory=dict)


@dataclass(frozen=True)
class _Baseline:
    """The numbers that a bar is measured against; None where there are too few bars."""

    n: int
    mean: Decimal | None = None
    std: Decimal | None = None
    median: Decimal | None = None
    mad: Decimal | None = None


def log_volume(quote: Decimal) -> Decimal:
    """ln(1 + quote volume) in 40 digits."""
    return (1 + quote).ln(FORTY)


def median(values: list[Decimal]) -> Decimal:
    """The middle value, or the mean of the two middle ones."""
    ordered = sorted(values)
    half = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[half]
    return FORTY.divide(FORTY.add(ordered[half - 1], ordered[half]), Decimal(2))


def baseline(quotes: list[Decimal], at_least: int) -> _Baseline:
    """Mean, sample standard deviation, median and MAD of the bars that serve."""
    n = len(quotes)
    if n < max(at_least, 2):
        return _Baseline(n)
    mean = sum(quotes) / Decimal(n)
    variance = sum(((quote - mean) ** 2 for quote in quotes), Decimal(0)) / (n - 1)
    std = Decimal(0) if len(set(quotes)) == 1 else variance.sqrt()
    logs = [log_volume(quote) for quote in quotes]
    middle = median(logs)
    mad = median([abs(FORTY.subtract(value, middle)) for value in logs])
    return _Baseline(n, mean, std, middle, mad)


def z_score(quote: Decimal, base: _Baseline) -> Decimal | None:
    """None without a baseline, or where all its bars are equal."""
    if base.mean is None or base.std is None or base.std == 0:
        return None
    return rounded((quote - base.mean) / base.std)


def robust_score(quote: Decimal, base: _Baseline) -> Decimal | None:
    """None without a baseline, or where its MAD is 0."""
    if base.median is None or base.mad is None or base.mad == 0:
        return None
    away = FORTY.subtract(log_volume(quote), base.median)
    return rounded(FORTY.divide(away, FORTY.multiply(Decimal("1.4826"), base.mad)))


class Volume(Rule):
    """60 s bars, `volume.z` and `volume.robust`."""

    def __init__(self, symbol: str, settings: Settings, alerts: list[Alert]) -> None:
        super().__init__(symbol, settings, alerts)
        self.rules = settings.volume
        self.thresholds = {
            "volume.z": self.rules.z_threshold,
            "volume.robust": self.rules.robust_threshold,
        }
        self.windows: dict[tuple[int, str], _Window] = {}  # open ones that have a trade, by (minute, exchange)
        self.up: dict[tuple[int, str], dict[str, bool]] = defaultdict(dict)  # marks of open minutes by producer
        self.first_up: dict[tuple[str, str], int] = {}  # by exchange and producer
        self.heard: dict[tuple[str, str], int] = {}  # likewise: the newest heartbeat
        self.complete: dict[tuple[int, str], Decimal] = {}  # quote volume of complete closed bars
        self.baselines: dict[tuple[int, str], _Baseline] = {}  # only saves time: a frozen one doesn't change
        self.robust_bars: dict[str, list[int]] = defaultdict(list)  # minutes that raised volume.robust
        self.bars: list[Bar] = []
        self.late = 0

    def mark(self, event: Counted) -> None:
        minute, producer = (event.us - 1) // MINUTE, event.heartbeat.producer
        for venue in event.heartbeat.venues:
            if venue.connected:
                self.first_up.setdefault((venue.exchange, producer), event.us)
            self.heard[venue.exchange, producer] = max(event.us, self.heard.get((venue.exchange, producer), event.us))
            if self.closed((minute + 1) * MINUTE, event.before):
                continue
            if venue.connected and event.us <= self.first_up[venue.exchange, producer]:
                continue
            said = self.up[minute, venue.exchange]
            said[producer] = said.get(producer, True) and venue.connected

    def trade(self, event: Taken) -> None:
        minute, exchange, trade = event.us // MINUTE, event.trade.exchange, event.trade
        if self.closed((minute + 1) * MINUTE, event.clock):
            self.late += 1
            return
        window = self.windows.setdefault((minute, exchange), _Window())
        window.quantity += trade.quantity
        window.quote += trade.quote_volume
        window.count += 1
        window.newest = event.us
        if event.clock is not None and self._frozen(minute, event.clock):
            self._test(minute, exchange, event.clock, lineage(event))

    def _frozen(self, minute: int, clock: int | None) -> bool:
        return self.closed(minute * MINUTE, clock)

    def close(self, event: Counted) -> None:
        """Close minute after minute; after each, test the next one's windows if that froze their baseline."""
        clock = event.clock
        closing = {key for key in self.windows.keys() | self.up.keys() if self.closed((key[0] + 1) * MINUTE, clock)}
        freezing = {
            (minute, exchange)
            for minute, exchange in self.windows
            if self._frozen(minute, clock) and not self._frozen(minute, event.before)
        }
        for minute in sorted({minute for minute, _ in closing} | {minute - 1 for minute, _ in freezing}):
            for _, exchange in sorted(key for key in closing if key[0] == minute):
                self._close_bar(minute, exchange, clock)
            for _, exchange in sorted(key for key in freezing if key[0] == minute + 1):
                self._test(minute + 1, exchange, clock, {})

    def _baseline(self, minute: int, exchange: str) -> _Baseline:
        if (minute, exchange) not in self.baselines:
            before = range(minute - self.rules.baseline_bars, minute)
            quotes = [self.complete[(one, exchange)] for one in before if (one, exchange) in self.complete]
            self.baselines[(minute, exchange)] = baseline(quotes, self.rules.min_bars)
        return self.baselines[(minute, exchange)]

    def _cooling(self, minute: int, exchange: str) -> bool:
        return any(0 < (minute - bar) * 60 <= self.rules.robust_cooldown_s for bar in self.robust_bars[exchange])

    def _held_back(self, rule: str, minute: int, exchange: str) -> bool:
        """The cooldown of `volume.robust` after an alert of an earlier bar."""
        bars, cooldown = self.robust_bars[exchange], self.rules.robust_cooldown_s
        return rule == "volume.robust" and any(bar < minute and (minute - bar) * 60 <= cooldown for bar in bars)

    def _test(self, minute: int, exchange: str, clock: int, where: dict[str, Any]) -> None:
        """Raise the spikes that this bar has come to, each once."""
        window = self.windows[(minute, exchange)]
        if len(window.fired) == len(self.thresholds):
            return
        for rule, score in self._scores(minute, exchange, window).items():
            crossed = score is not None and score > self.thresholds[rule]
            if crossed and rule not in window.fired and not self._held_back(rule, minute, exchange):
                said = {
                    "revision": 0,
                    "final": False,
                    "event_time": from_us(window.newest),
                    **where,
                }
                window.fired[rule] = self._raise(rule, minute, exchange, window, clock, said)

    def _close_bar(self, minute: int, exchange: str, clock: int) -> None:
        """Complete its spikes, raise its droughts, emit it; then it may serve as a baseline."""
        key = (minute, exchange)
        has_trade, marks = key in self.windows, self.up.pop(key, {})
        up = [producer for producer, connected in marks.items() if connected]
        if not has_trade and not up:
            return
        window = self.windows.pop(key, _Window())
        start, end = minute * MINUTE, (minute + 1) * MINUTE
        complete = any(self.first_up[exchange, producer] <= start and self.heard[exchange, producer] >= end for producer in up)
        for rule, score in self._scores(minute, exchange, window).items():
            if rule in window.fired:
                done = {
                    "revision": 1,
                    "final": True,
                    **self._numbers(rule, minute, exchange, window),
                }
                self.alerts.append(msgspec.structs.replace(window.fired[rule], **done))
                continue
            fell = complete and score is not None and score < -self.thresholds[rule]
            if fell and not self._held_back(rule, minute, exchange):
                said = {
                    "revision": 0,
                    "final": True,
                    "event_time": from_us((minute + 1) * MINUTE),
                }
                self._raise(rule, minute, exchange, window, clock, said)
        self._emit(minute, exchange, window, complete)

    def _emit(self, minute: int, exchange: str, window: _Window, complete: bool) -> None:
        base, scores = (
            self._baseline(minute, exchange),
            self._scores(minute, exchange, window),
        )
        bar = Bar(
            exchange=exchange,
            symbol=self.symbol,
            window_start=from_us(minute * MINUTE),
            window_end=from_us((minute + 1) * MINUTE),
            volume=held(window.quantity),
            quote_volume=held(window.quote),
            trade_count=window.count,
            complete=complete,
            rolling_mean=shown(base.mean),
            rolling_std=shown(base.std),
            z_score=scores["volume.z"],
            robust_score=scores["volume.robust"],
            baseline_bars=base.n,
        )
        self.bars.append(bar)
        if complete:
            self.complete[(minute, exchange)] = window.quote

    def _scores(self, minute: int, exchange: str, window: _Window) -> dict[str, Decimal | None]:
        base = self._baseline(minute, exchange)
        return {
            "volume.z": z_score(window.quote, base),
            "volume.robust": robust_score(window.quote, base),
        }

    def _raise(
        self,
        rule: str,
        minute: int,
        exchange: str,
        window: _Window,
        clock: int,
        said: dict[str, Any],
    ) -> Alert:
        fields = {
            **said,
            **self._numbers(rule, minute, exchange, window),
            "detected_at": from_us(clock),
        }
        alert = make_alert(rule, exchange, self.symbol, str(minute * MINUTE), **fields)
        self.alerts.append(alert)
        if rule == "volume.robust":
            self.robust_bars[exchange].append(minute)
        return alert

    def _numbers(self, rule: str, minute: int, exchange: str, window: _Window) -> dict[str, Any]:
        base, scores = (
            self._baseline(minute, exchange),
            self._scores(minute, exchange, window),
        )
        measure = scores[rule]
        assert measure is not None, "only a measured bar raises an alert"
        return {
            "window_start": from_us(minute * MINUTE),
            "window_end": from_us((minute + 1) * MINUTE),
            "threshold": self.thresholds[rule],
            "severity": severity(self.rules.severity, abs(measure)),
            "z_score": scores["volume.z"],
            "robust_score": scores["volume.robust"],
            "window_volume": held(window.quote),
            "rolling_mean": shown(base.mean),
            "rolling_std": shown(base.std),
            "baseline_bars": base.n,
            "trade_count": window.count,
        }
