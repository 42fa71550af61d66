"""`python -m sim.faults.soak [--minutes 30] [--trades-per-s 5000]`: the platform under load in real time, with a fault every minute.

Reports what was lost or doubled, how long the lag took to be as before after each fault, and how every process' memory grew.
Exit code 0 when nothing was lost or doubled and each lag was back within 30 s.
"""

from __future__ import annotations

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import msgspec

from ctc.errors import ConfigError, CtcError
from ctc.model import to_us
from ctc.session import Session, opened_session
from ctc.settings import ROOT, Settings
from sim.faults.fault import Fault, Script
from sim.faults.ground import SECOND, Ground
from sim.faults.memory import Growth, Memory
from sim.faults.registry import chosen
from sim.faults.session import LOOK_S, end_us, programs, session_settings, surrounded, without_relay
from sim.faults.totals import check_totals
from sim.plan import FIXED_START, make_plan, save_plan
from sim.run import Done

PAGE = ROOT / "docs" / "FAULTS.md"
BEGIN, END = "<!-- soak: written by python -m sim.faults.soak --write -->", "<!-- end of the soak -->"
TRADES_PER_S_AT_RATE_1 = 30.0  # of all markets together, aggTrades on Binance, in seed 1; the report says how many came
EVERY_S = 60.0
CAUGHT_UP_S = 15.0  # a lag below which the cold start has been caught up with
COLD_MINUTES = 2  # of the market before those that are asked for: the cold start and what it leaves to be caught up with
LAST_S = 20.0  # of the market, in which no fault strikes
SAMPLE_S = 5.0
MEMORY_S = 20.0  # reading a process' PSS walks all its pages, and holds it up meanwhile
BACK_WITHIN_S = 30.0
HURRY = 6.0  # faults that last for a while of market time last for a sixth of it here
LAKE_TRIGGER_S = 10


class Struck(msgspec.Struct, frozen=True):
    """One fault: when (s), how long it disturbed, how high the lag rose, and how long it then took to be normal again."""

    fault: str
    at_s: float
    lasted_s: float
    highest_lag_s: float
    back_s: float | None


class Soak(msgspec.Struct, frozen=True, kw_only=True):
    """The report. Lags are of `detect`: the market's time that has passed the relay, less the clock of its last batch."""

    minutes: int
    trades_per_s: float
    trades_due: int
    trades_found: int
    normal_lag_s: float
    lag_p50_s: float
    lag_p99_s: float
    struck: list[Struck]
    memory: list[Growth]
    wrong: list[str]

    @property
    def ok(self) -> bool:
        """Nothing lost or doubled, and every lag back in time."""
        return not self.wrong and all(each.back_s is not None and each.back_s <= BACK_WITHIN_S for each in self.struck)


