"""A person at the dashboard of a recorded market: real frames through producer and folds, without Kinesis and Spark between."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from fakes_exchange import run
from fakes_stream import FakeStream
from test_dashboard import BROWSERS, NODE, built, run_in_web

from ctc import status
from ctc.aws.alerts import DynamoAlerts
from ctc.aws.hot import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.detect.fold import SymbolFold
from ctc.model import Heartbeat, Position
from ctc.processes import Child, free_port, spawn
from ctc.producer.main import parse, producer_of
from ctc.settings import ROOT, Settings, load_profile, save_state

EXCERPTS = sorted((ROOT / "tests" / "fixtures" / "realdata").glob("binance_spot_*_20240808.excerpt.gz"))
SYMBOLS = ("BTC-USDT", "ETH-USDT")
WHALE = "1000"  # what counts as one here: the excerpts are of 13 s
DEADLINE_S = 120


@pytest.fixture
def replay(emulator: Settings, tmp_path: Path) -> Iterator[str]:
    """The URL of an API over what the folds made of the excerpts, up to before the log's end."""
    state = tmp_path / "state"
    changed = load_profile("sim", {"whales.threshold": WHALE, "api.port": free_port()})
    shown = msgspec.structs.replace(changed.session, title="recorded market", market="recorded", symbols=SYMBOLS)
    settings = msgspec.structs.replace(emulator, session=shown, whales=changed.whales, api=changed.api)
    create_tables(settings)
    stream = FakeStream()

    async def produce() -> None:
        await producer_of(settings, state, parse(["--replay", *map(str, EXCERPTS)]), stream, FakeStream()).run()

    run(produce())
    alerts, metrics = DynamoAlerts(settings), DynamoMetrics(settings)
    for symbol in SYMBOLS:
        fold = SymbolFold(symbol, settings)
        log = [line for line in stream.decoded(symbol) if not (isinstance(line, Heartbeat) and line.final)]
        found = fold.take((Position("shardId-000000000000", number, 0), line) for number, line in enumerate(log))
        alerts.put(found.alerts)
        metrics.put([found.snapshot], found.bars, found.spreads)
    save_state(settings, state)
    child = spawn("api", ("ctc.api",), state)
    try:
        yield _url(state, child)
    finally:
        child.stop(30)


def _url(state: Path, child: Child) -> str:
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and child.wait(0.1) is None:
        if url := (status.read(state, "api") or {}).get("url"):
            return str(url)
    raise AssertionError(f"the API did not start: {child.tail()}")


@built
@pytest.mark.browser
@pytest.mark.emulator
@pytest.mark.timeout(600)
@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium here: apt-get install chromium")
def test_person_at_the_dashboard_of_a_recorded_market(replay: str, tmp_path: Path) -> None:
    done = run_in_web(NODE, "e2e/replay.mjs", replay, SCREENSHOT=str(tmp_path / "failure.png"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok - ") >= 4
