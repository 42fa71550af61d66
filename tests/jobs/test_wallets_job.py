"""The job `wallets` on real Spark over a seeded tape: the very scores of one process, in one commit, of the snapshot asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from pyspark.sql import SparkSession
from streamed import ask, say

from ctc.aws import hot
from ctc.aws.history import LakeHistory
from ctc.aws.lakehouse import create_tables
from ctc.aws.rows import rows_of_scores
from ctc.aws.wallets import DynamoWallets
from ctc.errors import LakeError
from ctc.model import from_us
from ctc.settings import Settings
from ctc.spark.wallets import REPORTS_PROPERTY, Asked, score
from ctc.wallets import AlphaRules, ScoreRun, WalletTrade
from sim.alpha_tape import DAY_S, T0_S, wallet_tape
from sim.wallet_lake import SMALL, put_tape, scores_of

pytestmark = [pytest.mark.spark, pytest.mark.emulator, pytest.mark.timeout(1200)]
RULES = AlphaRules(taker_fee_bp=1, fresh_s=50)  # the crowd prints once a minute: some episodes find no price
SEVEN_DAYS_US = (T0_S + 7 * DAY_S) * 1_000_000


@pytest.fixture(scope="module")
def tape() -> list[WalletTrade]:
    return wallet_tape(7, SMALL).trades


@pytest.fixture
def settings(emulator: Settings, tape: list[WalletTrade]) -> Settings:
    """A lake whose `wallet_trades` came in two batches, of seven days and of three."""
    create_tables(emulator)
    hot.create_tables(emulator)
    put_tape(emulator, early(tape), 0)
    put_tape(emulator, tape[len(early(tape)) :], 1)
    return emulator


def early(tape: list[WalletTrade]) -> list[WalletTrade]:
    return [trade for trade in tape if trade.time_us < SEVEN_DAYS_US]


def run(spark: SparkSession, settings: Settings, **asked: Any) -> ScoreRun:
    return score(spark, settings, DynamoWallets(settings), Asked(**asked), RULES, say)


def snapshots(settings: Settings) -> list[int]:
    """Of `wallet_trades`, the oldest first."""
    return [commit.snapshot_id for commit in reversed(LakeHistory(settings).commits()["wallet_trades"])]


def shown(settings: Settings) -> Any:
    """What readers of the hot store see."""
    store = DynamoWallets(settings)
    found = store.run()
    return found, [own for each in store.wallets(found.run) for own in each] if found else []


def test_scores_are_those_of_one_process(spark: SparkSession, settings: Settings, tape: list[WalletTrade]) -> None:
    done = run(spark, settings)
    expected, scores = scores_of(tape, RULES, snapshots(settings)[1])
    assert done == expected
    reports = {(each.role, each.horizon_s): each for each in expected.reports}
    assert reports["taker", 300].verdict == "wallets differ"
    assert reports["taker", 300].flagged
    assert {each.verdict for each in reports.values()} == {"wallets differ", "no detectable skill"}
    assert reports["taker", 300].too_few > 100
    assert sum(each.unpriced for each in reports.values())
    assert ask(settings, "select * from wallet_scores order by wallet, role, horizon_s") == rows_of_scores(expected, scores).to_pylist()
    assert shown(settings) == (expected, scores)


def test_run_replaces_the_one_before_in_one_commit(spark: SparkSession, settings: Settings, tape: list[WalletTrade]) -> None:
    first, second = run(spark, settings, snapshot=snapshots(settings)[0]), run(spark, settings)
    assert first == scores_of(early(tape), RULES, snapshots(settings)[0])[0]
    assert {row["run"] for row in ask(settings, "select run from wallet_scores")} == {second.run}
    commits = LakeHistory(settings).commits()["wallet_scores"]
    assert [(commit.query, commit.run, commit.rows) for commit in commits] == [
        ("wallets", each.run, sum(report.scored for report in each.reports)) for each in (second, first)
    ]
    told = spark.sql(f"select summary from lake.{settings.lake.database}.wallet_scores.snapshots order by committed_at").collect()
    assert [msgspec.json.decode(row.summary[REPORTS_PROPERTY], type=ScoreRun) for row in told] == [first, second]


def test_time_can_be_chosen_and_too_little_of_it_scores_nobody(spark: SparkSession, settings: Settings, tape: list[WalletTrade]) -> None:
    border = from_us(SEVEN_DAYS_US)
    assert run(spark, settings, until=border) == scores_of(early(tape), RULES, snapshots(settings)[1])[0]
    done = run(spark, settings, since=border)  # three days are too few
    assert done == scores_of(tape[len(early(tape)) :], RULES, snapshots(settings)[1])[0]
    assert {each.scored for each in done.reports} == {0}
    assert ask(settings, "select * from wallet_scores") == []
    assert shown(settings) == (done, [])


def test_tape_that_is_not_there_is_said(spark: SparkSession, emulator: Settings, tape: list[WalletTrade]) -> None:
    hot.create_tables(emulator)
    with pytest.raises(LakeError, match="no exchange of this session names its wallets"):
        run(spark, emulator)
    put_tape(emulator, tape[:100])
    with pytest.raises(LakeError, match="no trade of that time"):
        run(spark, emulator, since=from_us(SEVEN_DAYS_US))
    with pytest.raises(LakeError, match="reading wallet_trades at snapshot 5"):
        run(spark, emulator, snapshot=5)
    assert DynamoWallets(emulator).run() is None
