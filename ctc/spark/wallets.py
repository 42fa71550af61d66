"""The job `wallets`: the scores of docs/WALLETS.md over `wallet_trades`, into `wallet_scores` and the hot store.

Wallets are measured in Spark's tasks (ctc/spark/measures.py), and held against each other here. One commit replaces the table's
content, and one item of the hot store says which run is shown: a kill leaves each of them whole.
"""

from __future__ import annotations

from datetime import datetime

import msgspec
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from ctc.aws.lakehouse import QUERY_PROPERTY, RUN_PROPERTY, create_tables
from ctc.aws.rows import rows_of_scores
from ctc.errors import LakeError
from ctc.model import from_us
from ctc.ports import WalletStore
from ctc.schema import WALLET_SCORES, WALLET_TRADES
from ctc.settings import Settings
from ctc.spark.measures import COUNTS, READ, SCORE, measures
from ctc.spark.tables import Say, current_snapshot, full_name, rows_at, translating, with_properties
from ctc.wallets.alpha import Score, SkillReport, report_on
from ctc.wallets.episodes import ROLES
from ctc.wallets.rules import AlphaRules
from ctc.wallets.scored import ScoreRun, Tape, WalletScore, scored

QUERY = "wallets"
REPORTS_PROPERTY = "ctc.reports"  # JSON of `ScoreRun`


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Trades in [since, until) of a snapshot of `wallet_trades`; without one of the newest."""

    since: datetime | None = None
    until: datetime | None = None
    snapshot: int | None = None


def score(spark: SparkSession, settings: Settings, store: WalletStore, asked: Asked, rules: AlphaRules, say: Say) -> ScoreRun:
    """Compute, commit, show. Raises LakeError where there is no trade that names its wallets."""
    create_tables(settings)  # a lake that is older than the table has it now
    trades, tape = _read(spark, settings, asked)
    say(f"scoring the wallets of {tape.trades:,} trades of {', '.join(tape.coins)} at snapshot {tape.snapshot}")
    run, scores = scored(_reports(trades, rules), tape, rules)
    say(f"writing {len(scores):,} scores to {WALLET_SCORES.name}")
    _write(spark, settings, run, scores)
    store.put(run, scores)
    return run


def _read(spark: SparkSession, settings: Settings, asked: Asked) -> tuple[DataFrame, Tape]:
    version = asked.snapshot if asked.snapshot is not None else current_snapshot(spark, settings, WALLET_TRADES.name)
    if version is None:
        raise LakeError("wallet_trades is empty: no exchange of this session names its wallets; have hyperliquid take part in one")
    with translating(f"reading wallet_trades at snapshot {version}"):
        found = rows_at(spark, settings, WALLET_TRADES.name, version)
        if asked.since is not None:
            found = found.where(F.col("timestamp") >= F.lit(asked.since))
        if asked.until is not None:
            found = found.where(F.col("timestamp") < F.lit(asked.until))
        facts = found.agg(
            F.count("*").alias("trades"),
            F.unix_micros(F.min("timestamp")).alias("since"),
            F.unix_micros(F.max("timestamp")).alias("until"),
            F.collect_set("coin").alias("coins"),
        ).collect()[0]
    if not facts.trades:
        raise LakeError("wallet_trades holds no trade of that time: choose another --since or --until")
    tape = Tape(snapshot=version, trades=facts.trades, coins=sorted(facts.coins), since=from_us(facts.since), until=from_us(facts.until))
    return found.withColumn("time_us", F.unix_micros("timestamp")).select(*READ), tape


def _reports(trades: DataFrame, rules: AlphaRules) -> list[SkillReport]:
    """A report for each role and horizon, as `score_wallets` gives them."""
    measured = measures(trades, rules).persist()
    try:
        sums = measured.groupBy("role", "horizon_s").agg(*(F.sum(name).alias(name) for name in COUNTS)).collect()
        # At most one row a wallet, role and horizon.
        rows = measured.where("episodes is not null").select("role", "horizon_s", *SCORE).collect()
    finally:
        measured.unpersist()
    counts = {(row.role, row.horizon_s): {name: row[name] for name in COUNTS} for row in sums}
    scores: dict[tuple[str, int], list[Score]] = {}
    for row in sorted(rows, key=lambda row: str(row.wallet)):
        scores.setdefault((row.role, row.horizon_s), []).append(Score(**{name: row[name] for name in SCORE}))
    return [
        report_on(role, horizon_s, scores.get((role, horizon_s), []), rules, **counts.get((role, horizon_s), dict.fromkeys(COUNTS, 0)))
        for role in ROLES
        for horizon_s in rules.horizons_s
    ]


def _write(spark: SparkSession, settings: Settings, run: ScoreRun, scores: list[WalletScore]) -> None:
    properties = {QUERY_PROPERTY: QUERY, RUN_PROPERTY: run.run, REPORTS_PROPERTY: msgspec.json.encode(run).decode()}
    rows = spark.createDataFrame(rows_of_scores(run, scores)).coalesce(1)
    with_properties(rows, full_name(settings, WALLET_SCORES.name), properties).overwrite(F.lit(True))