class Watch:
    """Strikes a fault each minute and measures; call `step` often."""

    def __init__(
        self, ground: Ground, rng: random.Random, every_s: float, kinds: Sequence[type[Fault]], say: Callable[[str], None]
    ) -> None:
        self._ground, self._rng, self._every_s, self._kinds, self._say = ground, rng, every_s, kinds, say
        self._began: float | None = None
        self._sampled = self._weighed = 0.0
        self._left: list[type[Fault]] = []
        self._warm = False
        self.lags: list[float] = []
        self.normal = 0.0
        self.struck: list[Struck] = []
        self.memory = Memory()
        self._script = self._faults()
        self._waits_for = next(self._script)

    @property
    def lag_s(self) -> float | None:
        """Seconds of market time, which is real time here."""
        clock = self._ground.clock_us("detect")
        return None if clock is None else (self._ground.gate.passed_us - clock) / SECOND

    @property
    def at_s(self) -> float:
        """Seconds since the first batch."""
        return 0.0 if self._began is None else time.monotonic() - self._began

    def step(self) -> None:
        """Look, and go on with what is due."""
        now, lag = time.monotonic(), self.lag_s
        if lag is not None and self._began is None:
            self._began = now
        if now - self._sampled >= SAMPLE_S:
            self._sampled = now
            if lag is not None and self._warm:
                self.lags.append(lag)
        if now - self._weighed >= MEMORY_S:
            self._weighed = now
            self.memory.sample(now, self._ground.session, self._ground.session.emulator_pid)
        while self._waits_for():
            self._waits_for = next(self._script, None) or (lambda: False)

    def _faults(self) -> Script:
        yield lambda: self._began is not None and ((self.lag_s or 0.0) <= CAUGHT_UP_S or self.at_s > 3 * self._every_s)
        self._warm, calm = True, self.at_s
        yield lambda: self.at_s >= calm + self._every_s / 2
        highest = max(self.lags, default=0.0)
        self.normal = highest + 5.0
        self._say(f"calm: lags up to {highest:.1f} s; a lag is normal again below {self.normal:.1f} s")
        last_us = self._ground.end_us - (self._every_s + LAST_S) * SECOND
        while self._ground.gate.passed_us < last_us:
            due = self.at_s + self._every_s
            yield from self._strike(self._next()())
            yield lambda due=due: self.at_s >= due  # type: ignore[misc]

    def _next(self) -> type[Fault]:
        if not self._left:
            self._left = list(self._kinds)
            self._rng.shuffle(self._left)
        return self._left.pop()

    def _strike(self, fault: Fault) -> Script:
        at, began, highest = self.at_s, time.monotonic(), 0.0
        self._say(f"{fault.name} at {at:.0f} s")
        yield from fault.strike(self._ground, self._rng)
        ended, taken_in = time.monotonic(), self._ground.taken_in()

        def back() -> bool:
            nonlocal highest
            lag = self.lag_s
            highest = max(highest, lag or 0.0)
            return lag is not None and lag <= self.normal and taken_in()

        deadline = ended + 4 * BACK_WITHIN_S
        yield lambda: back() or time.monotonic() > deadline
        took = round(time.monotonic() - ended, 1)
        came_back = back()
        self.struck.append(
            Struck(fault.name, round(at, 0), round(ended - began, 1), round(highest, 1), took if came_back else None)
        )  # fmt: skip
        self._say(f"{fault.name}: lag up to {highest:.1f} s, normal again after {took} s")


