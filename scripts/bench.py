"""`make bench`: what this machine does with the platform, in one table. ARGS="--quick" is a smoke run.

Everything (emulator, simulated exchanges, producer, Spark, API) runs here, on free ports and in a state folder of its own. What
the sections measure is in docs/BENCH.md; they need a quiet machine.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from bench.api import api, of_running
from bench.batch import batch, batch_of
from bench.frames import frames
from bench.history import history
from bench.machine import describe
from bench.memory import Peaks, sampled
from bench.score import score
from bench.streaming import drain, latency, sustained
from bench.table import Row, show
from rich.console import Console

from ctc.errors import CtcError
from ctc.settings import ROOT
from sim.revision import revision

SECTIONS = ("frames", "score", "drain", "sustained", "latency", "api", "history", "batch")
TELL = Console(stderr=True, highlight=False)
MIB = 1 << 20


def main() -> int:
    """0 when every section that was asked for gave its figures; what failed is said in one sentence."""
    options = _options()
    machine = {"date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC", "revision": revision(), **describe()}
    rows: list[Row] = []
    peaks: dict[str, Peaks] = {}
    failed = False
    for name, measure in _sections(options).items():
        TELL.print(f"[bold]{name}[/]")
        try:
            with sampled() as peaks[name]:
                rows += measure()
        except KeyboardInterrupt:
            TELL.print(f"{name} was stopped")
            return 130
        except CtcError as error:
            failed = True
            TELL.print(f"{name} failed: {error}", style="red", markup=False)
    rows += _memory(peaks)
    show(rows, machine)
    if options.json is not None:
        found = {"machine": machine, "quick": options.quick, "rows": rows}
        options.json.write_bytes(msgspec.json.format(msgspec.json.encode(found), indent=1) + b"\n")
    return 1 if failed else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a smoke run of some minutes; its figures mean little")
    parser.add_argument("--only", action="append", choices=SECTIONS, metavar="NAME", help=f"one of {', '.join(SECTIONS)}; may be repeated")
    parser.add_argument("--trades", type=int, help="of each backlog (600000; quick: 60000)")
    parser.add_argument("--url", help="measure nothing but the API of a session that runs, at this URL")
    parser.add_argument("--fill", type=Path, metavar="STATE", help="with --url: store 100,000 alerts in that session's folder first")
    parser.add_argument(
        "--lake", type=Path, metavar="STATE", help="batch: over that session's lake, as of a replayed day, not a filled one"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--state", type=Path, default=ROOT / ".ctc" / "bench", help="where the sessions live (default: .ctc/bench)")
    return parser.parse_args()


def _sections(options: argparse.Namespace) -> dict[str, Callable[[], list[Row]]]:
    quick, state = options.quick, options.state
    other = {"spark.lake_trigger_s": 3} if quick else {}  # not to wait for it again and again
    trades = options.trades or (60_000 if quick else 600_000)
    known: dict[str, Callable[[], list[Row]]] = {
        "frames": lambda: frames(20_000 if quick else 100_000),
        "score": lambda: score(_say, *((2, 30) if quick else (10, 100))),
        "drain": lambda: drain(state, _say, other, trades),
        "sustained": lambda: sustained(state, _say, other, 2 if quick else 20),
        "latency": lambda: latency(state, _say, other, *((5.0, 20.0) if quick else (60.0, 90.0))),
        "api": lambda: api(state / "api", _say, *((5_000, 2.0) if quick else (100_000, 10.0))),
        "history": lambda: history(20_000 if quick else 200_000),
        "batch": lambda: batch_of(options.lake, _say, 5) if options.lake else batch(state, _say, *((60, 5, 1) if quick else (1_440, 5, 5))),
    }
    if options.url:
        return {"api": lambda: of_running(options.url, _say, 2.0 if quick else 5.0, options.fill, 5_000 if quick else 100_000)}
    return {name: measure for name, measure in known.items() if not options.only or name in options.only}


def _say(text: str) -> None:
    TELL.print(f"  {text}", style="dim", markup=False)


def _memory(peaks: dict[str, Peaks]) -> list[Row]:
    """The highest peak of each group of processes, and the section in which it was."""
    rows = []
    groups = dict.fromkeys(group for each in peaks.values() for group in each.rss)
    for group in groups:
        section = max(peaks, key=lambda name: peaks[name].rss.get(group, 0))
        shared = peaks[section].pss.get(group)
        beside = f"in {section}" + (f"; {shared / MIB:,.0f} MiB when shared pages count once" if shared else "")
        rows.append(Row(section="memory", what=f"{group}, peak", value=peaks[section].rss[group] / MIB, unit="MiB", beside=beside))
    return rows


if __name__ == "__main__":
    sys.exit(main())
