"""What `ctc cost` starts from: what sessions use at two rates in real time (CPU-seconds, bytes, records, writes, files), as JSON.

    .venv/bin/python scripts/measure_cost.py --out ctc/cost/measured-2026-11-27.json

Everything runs here: simulated exchanges, producer, the embedded emulator and Spark. A relay before the emulator counts AWS's
calls. The two windows differ in their rate, so that what a batch costs and what a trade costs can be told apart (`ctc.cost.measured`).
"""

from __future__ import annotations

import argparse
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from bench import cpu
from bench.calls import Tally
from bench.machine import describe
from bench.memory import sampled
from bench.running import Running, warm_up
from rich.console import Console

from ctc import status
from ctc.cli.live import with_ports
from ctc.processes import HOST, free_port
from ctc.session import opened_session
from ctc.settings import ROOT, Settings, load_profile
from sim.faults.aws_relay import AwsRelay
from sim.faults.background import Background
from sim.plan import FIXED_START, make_plan, save_plan
from sim.revision import revision

SEED = 1
RATES = (4.0, 40.0)  # about 100 and 1,000 trades/s
SILENCE_S = 1_800.0  # it may run on a machine that has little to give
QUERIES = ("lake", "detect", "dead_letters")
TELL = Console(stderr=True, highlight=False)


def main() -> None:
    """Measure the rates that the file lacks, one session each, and write what was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    parser.add_argument("--settle", type=float, default=45.0, metavar="S", help="seconds before each window")
    parser.add_argument("--measure", type=float, default=120.0, metavar="S", help="seconds of each window")
    parser.add_argument("--state", type=Path, default=ROOT / ".ctc" / "cost")
    options = parser.parse_args()
    found: dict[str, Any] = {"windows": []}
    if options.out.exists():  # it was stopped between two windows
        found = msgspec.json.decode(options.out.read_bytes())
    done = [each["rate"] for each in found["windows"]]
    for rate in RATES:
        if rate not in done:
            found.setdefault("machine", {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "revision": revision(), **describe()})
            found["windows"].append(window(options.state, rate, options.settle, options.measure))
            options.out.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")


def window(state: Path, rate: float, settle_s: float, measure_s: float) -> dict[str, Any]:
    """What a session used in so many seconds at this rate."""
    with counted() as (settings, tally), sampled() as peaks, opened_session(settings, state, say, resume=False) as session:
        session.prepare()
        run = Running(session, SILENCE_S)
        save_plan(make_plan(SEED, FIXED_START, None, settings, pace=1.0, rate=rate), run.state)
        warm_up(run, say)
        run.start("exchange", "producer")
        run.until(lambda: run.said("producer", "trades") > 0, "the first trade")
        say(f"rate {rate:g}: {settle_s:.0f} s to settle")
        run.for_seconds(settle_s, "the market to settle")
        files = Files(run.state / "checkpoints")
        before, calls, used = totals(run), Counter(tally.counts), cpu.seconds()
        logs = logged(run.state)
        say(f"{measure_s:.0f} s measured")
        run.for_seconds(measure_s, "the window", files.look)
        after = totals(run)
        found = {
            "rate": rate,
            "seconds": measure_s,
            **{name: after[name] - before[name] for name in after},
            "cpu_s": cpu.between(used, cpu.seconds()),
            "calls": {name: count - calls[name] for name, count in sorted(tally.counts.items()) if count > calls[name]},
            "checkpoint_files": dict(files.made),
            "log_bytes": logged(run.state) - logs,
        }
    return {**found, "peak_bytes": peaks.rss, "peak_bytes_shared_once": peaks.pss}


@contextmanager
def counted() -> Iterator[tuple[Settings, Tally]]:
    """Settings of the `sim` profile with a counting relay before the emulator."""
    settings = with_ports(load_profile("sim"), True, exchanges=True)
    port = free_port()
    settings = msgspec.structs.replace(settings, aws=msgspec.structs.replace(settings.aws, endpoint=f"http://{HOST}:{port}"))
    tally = Tally(settings.tables.alerts)
    relay = AwsRelay(port, settings.aws.emulator_port, tally.watch)
    with Background() as background:
        background.run(relay.listen())
        try:
            yield settings, tally
        finally:
            background.run(relay.deaf())


def totals(run: Running) -> dict[str, int]:
    """Trades sent and finished, and batches so far."""
    said = {name: status.read(run.state, name) or {} for name in QUERIES}
    return {
        "trades_sent": run.said("producer", "trades"),
        "trades": run.totals()[1],
        **{f"{name}_batches": int(said[name].get("batch", -1)) + 1 for name in QUERIES},
    }


class Files:
    """Files that appear in a folder, by query, looked for again and again: Spark removes them after some batches."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen = set(self._now())
        self.made: Counter[str] = Counter()

    def look(self) -> None:
        """Count those that were not there before."""
        for path in self._now():
            if path not in self._seen:
                self._seen.add(path)
                self.made[path.relative_to(self._folder).parts[0]] += 1

    def _now(self) -> Iterator[Path]:
        """Local checkpoints have checksums and scratch files beside them, which S3 has not."""
        for folder, _, names in os.walk(self._folder):
            yield from (Path(folder, name) for name in names if not name.endswith((".tmp", ".crc")))


def logged(state: Path) -> int:
    """Bytes of all logs."""
    return sum(path.stat().st_size for path in (state / "logs").glob("*.log"))


def say(text: str) -> None:
    """To the terminal."""
    TELL.print(text, style="dim", markup=False)


if __name__ == "__main__":
    main()
