"""A run's reports as they are kept and shown: decimals, rows by address, and what tape and rules they speak of."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

import msgspec

from ctc.wallets.alpha import Score, SkillReport, Verdict
from ctc.wallets.episodes import Role
from ctc.wallets.rules import AlphaRules

NO_ADVICE = "What was measured of past trades: no advice, and nothing here follows or copies a wallet."
IDENTITIES = "Public addresses of Hyperliquid only; Binance's and Coinbase's tapes carry no identities, so nobody is scored there."
CAVEAT = f"{NO_ADVICE} {IDENTITIES}"
PLACES, P_PLACES = 8, 18  # of basis points and of probabilities, as the table `wallet_scores` keeps them


class Tape(msgspec.Struct, frozen=True, kw_only=True):
    """What of `wallet_trades` was read: a snapshot of it, and the first and the last trade's time."""

    snapshot: int
    trades: int
    coins: list[str]
    since: datetime
    until: datetime


class WalletScore(msgspec.Struct, frozen=True, kw_only=True):
    """One wallet in one role at one horizon, in basis points an episode after fees; all coins of the tape together.

    `mean_bp` and its standard error `error_bp` (over days) are as measured, `p_value` is of "alpha is 0 or less". `alpha_bp`, its 90 %
    interval from `low_bp` to `high_bp`, and `p_positive` are null where the report's `verdict` is that no skill can be detected.
    """

    wallet: str
    role: Role
    horizon_s: int
    verdict: Verdict
    episodes: int
    days: int
    mean_bp: Decimal
    error_bp: Decimal
    p_value: Decimal
    alpha_bp: Decimal | None
    low_bp: Decimal | None
    high_bp: Decimal | None
    p_positive: Decimal | None
    flagged: bool


class WalletReport(msgspec.Struct, frozen=True, kw_only=True):
    """All wallets of one role at one horizon: whether they differ at all, how many were `scored`, and how many of those are `flagged`.

    `too_few` wallets have not enough episodes or days for a score; of the others' episodes `unpriced` had no price to be held against.
    """

    role: Role
    horizon_s: int
    verdict: Verdict
    scored: int
    flagged: int
    too_few: int
    unpriced: int
    between_bp: Decimal
    between_p: Decimal
    mean_bp: Decimal | None


class ScoreRun(msgspec.Struct, frozen=True, kw_only=True):
    """One computation: the tape, the rules that a reader has to know, and a report for each role and horizon.

    `run` is made from tape and rules: the same question has the same one.
    """

    run: str
    tape: Tape
    taker_fee_bp: Decimal
    maker_fee_bp: Decimal
    min_episodes: int
    min_days: int
    false_discovery_rate: Decimal
    reports: list[WalletReport]


def scored(reports: Sequence[SkillReport], tape: Tape, rules: AlphaRules) -> tuple[ScoreRun, list[WalletScore]]:
    """The run, and its scores by address, role and horizon."""
    found = ScoreRun(
        run=hashlib.sha256(msgspec.json.encode((tape, rules))).hexdigest()[:12],
        tape=tape,
        taker_fee_bp=_rounded(rules.taker_fee_bp),
        maker_fee_bp=_rounded(rules.maker_fee_bp),
        min_episodes=rules.min_episodes,
        min_days=rules.min_days,
        false_discovery_rate=_rounded(rules.false_discovery_rate),
        reports=[_report(report) for report in reports],
    )
    rows = [_score(report, score) for report in reports for score in report.scores]
    return found, sorted(rows, key=lambda row: (row.wallet, row.role, row.horizon_s))


def _report(report: SkillReport) -> WalletReport:
    return WalletReport(
        role=report.role,
        horizon_s=report.horizon_s,
        verdict=report.verdict,
        scored=len(report.scores),
        flagged=sum(score.flagged for score in report.scores),
        too_few=report.too_few,
        unpriced=report.unpriced,
        between_bp=_rounded(report.between_bp),
        between_p=_rounded(report.between_p, P_PLACES),
        mean_bp=_maybe(report.mean_bp),
    )


def _score(report: SkillReport, score: Score) -> WalletScore:
    return WalletScore(
        wallet=score.wallet,
        role=report.role,
        horizon_s=report.horizon_s,
        verdict=report.verdict,
        episodes=score.episodes,
        days=score.days,
        mean_bp=_rounded(score.mean_bp),
        error_bp=_rounded(score.error_bp),
        p_value=_rounded(score.p_value, P_PLACES),
        alpha_bp=_maybe(score.alpha_bp),
        low_bp=_maybe(score.low_bp),
        high_bp=_maybe(score.high_bp),
        p_positive=_maybe(score.p_positive, P_PLACES),
        flagged=score.flagged,
    )


def _rounded(value: float, places: int = PLACES) -> Decimal:
    return Decimal(f"{value:.{places}f}")


def _maybe(value: float | None, places: int = PLACES) -> Decimal | None:
    return None if value is None else _rounded(value, places)
