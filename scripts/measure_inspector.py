"""How long each page of the inspector takes over a day of simulated data: with nothing kept, and again with what is kept.

`python scripts/measure_inspector.py --state DIR` fills DIR first where it is empty (a quarter of an hour), and starts its emulator
where none runs. The pages run as Streamlit runs them, without a browser (AppTest).
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import streamlit as st
from bench.machine import describe
from streamlit.testing.v1 import AppTest

from ctc.aws.alerts import DynamoAlerts
from ctc.aws.history import LakeHistory
from ctc.cli.live import with_ports
from ctc.model import EPOCH
from ctc.processes import port_is_free
from ctc.settings import ROOT, Settings, become_child, load_profile, load_state, save_state
from ctc.wiring import create_resources, emulator
from sim.filled import fill
from sim.revision import revision

APP = ROOT / "dashboard" / "inspector" / "app.py"
TIMES = 3
SQL = {
    "largest whales": "select symbol, quote_volume from anomalies where type = 'whale' order by quote_volume desc limit 20",
    "one symbol's trades of ten minutes": "select count(*), sum(quote_volume) from raw_trades where symbol = 'BTC-USDT' "
    "and timestamp >= '2026-01-16 03:00:00Z' and timestamp < '2026-01-16 03:10:00Z'",
    "trades by symbol, all of them": "select symbol, count(*) from raw_trades group by symbol",
}


def main() -> int:
    """0 when every page drew."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--minutes", type=int, default=1440, help="of market time, where the folder is filled first")
    options = parser.parse_args()
    with _up(options.state, options.minutes) as settings:
        become_child(options.state)
        print(f"{revision()}; {describe()}")
        for name, commits in LakeHistory(settings).commits().items():
            size = f"{commits[0].rows:,} rows in {commits[0].files:,} files" if commits else "empty"
            print(f"{name}: {size}, {len(commits)} commits")
        return sum([_measure(*each) for each in _looks(settings)])


@contextmanager
def _up(state: Path, minutes: int) -> Iterator[Settings]:
    new = not (state / "settings.json").exists()
    if new:
        state.mkdir(parents=True, exist_ok=True)
        save_state(with_ports(load_profile("sim"), True, exchanges=True), state)
    settings = load_state(state)
    server = emulator(settings, state) if port_is_free(settings.aws.emulator_port) else None
    if server is not None:
        server.start()
    try:
        if new:
            create_resources(settings)
            fill(settings, state, seed=7, minutes=minutes, batch_minutes=5, say=lambda words: print(words, file=sys.stderr))
        yield settings
    finally:
        if server is not None:
            server.stop()


def _looks(settings: Settings) -> Iterator[tuple[str, str, dict[str, str]]]:
    """What is measured: name, page and query of its URL."""
    store = DynamoAlerts(settings)
    now = LakeHistory(settings).commits()["raw_trades"][0].at
    yield "Overview", "overview", {}
    yield "Alerts of an hour", "alert", {}
    yield "Alerts of 24 hours (the newest 500)", "alert", {"span": "24 hours"}
    for kind in ("volume_spike", "whale", "spread"):
        found = store.page(now=now, type=kind, symbol=None, since=EPOCH, limit=50).alerts
        if found:
            yield f"One {found[-1].rule} alert", "alert", {"alert_id": found[-1].alert_id}
    yield "Market, 80 minutes", "market", {}
    yield "Market, 24 hours", "market", {"window": "24 hours"}
    for name in ("quality", "gaps", "scorecard", "session"):
        yield name.capitalize(), name, {}
    for name, sql in SQL.items():
        yield f"SQL: {name}", "sql", {"sql": sql}


def _measure(name: str, page: str, query: dict[str, str]) -> int:
    """Print a row of the table; 1 when the page did not draw."""
    first: list[float] = []
    again: list[float] = []
    failed = 0
    for _ in range(TIMES):
        st.cache_data.clear()
        st.cache_resource.clear()
        for seconds in (first, again):
            app = AppTest.from_file(APP, default_timeout=300)
            if page != "overview":
                app.switch_page(f"pages/{page}.py")
            app.query_params.update(query)
            began = time.perf_counter()
            app.run()
            seconds.append(time.perf_counter() - began)
            failed |= bool(app.exception or app.error)
    least, most, kept = min(first), max(first), statistics.median(again)
    print(f"| {name} | {statistics.median(first):.2f} | {least:.2f}-{most:.2f} | {kept:.2f} |{' FAILED' if failed else ''}", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
