"""A session filled without sockets and Spark holds what the market printed, and what the queries would have made of it."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from ctc.arrow import arrow_schema
from ctc.aws import hot
from ctc.aws.dead_letters import DeadLetters
from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import TableAppender, create_tables
from ctc.aws.metrics import DynamoMetrics
from ctc.aws.query import LakeReader
from ctc.schema import RAW_TRADES
from ctc.settings import Settings
from ctc.sources.surveyed import surveyed
from sim import report
from sim.compare import compare_trades
from sim.filled import fill
from sim.ordered import lake_trades
from sim.plan import load_plan
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
        check = compare_trades(tape_of(load_plan(tmp_path)), lake_trades(lake, tmp_path))
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


def test_report_of_a_filled_session_is_all_green(emulator: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_tables(emulator)
    hot.create_tables(emulator)
    fill(emulator, tmp_path, seed=7, minutes=8, batch_minutes=5, rate=0.2, say=lambda _: None)
    monkeypatch.setattr(report, "api_latency", lambda _: {})  # no API is up
    monkeypatch.setattr(report, "TOLD_EACH", 1_000)
    said = list[str]()
    found = report.build_report(emulator, tmp_path, {}, None, said.append)
    assert found.scorecard.verdict[0].endswith("exactly those that were sent.")
    assert found.scorecard.ok
    assert found.scorecard.trades.tape == found.tables["raw_trades"] > 1_000
    assert not list(tmp_path.glob("comparison-*"))
    assert said[0] == "comparing with the reference: 1,000 lines of BTC-USDT"
    assert said[-1] == f"comparing with the reference: {found.scorecard.trades.tape // 1_000 * 1_000:,} trades"
    # The same frames as a recording are what a replay would have left.
    lake = LakeReader(emulator)
    frames = lake.query("select epoch_us(ingestion_timestamp) us, raw_event_payload frame from raw_trades order by 1").to_pylist()
    lake.close()
    (tmp_path / "frames.jsonl").write_text("".join(f"{each['us']} {each['frame']}\n" for each in frames))
    replayed = report.build_report(emulator, tmp_path, {}, surveyed([tmp_path / "frames.jsonl"]).found, said.append)
    assert (replayed.session, replayed.scorecard.ok, replayed.scorecard.trades) == ("replay", True, found.scorecard.trades)
    # With a trade twice, and one that nobody sent, it is not.
    lake = LakeReader(emulator)
    (row,) = (
        lake.query("select * from raw_trades where symbol = 'BTC-USDT' order by trade_id limit 1")
        .cast(arrow_schema(RAW_TRADES))
        .to_pylist()
    )
    lake.close()
    wrong = [row, {**row, "trade_id": 1}]
    TableAppender(emulator).append_once(
        "raw_trades", pa.Table.from_pylist(wrong, schema=arrow_schema(RAW_TRADES)), query="vandal", run="r", batch_id=0
    )
    check = report.build_report(emulator, tmp_path, {}, None, said.append).scorecard.trades
    assert (check.missing, check.extra, check.doubled, check.different) == (0, 1, 1, 0)
