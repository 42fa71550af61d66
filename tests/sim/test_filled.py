"""A session filled without sockets and Spark holds what the market printed, and what the queries would have made of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ctc.aws import hot
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.query import LakeReader
from ctc.settings import Settings
from sim.compare import compare_trades
from sim.filled import fill
from sim.plan import load_plan
from sim.report import lake_trades
from sim.tape import tape_of

pytestmark = pytest.mark.emulator


def test_filled_stores_hold_what_was_printed(emulator: Settings, tmp_path: Path) -> None:
    create_tables(emulator)
    hot.create_tables(emulator)
    said: list[str] = []
    fill(emulator, tmp_path, seed=7, minutes=11, batch_minutes=6, rate=0.2, say=said.append)
    assert said == ["5 of 11 minutes", "11 of 11 minutes"]
    lake = LakeReader(emulator)
    try:
        check = compare_trades(tape_of(load_plan(tmp_path)), lake_trades(lake))
    finally:
        lake.close()
    assert check.tape > 1_000
    assert check.sentences() == []
    commits = LakeHistory(emulator).commits()
    assert [each.batch for each in commits["raw_trades"]] == [1, 0]
    assert commits["volume_aggregates"][0].rows == 7 * 11, "three coins on two exchanges, USDT on one"
    snapshots = DynamoMetrics(emulator).snapshots()
    assert sum(each.trades for each in snapshots) == check.tape
    assert all(each.final for each in snapshots)
    assert len(list(DeadLetters(emulator).find())) == len(emulator.session.symbols)