def soak(
    minutes: int, trades_per_s: float, every_s: float, seed: int, folder: Path, say: Callable[[str], None], names: Sequence[str] = ()
) -> Soak:
    """Run it, with the faults of these names, all that soak where none is given. Raises CtcError when the session fails."""
    kinds = [kind for kind in chosen(list(names)) if kind.soaks]
    if not kinds:
        raise ConfigError(f"no soak is struck by {', '.join(names)}: run `python -m sim.faults --fault NAME`")
    settings = _settings()
    rate = trades_per_s / TRADES_PER_S_AT_RATE_1
    plan = make_plan(seed, FIXED_START, (COLD_MINUTES + minutes) * 60, settings, pace=1.0, rate=rate)
    with (
        surrounded(settings, to_us(plan.start)) as (background, aws, sockets, gate),
        opened_session(settings, folder, say, resume=False) as session,
    ):
        gate.open()
        save_plan(plan, session.state)
        session.prepare()
        session.start(programs(plan))
        ground = Ground(session, without_relay(settings), background, aws, sockets, gate, to_us(plan.start), end_us(plan), hurry=HURRY)
        watch = Watch(ground, random.Random(seed), every_s, kinds, say)
        _run(session, watch, Done(session, say))
        say("adding up")
        due, found, wrong = check_totals(ground.direct, plan)
    lags = sorted(watch.lags) or [0.0]
    return Soak(
        minutes=minutes,
        trades_per_s=round(due / ((COLD_MINUTES + minutes) * 60), 0),
        trades_due=due,
        trades_found=found,
        normal_lag_s=round(watch.normal, 1),
        lag_p50_s=round(median(lags), 1),
        lag_p99_s=round(lags[min(len(lags) - 1, len(lags) * 99 // 100)], 1),
        struck=watch.struck,
        memory=watch.memory.growth(),
        wrong=wrong,
    )


def _settings() -> Settings:
    return session_settings([], {"spark.lake_trigger_s": LAKE_TRIGGER_S, "spark.standby": True})


def _run(session: Session, watch: Watch, done: Done) -> None:
    pause = threading.Event()
    while not pause.wait(LOOK_S):
        session.keep_up()
        ended = done()
        watch.step()  # also when it has ended: a lag may be normal again only then
        if ended:
            return


def markdown(found: Soak) -> str:
    """The report as tables."""
    lines = [
        f"{found.minutes} minutes of a simulated market in real time, after {COLD_MINUTES} of a cold start. "
        f"{found.trades_per_s:,.0f} trades/s: {found.trades_due:,} trades due, {found.trades_found:,} found. "
        f"{'Nothing lost, nothing doubled.' if not found.wrong else ' '.join(found.wrong)}",
        f"Lag of `detect`: p50 {found.lag_p50_s} s, p99 {found.lag_p99_s} s, faults included; normal is below {found.normal_lag_s} s.",
        "",
        "| fault | at s | disturbed for s | highest lag s | lag normal after s |",
        "|---|---:|---:|---:|---:|",
        *(
            f"| {s.fault} | {s.at_s:.0f} | {s.lasted_s} | {s.highest_lag_s} | {'not' if s.back_s is None else s.back_s} |"
            for s in found.struck
        ),
        "",
        "| process | watched s | memory (PSS) at the end MB | slope MB/minute |",
        "|---|---:|---:|---:|",
        *(
            f"| {each.name} | {each.watched_s:.0f} | {each.last_mb:.0f} | "
            f"{'-' if each.slope_mb_per_minute is None else each.slope_mb_per_minute} |"
            for each in found.memory
        ),
    ]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report as Markdown; `--write` puts it into the page."""
    parser = argparse.ArgumentParser(prog="python -m sim.faults.soak", description=__doc__)
    parser.add_argument("--minutes", type=int, default=30, metavar="N", help="of market, which is real time (default 30)")
    parser.add_argument("--trades-per-s", type=float, default=5_000, metavar="X", help="about; the report counts them (default 5000)")
    parser.add_argument("--every", type=float, default=EVERY_S, metavar="S", help=f"seconds between faults (default {EVERY_S:.0f})")
    parser.add_argument(
        "--fault", action="append", default=[], metavar="NAME", help="only this one; may be repeated (default: all that soak)"
    )
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the market and of the faults (default 1)")
    parser.add_argument("--format", choices=("table", "json"), default="table", help="of what is printed")
    parser.add_argument("--write", action="store_true", help=f"put the report into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args(sys.argv[1:] if arguments is None else arguments)
    began = time.monotonic()

    def say(text: str) -> None:
        sys.stderr.write(f"[{time.monotonic() - began:7.1f} s] {text}\n")

    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))  # so that the folder goes then too
    with tempfile.TemporaryDirectory(prefix="ctc-soak-", ignore_cleanup_errors=True) as folder:
        try:
            found = soak(options.minutes, options.trades_per_s, options.every, options.seed, Path(folder), say, options.fault)
        except CtcError as error:
            say(str(error))
            return error.exit_code
    sys.stdout.write(msgspec.json.format(msgspec.json.encode(found)).decode() if options.format == "json" else markdown(found))
    if options.write:
        size = f"--minutes {options.minutes} --trades-per-s {options.trades_per_s:.0f} --every {options.every:.0f} --seed {options.seed}"
        size += "".join(f" --fault {name}" for name in options.fault)
        command = f"python -m sim.faults.soak {size} --write"
        before, rest = PAGE.read_text().split(BEGIN)
        head = f"`{command}`, {datetime.now(UTC):%Y-%m-%d}.\n\n"
        PAGE.write_text(f"{before}{BEGIN}\n{head}{markdown(found)}{END}{rest.split(END)[1]}")
    return 0 if found.ok else 1


if __name__ == "__main__":
    sys.exit(main())
