"""SIGKILL in the middle of each job: the lake is as before or as after, and the next run comes to its end.

At random moments; and where a branch is written and main is not yet it, at that very moment.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from past import binance_ids, serving, whole
from pyspark.sql import SparkSession
from streamed import RUN, Stream, say

from ctc.aws import hot
from ctc.aws.lakehouse import TableAppender, create_tables
from ctc.aws.load import Wanted, load_history
from ctc.aws.log import Span
from ctc.aws.query import LakeReader
from ctc.aws.wallets import DynamoWallets
from ctc.detect import ALL_DETECTORS
from ctc.errors import ConfigError
from ctc.settings import ROOT, Settings, child_environment, save_state, with_values
from ctc.spark import swap as swaps
from ctc.spark.evolve import evolve
from ctc.spark.historical import merge, tell_ledger
from ctc.spark.maintain import maintain
from ctc.spark.reprocess import reprocess
from ctc.spark.wallets import Asked, score
from ctc.wallets import AlphaRules, WalletScore
from sim.alpha_tape import wallet_tape
from sim.wallet_lake import SMALL, put_tape

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
LONGEST_S = 1.5  # after a job's first word of its own work; most of a small job
WHALES = frozenset({"whales"})
NO_WHALES = {"whales.threshold": "1000000"}  # no whale is that large
SWAP = ("reprocess", "--set", "whales.threshold=1000000", "--detectors", "whales", "--swap")
# The job of `jobs.run`, killed with all its processes in place of a branch's becoming main.
DIES_BEFORE_MAIN = """
import os, signal, sys
from ctc.cli.jobs import start
from ctc.spark import branches
branches._fast_forward = lambda *words: os.killpg(0, signal.SIGKILL)
sys.exit(start(sys.argv[1:]))
"""
Rows = list[dict[str, Any]]


def rows(settings: Settings, table: str) -> Rows:
    reader = LakeReader(settings)
    try:
        return sorted(reader.query(f"select * from {table}").to_pylist(), key=lambda row: tuple(map(str, row.values())))
    finally:
        reader.close()


def started(settings: Settings, state: Path, *command: str) -> subprocess.Popen[str]:
    """A process of Python's with a session's state folder, in a process group of its own."""
    save_state(msgspec.structs.replace(settings, aws=msgspec.structs.replace(settings.aws, emulator="")), state)
    return subprocess.Popen(
        [sys.executable, *command, "--state", str(state)],
        env=child_environment(state), cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def dies_before_main(settings: Settings, state: Path, *words: str) -> None:
    """Run a job that dies when its branch is written and checked."""
    job = started(settings, state, "-c", DIES_BEFORE_MAIN, *words)
    _, said = job.communicate(timeout=300)
    assert job.returncode == -signal.SIGKILL, said[-3000:]


def struck(settings: Settings, state: Path, seed: int, sign: str, *words: str, longest_s: float = LONGEST_S) -> None:
    """Run a job and kill it with all its processes a random while after it has said `sign`."""
    job = started(settings, state, "-m", "jobs.run", *words)
    assert job.stderr is not None
    said = []
    for line in job.stderr:
        said.append(line)
        if sign in line:
            break
    else:
        pytest.fail(f"the job never said {sign!r}: {''.join(said)[-3000:]}")
    threading.Event().wait(random.Random(seed).uniform(0, longest_s))
    running = job.poll() is None
    with contextlib.suppress(ProcessLookupError):
        os.killpg(job.pid, signal.SIGKILL)
    job.stderr.close()
    job.wait(60)
    assert running, f"the job had ended before it was struck: {said[-1]}"


def swap_in(spark: SparkSession, settings: Settings) -> None:
    """What `SWAP` does."""
    reprocess(spark, settings, with_values(settings, NO_WHALES, ("whales",)), Span(), WHALES, say)
    swaps.swap(spark, settings, say)


def test_reprocess_with_a_swap_and_its_undo(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "anomalies")
    after = [row for row in before if row["type"] != "whale"]
    for seed in (1, 2, 3):
        struck(settings, tmp_path, seed, "putting run", *SWAP, longest_s=2 * LONGEST_S)
        left = rows(settings, "anomalies")
        assert [row for row in left if row["type"] != "whale"] == after
        assert rows(settings, "anomalies_reprocessed") == []  # its own commit was through before
        if left == before:
            swaps.swap(spark, settings, say)
        once = rows(settings, "anomalies")
        assert len(once) < len(before)
        assert left in (before, once)
        struck(settings, tmp_path, seed, "putting back", "reprocess", "--undo", longest_s=2 * LONGEST_S)
        left = rows(settings, "anomalies")
        assert left in (once, before)
        if left == once:
            swaps.undo(spark, settings, say)
        assert rows(settings, "anomalies") == before
        with pytest.raises(ConfigError, match="no swap to take back"):
            swaps.undo(spark, settings, say)


def test_swap_that_dies_before_main_never_was(spark: SparkSession, streamed: Stream, undisturbed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "anomalies")
    dies_before_main(settings, tmp_path, *SWAP)
    assert rows(settings, "anomalies") == before
    with pytest.raises(ConfigError, match="no swap to take back"):
        swaps.undo(spark, settings, say)
    for each in (settings, undisturbed.settings):
        swap_in(spark, each)
    assert rows(settings, "anomalies") == rows(undisturbed.settings, "anomalies") != before
    swaps.undo(spark, settings, say)
    assert rows(settings, "anomalies") == before
    with pytest.raises(ConfigError, match="no swap to take back"):
        swaps.undo(spark, settings, say)


def test_reprocess_alone(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "anomalies")
    old = reprocess(spark, settings, settings, Span(), WHALES, say)
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

    def holds() -> None:
        assert [rows(settings, name) for name in tables] == before
        assert [TableAppender(settings).last_batch(name, query, RUN) for name, query in zip(tables, ("lake", "detect"), strict=True)] == [
            3,
            3,
        ]

    for seed in (3, 4, 5):
        words = ("maintain", "--tables", ",".join(tables), "--keep-hours", "0")
        struck(settings, tmp_path, seed, "raw_trades: compacting", *words, longest_s=2 * LONGEST_S)
        holds()
    list(maintain(spark, settings, tables, timedelta(0), say))
    holds()


def test_evolve(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    settings, before = streamed.settings, rows(streamed.settings, "volume_aggregates")
    struck(settings, tmp_path, 4, "adding", "evolve", "--by-symbol", "BTC-USDT=1")
    left = rows(settings, "volume_aggregates")
    assert [{**row, "market_cap_rank": None} for row in before] == [{**row, "market_cap_rank": row.get("market_cap_rank")} for row in left]
    assert all(check.holds for check in evolve(spark, settings, "volume_aggregates", "market_cap_rank", "int", {"BTC-USDT": "1"}, say))


def filled_once(settings: Settings, every: dict[int, int]) -> Rows:
    """What the ledger says that history brought. Each of these ids is in the table, each once, and what history brought is told once."""
    found = rows(settings, "raw_trades")
    assert len(found) == len({row["event_id"] for row in found})
    assert binance_ids(settings).keys() == every.keys()
    own = [row for row in rows(settings, "gaps") if row["state"] == "backfilled" and row["exchange"] == "binance"]
    told = [row for row in own if row["symbol"] == "BTC-USDT"]
    merged = {row["trade_id"] for row in found if row["shard"] is None}
    spans = [number for row in told for number in range(row["first_id"], row["last_id"] + 1)]
    assert times_told(spans, merged) == {1}
    return told


def history(every: dict[int, int]) -> tuple[str, ...]:
    """The job that loads these ids and merges them."""
    ids = ("--from-id", str(min(every)), "--to-id", str(max(every)))
    return ("history", "--exchanges", "binance", "--symbols", "BTC-USDT", *ids)


def test_history(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    ids = binance_ids(streamed.settings)
    every, before = whole(ids), len(rows(streamed.settings, "raw_trades"))
    with serving(streamed.settings, {"BTCUSDT": every}) as settings:
        struck(settings, tmp_path, 5, "merging", *history(every))
        assert len(rows(settings, "raw_trades")) in (before, before + len(every) - len(ids))
        merge(spark, settings, ("BTC-USDT",), None, None, say)
    filled_once(settings, every)


def test_merge_that_dies_before_main_is_told_of_by_nobody(
    spark: SparkSession, streamed: Stream, undisturbed: Stream, tmp_path: Path
) -> None:
    before, every = rows(streamed.settings, "raw_trades"), whole(binance_ids(streamed.settings))
    told = rows(streamed.settings, "gaps")
    with serving(streamed.settings, {"BTCUSDT": every}) as settings:
        dies_before_main(settings, tmp_path, *history(every))
    assert rows(settings, "raw_trades") == before
    assert tell_ledger(spark, settings) == 0
    assert rows(settings, "gaps") == told
    merge(spark, settings, ("BTC-USDT",), None, None, say)
    with serving(undisturbed.settings, {"BTCUSDT": every}) as other:
        load_history(other, Wanted(exchanges=("binance",), symbols=("BTC-USDT",), first=min(every), last=max(every)), say)
        merge(spark, other, ("BTC-USDT",), None, None, say)
    assert filled_once(settings, every) == filled_once(other, every)


def test_daily(spark: SparkSession, streamed: Stream, tmp_path: Path) -> None:
    every, alerts = whole(binance_ids(streamed.settings)), rows(streamed.settings, "anomalies")
    since, until = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
    with serving(streamed.settings, {"BTCUSDT": every}) as settings:
        load_history(settings, Wanted(exchanges=("binance",), symbols=("BTC-USDT",), first=min(every), last=max(every)), say)
    struck(settings, tmp_path, 7, "merging", "daily", "--since", "2026-01-05", "--until", "2026-01-06", longest_s=3 * LONGEST_S)
    left = rows(settings, "anomalies_reprocessed")
    merge(spark, settings, ("BTC-USDT",), since.date(), since.date(), say)
    filled_once(settings, every)
    reprocess(spark, settings, settings, Span(since=since, until=until, order="event-time"), ALL_DETECTORS, say)
    assert left in ([], rows(settings, "anomalies_reprocessed"))
    assert rows(settings, "anomalies") == alerts


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
