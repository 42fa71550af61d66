"""Markouts to scores: shrunk by how little is known of a wallet, with its interval, flagged at a stated false discovery rate."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from math import sqrt
from statistics import fmean, variance
from typing import Literal

import msgspec

from ctc.wallets.episodes import ROLES, Role, WalletTrade, episodes
from ctc.wallets.inference import NORMAL, discoveries, random_effects, same_mean_p, student_above
from ctc.wallets.markouts import CoinPrices, Markout, by_coin, markouts
from ctc.wallets.rules import AlphaRules

Verdict = Literal["wallets differ", "no detectable skill"]


class Score(msgspec.Struct, frozen=True, kw_only=True):
    """One wallet, in basis points an episode. `mean` and `error` (over days) are as measured, `p_value` is of "alpha is 0 or less".

    The others are of the posterior, None where there is no detectable skill: `alpha` its mean, `low` and `high` its 5 % bounds.
    """

    wallet: str
    episodes: int
    days: int
    mean_bp: float
    error_bp: float
    p_value: float
    alpha_bp: float | None = None
    low_bp: float | None = None
    high_bp: float | None = None
    p_positive: float | None = None
    flagged: bool = False


class SkillReport(msgspec.Struct, frozen=True, kw_only=True):
    """All wallets of one role at one horizon, by address.

    `too_few` wallets have not enough episodes or days for a score; of the others' episodes `unpriced` had no price to be held against.
    """

    role: Role
    horizon_s: int
    verdict: Verdict
    between_bp: float
    between_p: float
    mean_bp: float | None
    unpriced: int
    too_few: int
    scores: list[Score]


def score_wallets(trades: Iterable[WalletTrade], rules: AlphaRules) -> list[SkillReport]:
    """One report for each role and horizon, from a tape in any order in which no trade is twice."""
    coins = by_coin(trades)
    prices = {coin: CoinPrices(each, rules.fresh_s) for coin, each in coins.items()}
    found = [episode for each in coins.values() for episode in episodes(each, rules.gap_s)]
    reports = []
    for role in ROLES:
        counts = Counter(episode.wallet for episode in found if episode.role == role)
        small = {wallet for wallet, count in counts.items() if count < rules.min_episodes}  # most wallets: no need to look up their prices
        kept = [episode for episode in found if episode.role == role and episode.wallet not in small]
        reports += [
            skill_report(role, horizon_s, markouts(kept, prices, horizon_s, rules), rules, len(small)) for horizon_s in rules.horizons_s
        ]
    return reports


def skill_report(role: Role, horizon_s: int, found: Sequence[Markout | None], rules: AlphaRules, small: int = 0) -> SkillReport:
    """The report on these markouts; None among them is an episode without a price. `small` wallets were left out before."""
    wallets: dict[str, list[Markout]] = {}
    for each in found:
        if each is not None:
            wallets.setdefault(each.wallet, []).append(each)
    measured = [score for wallet in sorted(wallets) if (score := measure(wallet, wallets[wallet], rules)) is not None]
    unpriced = sum(each is None for each in found)
    return report_on(role, horizon_s, measured, rules, unpriced=unpriced, too_few=small + len(wallets) - len(measured))


def report_on(role: Role, horizon_s: int, measured: list[Score], rules: AlphaRules, *, unpriced: int, too_few: int) -> SkillReport:
    """The report on wallets that were measured each for itself, by address."""
    between, p, mean, scores = _judged(measured, rules)
    return SkillReport(
        role=role,
        horizon_s=horizon_s,
        verdict="no detectable skill" if mean is None else "wallets differ",
        between_bp=sqrt(between),
        between_p=p,
        mean_bp=mean,
        unpriced=unpriced,
        too_few=too_few,
        scores=scores,
    )


def measure(wallet: str, found: Iterable[Markout], rules: AlphaRules) -> Score | None:
    """Mean and standard error of one wallet, over the means of its days: episodes of one day overlap and share the day's usual return.

    None where it has too few episodes or days.
    """
    days: dict[int, list[float]] = {}
    for each in found:
        days.setdefault(each.day, []).append(each.bp)
    count = sum(map(len, days.values()))
    if count < rules.min_episodes or len(days) < rules.min_days:
        return None
    means = [fmean(days[day]) for day in sorted(days)]
    mean, error = fmean(means), sqrt(variance(means) / len(means))
    if error == 0:  # a price that never moved: nothing to learn from
        return None
    p_value = student_above(mean / error, len(days) - 1)
    return Score(wallet=wallet, episodes=count, days=len(days), mean_bp=mean, error_bp=error, p_value=p_value)


def _judged(scores: list[Score], rules: AlphaRules) -> tuple[float, float, float | None, list[Score]]:
    """Variance between wallets, p of there being none, and where there is one the mean over wallets and posteriors."""
    if len(scores) < 2:
        return 0.0, 1.0, None, scores
    means, dfs = [score.mean_bp for score in scores], [score.days - 1 for score in scores]
    # df / (df - 2) is the variance of Student's t: what an error from few days is short of.
    within = [score.error_bp**2 * df / (df - 2) for score, df in zip(scores, dfs, strict=True)]
    mean, between = random_effects(means, within)
    p = same_mean_p(means, [score.error_bp for score in scores], dfs)
    if not between or p > rules.level:
        return between, p, None, scores
    limit = discoveries([score.p_value for score in scores], rules.false_discovery_rate)
    return between, p, mean, [_shrunk(score, known, mean, between, limit, rules) for score, known in zip(scores, within, strict=True)]


def _shrunk(score: Score, within: float, mean: float, between: float, limit: float, rules: AlphaRules) -> Score:
    trust = between / (between + within)
    alpha, spread = mean + trust * (score.mean_bp - mean), sqrt(trust * within)
    reach = -NORMAL.inv_cdf(rules.level) * spread
    return msgspec.structs.replace(
        score,
        alpha_bp=alpha,
        low_bp=alpha - reach,
        high_bp=alpha + reach,
        p_positive=NORMAL.cdf(alpha / spread),
        flagged=score.p_value <= limit and alpha - reach > 0,
    )
