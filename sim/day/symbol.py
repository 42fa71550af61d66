"""One symbol's simulated session, folded by the platform and by the reference, side by side and in little memory."""

from __future__ import annotations

import random
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import msgspec

from ctc.codec import Line, read_record
from ctc.detect import SymbolFold
from ctc.model import Alert, Position, Trade, from_us
from ctc.settings import Settings
from sim.compare import NAMED, Equality, TapeTrade, TradeCheck, compare_trades, newest
from sim.day.log import Record, SymbolLog
from sim.plan import FIXED_START, make_plan
from sim.reference import Reference, Result
from sim.truth import Seeded

BATCH_RECORDS = (1, 2, 10, 50, 200)
Tell = Callable[[int], None]  # that so many minutes more are done


class Job(msgspec.Struct, frozen=True):
    """One symbol of the session of `seed`."""

    seed: int
    symbol: str
    minutes: int
    rate: float


class Largest(msgspec.Struct, frozen=True):
    """Prints of the tape above the whale threshold, counted without the folds, and those that raised `whale.single`."""

    printed: int = 0
    found: int = 0

    def __add__(self, other: Largest) -> Largest:
        return Largest(self.printed + other.printed, self.found + other.found)


class SymbolRun(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a job. `found` are the folds' newest revisions; `seconds` and `peak_bytes` are the process's own."""

    job: Job
    result: Result
    found: list[Alert]
    equality: list[Equality]
    trades: TradeCheck
    whales: Largest
    planted: list[Seeded]
    seconds: float
    peak_bytes: int


def run_symbol(job: Job, settings: Settings, tell: Tell) -> SymbolRun:
    """Generate, log, fold and compare, a market minute at a time. The same job gives the same run, but for its timings."""
    began, rng = time.process_time(), random.Random(f"{job.seed} {job.symbol}")
    plan = make_plan(job.seed, FIXED_START, job.minutes * 60, settings, rate=job.rate)
    folded, oracle = _Folded(job.symbol, settings, rng), Reference(job.symbol, settings)
    trades, planted, large = TradeCheck(), list[Seeded](), set[tuple[str, int]]()
    logged: list[TapeTrade] = []
    printed: list[TapeTrade] = []
    for written in SymbolLog(plan, job.symbol, settings, rng).minutes(job.minutes):
        lines = list(_lines(written.records, job.symbol))
        oracle.take(lines)
        folded.take(written.records)
        logged += [_as_printed(line) for _, line in lines if isinstance(line, Trade)]
        printed += written.printed
        # A record that has begun holds a minute's last trades back: what is compared is what both have.
        check, logged, printed = _compared(printed, logged)
        trades += check
        large |= {(one.native_symbol, one.trade_id) for one in written.printed if one.price * one.quantity > settings.whales.threshold}
        planted += [seed for seed in written.planted if seed.symbol == job.symbol or seed.measure == "peg"]
        tell(1)
    folded.end()
    trades += compare_trades(printed, logged)
    result = oracle.result()
    singles = {(alert.native_symbol, alert.first_trade_id) for alert in folded.alerts if alert.rule == "whale.single"}
    return SymbolRun(
        job=job,
        result=result,
        found=list(newest(folded.alerts).values()),
        equality=folded.equality(result),
        trades=trades,
        whales=Largest(len(large), len(large & singles)),
        planted=planted,
        seconds=time.process_time() - began,
        peak_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


def _lines(records: Sequence[Record], symbol: str) -> Iterator[tuple[Position, Line]]:
    allowed = frozenset({symbol})
    for shard, number, data in records:
        for index, line in enumerate(read_record(data, allowed)):
            yield Position(shard, int(number), index), line


def _as_printed(trade: Trade) -> TapeTrade:
    return TapeTrade(*(getattr(trade, name) for name in TapeTrade._fields))


def _compared(printed: list[TapeTrade], logged: list[TapeTrade]) -> tuple[TradeCheck, list[TapeTrade], list[TapeTrade]]:
    """The check of the trades that the log has by now, and what is left on either side."""
    reached = {trade.key for trade in logged}
    check = compare_trades([trade for trade in printed if trade.key in reached], logged)
    return check, [], [trade for trade in printed if trade.key not in reached]


class _Folded:
    """The platform's fold over records in random batches, begun anew from its state before each of them."""

    def __init__(self, symbol: str, settings: Settings, rng: random.Random) -> None:
        self._symbol, self._settings, self._rng = symbol, settings, rng
        self._fold = SymbolFold(symbol, settings)
        self._waiting: list[Record] = []
        self._room = rng.choice(BATCH_RECORDS)
        self.alerts: list[Alert] = []
        self.said: dict[str, list[Any]] = {"bars": [], "spreads": [], "gaps": []}
        self.counts: dict[str, Any] = {}

    def take(self, records: Sequence[Record]) -> None:
        for record in records:
            self._waiting.append(record)
            if len(self._waiting) >= self._room:
                self.end()

    def end(self) -> None:
        """Fold what waits."""
        batch, self._waiting, self._room = self._waiting, [], self._rng.choice(BATCH_RECORDS)
        self._rng.shuffle(batch)
        self._fold = SymbolFold(self._symbol, self._settings, state=self._fold.dump())
        outcomes = self._fold.take_records(batch, frozenset({self._symbol}))
        self.alerts += [msgspec.structs.replace(alert, message="") for alert in outcomes.alerts]
        self.said["bars"] += outcomes.bars
        self.said["spreads"] += outcomes.spreads
        self.said["gaps"] += [(gap.space, gap.first_id, gap.last_id) for gap in outcomes.gaps]
        snapshot = outcomes.snapshot
        self.counts = {name: getattr(snapshot, name) for name in ("trades", "duplicates", "late", "clock")}

    def equality(self, result: Result) -> list[Equality]:
        """Every alert in every revision, every bar, spread, gap and count, in the order in which they were said."""
        clock = None if result.clock is None else from_us(result.clock)
        counts = {"trades": result.trades, "duplicates": result.duplicates, "late": result.late, "clock": clock}
        return [
            compare_said("alerts, all revisions", result.alerts, self.alerts),
            *(compare_said(name, getattr(result, name), said) for name, said in self.said.items()),
            compare_said("counts", list(counts.items()), list(self.counts.items())),
        ]


def compare_said(what: str, due: Sequence[Any], found: Sequence[Any]) -> Equality:
    """Two lists, place by place and field for field."""
    differences = [
        f"{what}, number {number}: {_unlike(one, other)}"
        for number, (one, other) in enumerate(zip_longest(due, found))
        if one != other
    ]  # fmt: skip
    return Equality(
        store=what,
        expected=len(due),
        found=len(found),
        missing=max(0, len(due) - len(found)),
        extra=max(0, len(found) - len(due)),
        doubled=0,
        different=len(differences) - abs(len(due) - len(found)),
        first=differences[:NAMED],
    )


def _unlike(due: Any, found: Any) -> str:
    if not isinstance(due, msgspec.Struct) or not isinstance(found, msgspec.Struct):
        return f"{found!r}, not {due!r}"
    fields = [name for name in due.__struct_fields__ if getattr(due, name) != getattr(found, name)]
    return "; ".join(f"{name} is {_shown(getattr(found, name))}, not {_shown(getattr(due, name))}" for name in fields)


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)
