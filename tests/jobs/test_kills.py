"""SIGKILL in the middle of each job, at a random moment: the lake is as before or as after, and the next run comes to its end."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from past import binance_ids, serving, whole
from pyspark.sql import SparkSession
from streamed import RUN, Stream, say

from ctc.aws import hot
from ctc.aws.lakehouse import TableAppender, create_tables
from ctc.aws.query import LakeReader
from ctc.aws.wallets import DynamoWallets
from ctc.detect import ALL_DETECTORS
from ctc.settings import ROOT, Settings, child_environment, save_state
from ctc.spark import swap as swaps
from ctc.spark.batch import Span
from ctc.spark.evolve import evolve
from ctc.spark.historical import merge
from ctc.spark.maintain import maintain
from ctc.spark.reprocess import reprocess
from ctc.spark.wallets import Asked, score
from ctc.wallets import AlphaRules, WalletScore
from sim.alpha_tape import wallet_tape
from sim.wallet_lake import SMALL, put_tape

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
LONGEST_S = 1.5  # after a job's first word of its own work; most of a small job
Rows = list[dict[str, Any]]


def rows(settings: Settings, table: str) -> Rows:
    reader = LakeReader(settings)
    try:
        return sorted(reader.query(f"select * from {table}").to_pylist(), key=lambda row: tuple(map(str, row.values())))
    finally:
        reader.close()


def struck(settings: Settings, state: Path, seed: int, sign: str, *words: str) -> bool:
    """Run a job and kill it with all its processes a random while after it has said `sign`; whether it was still running."""
    save_state(msgspec.structs.replace(settings, aws=msgspec.structs.replace(settings.aws, emulator="")), state)
    job = subprocess.Popen(
        [sys.executable, "-m", "jobs.run", *words, "--state", str(state)],
        env=child_environment(state), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    assert job.stderr is not None
    said = []
    for line in job.stderr:
        said.append(line)
        if sign in line:
            break
    else:
        pytest.fail(f"the job never said {sign!r}: {''.join(said)[-3000:]}")
    threading.Event().wait(random.Random(seed).uniform(0, LONGEST_S))
    running = job.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGKILL)
    job.stderr.close()
    job.wait(60)
    return running


def test_reprocess_with_a_swap(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "anomalies")
    struck(settings, tmp_path, 1, "putting run", "reprocess", "--set", "whales.threshold=1000000", "--detectors", "whales", "--swap")
    after = [row for row in before if row["type"] != "whale"]
    left = rows(settings, "anomalies")
    assert [row for row in left if row["type"] != "whale"] == after
    assert len(left) in (len(before), len(after) + sum(row["type"] == "whale" for row in left))
    assert rows(settings, "anomalies_reprocessed") == []  # its own commit was through before: no whale is that large
    if left == before:
        swaps.swap(spark, settings, say)
    once = rows(settings, "anomalies")
    assert len(once) < len(before)
    swaps.undo(spark, settings, say)
    assert rows(settings, "anomalies") == before


def test_reprocess_alone(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "anomalies")
    whales = frozenset({"whales"})
    old = reprocess(spark, settings, settings, Span(), whales, say)
    kept = rows(settings, "anomalies_reprocessed")
    struck(settings, tmp_path, 2, "writing", "reprocess")
    left = rows(settings, "anomalies_reprocessed")
    new = reprocess(spark, settings, settings, Span(), ALL_DETECTORS, say)
    assert left in (kept, rows(settings, "anomalies_reprocessed"))
    assert rows(settings, "anomalies") == before
    assert new.alerts > old.alerts


def test_maintain(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, tables = streamed.settings, ("raw_trades", "volume_aggregates")
    before = [rows(settings, name) for name in tables]
    struck(settings, tmp_path, 3, "raw_trades: compacting", "maintain", "--tables", ",".join(tables), "--keep-hours", "0")

    def holds() -> None:
        assert [rows(settings, name) for name in tables] == before
        assert [TableAppender(settings).last_batch(name, query, RUN) for name, query in zip(tables, ("lake", "detect"), strict=True)] == [
            3,
            3,
        ]

    holds()
    list(maintain(spark, settings, tables, timedelta(0), say))
    holds()


def test_evolve(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "volume_aggregates")
    struck(settings, tmp_path, 4, "adding", "evolve", "--by-symbol", "BTC-USDT=1")
    left = rows(settings, "volume_aggregates")
    assert [{**row, "market_cap_rank": None} for row in before] == [{**row, "market_cap_rank": row.get("market_cap_rank")} for row in left]
    assert all(check.holds for check in evolve(spark, settings, "volume_aggregates", "market_cap_rank", "int", {"BTC-USDT": "1"}, say))


def test_history(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    ids = binance_ids(streamed.settings)
    every, before = whole(ids), len(rows(streamed.settings, "raw_trades"))
    with serving(streamed.settings, {"BTCUSDT": every}) as settings:
        struck(
            settings, tmp_path, 5, "merging", "history", "--exchanges", "binance", "--symbols", "BTC-USDT",
            "--from-id", str(min(every)), "--to-id", str(max(every)),
        )  # fmt: skip
        left = rows(settings, "raw_trades")
        assert len(left) in (before, before + len(every) - len(ids))
        merge(spark, settings, ("BTC-USDT",), None, None, say)
    found = rows(settings, "raw_trades")
    assert len(found) == before + len(every) - len(ids) == len({row["event_id"] for row in found})
    told = [
        row
        for row in rows(settings, "gaps")
        if row["state"] == "backfilled" and row["exchange"] == "binance" and row["symbol"] == "BTC-USDT"
    ]
    merged = {row["trade_id"] for row in found if row["shard"] is None}
    spans = [number for row in told for number in range(row["first_id"], row["last_id"] + 1)]
    assert times_told(spans, merged) == {1}


def test_wallets(spark: SparkSession, emulator: Settings, tmp_path: Path) -> None:
    trades, store = wallet_tape(3, SMALL).trades, DynamoWallets(emulator)
    create_tables(emulator)
    hot.create_tables(emulator)

    def scores() -> tuple[Rows, list[list[WalletScore]]]:
        """What readers of the table and of the hot store see."""
        shown = store.run()
        return rows(emulator, "wallet_scores"), list(store.wallets(shown.run)) if shown else []

    put_tape(emulator, trades[:6_000], 0)
    old = score(spark, emulator, store, Asked(), AlphaRules(), say)
    before = scores()
    put_tape(emulator, trades[6_000:], 1)
    struck(emulator, tmp_path, 6, "writing", "wallets")
    left = scores()
    new = score(spark, emulator, store, Asked(), AlphaRules(), say)
    assert len(before[0]) > 20
    assert old.run != new.run
    for own, was, will in zip(left, before, scores(), strict=True):
        assert own in (was, will)


def times_told(spans: list[int], ids: set[int]) -> set[int]:
    """How often the ledger names each id."""
    return {spans.count(number) for number in ids}
