"""`python -m bench.jobs reprocess|maintain STATE`: one job over the session in STATE in a process of its own; JSON on stdout."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import msgspec

from ctc.aws.log import Span
from ctc.detect import ALL_DETECTORS
from ctc.errors import CtcError
from ctc.schema import TABLES
from ctc.session import reachable
from ctc.settings import ROOT
from ctc.spark.job import engine
from ctc.spark.maintain import Maintained, maintain
from ctc.spark.reprocess import reprocess


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """Seconds of the job's own work; what it found or did."""

    seconds: float
    alerts: int = 0
    differences: int = 0
    tables: list[Maintained] = []


def run(job: str, state: Path) -> tuple[Done, float]:
    """The job, and the seconds from the start of its process to its end. Raises CtcError."""
    path = os.pathsep.join((str(ROOT / "scripts"), str(ROOT)))
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, "-m", "bench.jobs", job, str(state)], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, check=False
    )
    if ended.returncode:
        raise CtcError(f"the job {job} failed: what it said is above")
    return msgspec.json.decode(ended.stdout.splitlines()[-1], type=Done), time.monotonic() - began


def main(job: str, state: Path) -> None:
    """Run the job and print `Done`."""
    with reachable(state) as settings, engine(job, settings, state, by_row=job == "maintain") as spark:
        began = time.monotonic()
        if job == "maintain":
            tables = list(maintain(spark, settings, TABLES, timedelta(0), _say))
            done = Done(seconds=time.monotonic() - began, tables=tables)
        else:
            said = reprocess(spark, settings, settings, Span(), ALL_DETECTORS, _say)
            differing = len(said.comparison.differences)
            done = Done(seconds=time.monotonic() - began, alerts=said.alerts, differences=differing)
    print(msgspec.json.encode(done).decode())


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
