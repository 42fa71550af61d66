"""A dead or stalled pipeline is told from a quiet market, within 15 s."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fakes_hot import MemoryMetrics
from samples_hot import NOON, a_snapshot

from ctc.api.health import NOT_ASKED, SessionHealth
from ctc.api.models import Health
from ctc.errors import StreamError

WALL = datetime.fromisoformat("2026-11-24T10:00:00+00:00")
TRIGGERS = {"detect": 1, "lake": 15}
OFFSET = {"shardId-0": {"seq": "12", "at": 1, "closed": False}}


class Session:
    """The state folder of a session, as its processes would have left it some seconds ago."""

    def __init__(self, state: Path) -> None:
        self.state, self.metrics = state, MemoryMetrics()
        self.metrics.put([a_snapshot()], [], [])

    def says(self, name: str, ago_s: float, **values: Any) -> None:
        folder = self.state / "status"
        folder.mkdir(exist_ok=True)
        body = {"service": name, "pid": 1, "written_at": (WALL - timedelta(seconds=ago_s)).isoformat(), **values}
        (folder / f"{name}.json").write_text(json.dumps(body))

    def query(self, name: str, ago_s: float, batch_ago_s: float, duration_ms: int = 800, **values: Any) -> None:
        reported = (WALL - timedelta(seconds=batch_ago_s)).isoformat()
        progress = {"batchId": 3, "batchDuration": duration_ms, "offset": OFFSET}
        self.says(name, ago_s, state="running", progress=progress, reported_at=reported, totals={"trades": 9}, **values)

    def health(self, **options: Any) -> Health:
        return SessionHealth(self.state, self.metrics, lambda: WALL, triggers_s=TRIGGERS, **options)()


@pytest.fixture
def session(tmp_path: Path) -> Session:
    found = Session(tmp_path)
    found.says("producer", 0.3, phase="running", clock=NOON.isoformat())
    found.query("detect", 0.1, 1.0, clock=(NOON - timedelta(seconds=2)).isoformat())
    found.query("lake", 0.1, 14.0)
    return found


def test_running_session_is_ok(session: Session) -> None:
    found = session.health()
    assert (found.status, found.pipeline, found.reasons, found.quiet) == ("ok", "running", [], [])
    assert (found.queries["detect"].lag_s, found.queries["detect"].trades, found.queries["detect"].batch_age_s) == (2.0, 9, 1.0)
    assert found.services["producer"].state == "running"


def test_quiet_market_is_no_fault_of_the_pipeline(session: Session) -> None:
    session.metrics.put([a_snapshot(11, newest_trade={"binance": NOON, "coinbase": NOON - timedelta(minutes=5)})], [], [])
    found = session.health()
    assert (found.status, found.pipeline, found.quiet) == ("ok", "running", ["coinbase"])
    assert found.newest_trade_age_s == {"binance": 0.0, "coinbase": 300.0}


@pytest.mark.parametrize("name", ["producer", "detect", "lake"])
def test_process_that_died_is_known_after_15_s(session: Session, name: str) -> None:
    if name == "producer":
        session.says("producer", 15, phase="running")
    else:
        session.query(name, 15, 15)
    found = session.health()
    assert (found.status, found.pipeline) == ("degraded", "dead")
    assert f"{name} has said nothing for 15 s" in found.reasons


def test_query_that_hangs_while_its_process_speaks_is_known_after_15_s(session: Session) -> None:
    session.query("detect", 0.1, 15)
    found = session.health()
    assert (found.status, found.pipeline, found.reasons) == ("degraded", "stalled", ["detect has finished no batch for 15 s"])


def test_query_with_long_batches_or_pauses_is_not_stalled(session: Session) -> None:
    session.query("detect", 0.1, 15, duration_ms=9_000)
    session.query("lake", 0.1, 24)
    assert session.health().pipeline == "running"
    session.query("lake", 0.1, 26)
    assert session.health().pipeline == "stalled"


def test_session_that_starts_is_starting(session: Session) -> None:
    for name in ("detect", "lake"):
        session.says(name, 0.1, state="running", progress=None)
    assert session.health().pipeline == "starting"


def test_session_that_ended_is_not_dead(session: Session) -> None:
    session.metrics.put([a_snapshot(12, final=True)], [], [])
    session.query("detect", 5_000, 5_000)
    found = session.health(lags=lambda offsets: {})
    assert (found.status, found.pipeline, found.reasons) == ("ok", "ended", [])
    assert (found.shards, found.shards_absent) == ({}, "the session has ended")


def test_without_processes_the_streams_clock_tells_where_it_is_the_walls(tmp_path: Path) -> None:
    metrics = MemoryMetrics()
    metrics.put([a_snapshot(clock=WALL - timedelta(seconds=3))], [], [])
    live = SessionHealth(tmp_path, metrics, lambda: WALL, wall_stream=True)
    assert (live().status, live().pipeline) == ("ok", "running")
    late = SessionHealth(tmp_path, metrics, lambda: WALL + timedelta(seconds=12), wall_stream=True)()
    assert (late.status, late.pipeline, late.reasons) == ("degraded", "stalled", ["the stream's clock is 15 s behind"])
    assert SessionHealth(tmp_path, metrics, lambda: WALL)().pipeline == "unknown"


def test_lag_is_by_shard_and_query_or_absent_with_a_reason(session: Session) -> None:
    asked: list[Any] = []

    def lags(offsets: Any) -> dict[str, dict[str, float]]:
        asked.append(offsets)
        return {"shardId-0": {"detect": 0.4, "lake": 9.0}}

    found = session.health(lags=lags)
    assert (found.shards, found.shards_absent) == ({"shardId-0": {"detect": 0.4, "lake": 9.0}}, None)
    assert asked == [{"detect": OFFSET, "lake": OFFSET}]

    def silent(offsets: Any) -> dict[str, dict[str, float]]:
        raise StreamError("secret")

    assert session.health(lags=silent).shards_absent == "the stream does not answer"
    assert session.health().shards_absent == NOT_ASKED
    for name in TRIGGERS:
        session.says(name, 0.1, state="running", progress=None)
    assert session.health().shards_absent == "no query has published how far it has read"
