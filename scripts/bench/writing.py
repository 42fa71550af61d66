"""`python -m bench.writing STATE`, until it is stopped: writes what `detect` would, a batch a second, into a filled store."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path

import msgspec

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.metrics import DynamoMetrics
from ctc.settings import ROOT, load_state
from sim.plan import FIXED_START

ALERTS, LATER = 2, 30  # in each batch, and how many batches later each gets its last revision
WORDS = f"a batch a second with {ALERTS} new alerts and {ALERTS} revisions written meanwhile"


@contextmanager
def writing(state: Path) -> Iterator[None]:
    """Another process writes during the block."""
    path = os.pathsep.join((str(ROOT / "scripts"), str(ROOT)))
    process = subprocess.Popen([sys.executable, "-m", "bench.writing", str(state)], env={**os.environ, "PYTHONPATH": path})
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def main(state: Path) -> None:
    """Write until the process is stopped."""
    from bench import api  # it starts this

    settings = load_state(state)
    alerts, metrics, rng, pause = DynamoAlerts(settings), DynamoMetrics(settings), random.Random(2), threading.Event()
    symbols, told = settings.session.symbols[:3], []
    for second in count(1):
        now = api.NOW + timedelta(seconds=second)
        fresh = [msgspec.structs.replace(api.an_alert(rng, rng.choice(symbols), now), revision=0, final=False) for _ in range(ALERTS)]
        told += fresh
        last = [msgspec.structs.replace(alert, revision=1, final=True) for alert in told[-ALERTS * (LATER + 1) : -ALERTS * LATER]]
        minute = int((now - FIXED_START) / timedelta(minutes=1)) - 1
        bars = [api.a_bar(symbol, venue, minute) for symbol in symbols for venue in settings.session.exchanges]
        snapshots = [api.a_snapshot(symbol, now, 1000 + second) for symbol in settings.session.symbols]
        alerts.put(fresh + last)
        metrics.put(snapshots, bars, [api.a_spread(symbol, 2 * minute) for symbol in symbols])
        pause.wait(1)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
