"""One symbol's log to alerts, bars, spreads and gaps, a piece at a time; where it is cut can't be seen (docs/FOLDS.md)."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal, localcontext
from typing import Protocol

import msgspec

from ctc.codec import Line, read_record
from ctc.detect.bars import VolumeState
from ctc.detect.clock import HOUR_US, SECOND_US, Microseconds, closed_before
from ctc.detect.outcomes import Findings, Outcomes
from ctc.detect.spread import Spreads, SpreadState
from ctc.detect.volume import Volumes
from ctc.detect.whales import Whales, WhaleState
from ctc.errors import ConfigError
from ctc.model import EXACT, Heartbeat, Position, Snapshot, Trade, from_us, to_us
from ctc.quality.dedup import Deduplicator, DedupState
from ctc.settings import Settings

ALL_DETECTORS = frozenset({"volume", "whales", "spread"})
_DAY_HOURS = 24


class Detector(Protocol):
    """What the fold tells each detector, in log order: unique trades, heartbeats that count, and the clock after each of them."""

    def on_trade(self, position: Position, trade: Trade, us: int, clock: int | None) -> None: ...

    def on_heartbeat(self, heartbeat: Heartbeat) -> None: ...

    def on_clock(self, clock: int) -> None: ...


class FoldState(msgspec.Struct, array_like=True):
    """All that a fold remembers. Times in microseconds; the state of a detector that does not run stays empty."""

    dedup: DedupState
    whales: WhaleState
    volume: VolumeState
    spread: SpreadState
    newest: dict[str, tuple[Decimal, int]] = {}  # per exchange: price and time of the newest trade by log order
    trades: int = 0
    late: int = 0
    anomalies: dict[int, int] = {}  # revision 0 alerts by the hour of their detection
    final: bool = False


_ENCODE = msgspec.msgpack.Encoder().encode
_DECODE = msgspec.msgpack.Decoder(FoldState).decode


class SymbolFold:
    """Folds one canonical symbol's log; `state` is what `dump` gave after the piece before.

    `detectors` picks among volume, whales and spread: one alone says what it says beside the others.
    """

    def __init__(self, symbol: str, settings: Settings, detectors: frozenset[str] = ALL_DETECTORS, state: bytes | None = None) -> None:
        if not detectors <= ALL_DETECTORS:
            raise ConfigError(f"unknown detector {sorted(detectors - ALL_DETECTORS)}; choose among {sorted(ALL_DETECTORS)}")
        kept = (
            FoldState(DedupState({}, {}, []), WhaleState([], []), VolumeState({}), SpreadState({}, [])) if state is None else _DECODE(state)
        )
        self._state = kept
        self._symbol = symbol
        self._findings = Findings()
        self._dedup = Deduplicator(symbol, settings.folds.hole_patience_s, kept.dedup)
        self._clock = kept.dedup.clock
        self._whales = Whales(symbol, settings, self._findings, self._clock, kept.whales)
        self._volumes = Volumes(symbol, settings, self._findings, self._clock, kept.volume)
        self._spreads = Spreads(symbol, settings, self._findings, self._clock, kept.spread)
        every: dict[str, Detector] = {"whales": self._whales, "volume": self._volumes, "spread": self._spreads}
        running = [detector for name, detector in every.items() if name in detectors]
        self._on_trade = [detector.on_trade for detector in running]
        self._on_heartbeat = [detector.on_heartbeat for detector in running]
        self._on_clock = [detector.on_clock for detector in running]
        self._lateness_us = settings.folds.lateness_s * SECOND_US
        self._late_width_us = settings.volume.window_s * SECOND_US
        self._late_before = closed_before(self._clock, self._late_width_us, self._lateness_us)
        self._microseconds = Microseconds()
        self._newest: dict[str, Trade] = {}  # since the last snapshot or dump

    def take(self, lines: Iterable[tuple[Position, Line]]) -> Outcomes:
        """Fold the next piece of the log; its lines may come in any order, pieces may not."""
        with localcontext(EXACT):
            for position, line in sorted(lines, key=lambda pair: pair[0]):
                self._take(position, line)
        return self._outcomes()

    def take_records(self, records: Iterable[tuple[str, int | str, bytes]], symbols: frozenset[str] | None = None) -> Outcomes:
        """Fold the next records: (shard, sequence number, data), in any order; `symbols` are the session's allowed ones."""
        ordered = sorted((shard, int(number), data) for shard, number, data in records)
        with localcontext(EXACT):
            for shard, number, data in ordered:
                for index, line in enumerate(read_record(data, symbols)):
                    self._take(Position(shard, number, index), line)
        return self._outcomes()

    def dump(self) -> bytes:
        """The state to go on from: the same bytes wherever the log was cut."""
        self._note_newest()
        self._whales.seal()
        return _ENCODE(self._state)

    def _take(self, position: Position, line: Line) -> None:
        if type(line) is Trade:
            self._trade(position, line)
        elif type(line) is Heartbeat:
            self._dedup.heartbeat(line)
        else:
            return
        if self._state.dedup.waiting:
            for heartbeat in self._dedup.settle():
                self._count(heartbeat)

    def _trade(self, position: Position, trade: Trade) -> None:
        if not self._dedup.take(trade):
            return
        us = self._microseconds(trade.timestamp)
        state = self._state
        state.trades += 1
        if us < self._late_before:
            state.late += 1
        self._newest[trade.exchange] = trade
        for on_trade in self._on_trade:
            on_trade(position, trade, us, self._clock)

    def _count(self, heartbeat: Heartbeat) -> None:
        self._hear(heartbeat)
        self._close()

    def _hear(self, heartbeat: Heartbeat) -> None:
        """Take in a heartbeat that counts; what it closes is left to `_close`."""
        for on_heartbeat in self._on_heartbeat:
            on_heartbeat(heartbeat)
        us = to_us(heartbeat.heartbeat)
        clock = self._clock = us if self._clock is None else max(self._clock, us)
        self._late_before = closed_before(clock, self._late_width_us, self._lateness_us)
        self._state.final = self._state.final or heartbeat.final

    def _close(self) -> None:
        """Close what the clock has passed."""
        assert self._clock is not None
        for on_clock in self._on_clock:
            on_clock(self._clock)

    def _outcomes(self) -> Outcomes:
        found, gaps = self._findings, self._dedup.gaps
        outcomes = Outcomes(alerts=found.alerts[:], bars=found.bars[:], spreads=found.spreads[:], gaps=gaps[:], snapshot=self._snapshot())
        for said in (found.alerts, found.bars, found.spreads, gaps):
            said.clear()
        return outcomes

    def _snapshot(self) -> Snapshot:
        self._note_newest()
        self._note_anomalies()
        state, clock = self._state, self._clock
        times = [us for _, us in state.newest.values()]
        return Snapshot(
            symbol=self._symbol,
            current_price={exchange: price for exchange, (price, _) in state.newest.items()},
            spread_pct=self._spreads.state.spread_pct,
            volume_1h={} if clock is None else self._volumes.volume_1h(clock),
            anomaly_count_24h=sum(state.anomalies.values()),
            last_whale=self._whales.state.newest,
            updated_at=from_us(max(times if clock is None else [*times, clock], default=0)),
            clock=None if clock is None else from_us(clock),
            newest_trade={exchange: from_us(us) for exchange, (_, us) in state.newest.items()},
            trades=state.trades, duplicates=state.dedup.duplicates, late=state.late, final=state.final,
        )  # fmt: skip

    def _note_newest(self) -> None:
        for exchange, trade in self._newest.items():
            self._state.newest[exchange] = (trade.price, self._microseconds(trade.timestamp))
        self._newest.clear()

    def _note_anomalies(self) -> None:
        """Count what was found by the hour of its detection: a day is 24 hours, the clock's own among them."""
        counts = self._state.anomalies
        for alert in self._findings.alerts:
            if alert.revision == 0:
                hour = to_us(alert.detected_at) // HOUR_US
                counts[hour] = counts.get(hour, 0) + 1
        if self._clock is not None:
            for hour in [hour for hour in counts if hour <= self._clock // HOUR_US - _DAY_HOURS]:
                del counts[hour]
