"""Scores from markouts alone: who gets one, how far it is shrunk, and that the stated rates hold over many seeds."""

from __future__ import annotations

from statistics import fmean

import numpy as np
import pytest
from tapes import DAY, TradeTape, drawn, flagged

from ctc.errors import ConfigError
from ctc.wallets import AlphaRules, Markout, SkillReport, score_wallets, skill_report

RULES = AlphaRules()
WALLETS = 60
SEEDS = range(1, 81)


def report(found: list[Markout] | list[Markout | None], rules: AlphaRules = RULES) -> SkillReport:
    return skill_report("taker", 300, list(found), rules)


def test_a_wallet_needs_30_episodes_on_5_days() -> None:
    def one(wallet: str, *per_day: int) -> list[Markout]:
        return [Markout(wallet, "taker", DAY + day, day + each) for day, count in enumerate(per_day) for each in range(count)]

    found = one("enough", 6, 6, 6, 6, 6) + one("short", 6, 6, 6, 6, 5) + one("brief", 10, 10, 10, 10)
    said = report([*found, None, None])
    assert [(score.wallet, score.episodes, score.days) for score in said.scores] == [("enough", 30, 5)]
    assert (said.too_few, said.unpriced, said.verdict) == (2, 2, "no detectable skill")


def test_mean_and_error_are_over_days_so_that_one_great_day_proves_nothing() -> None:
    great = [Markout("w", "taker", DAY, 40.0)] * 60
    others = [Markout("w", "taker", DAY + day, float(day % 2)) for day in range(1, 10)]
    [score] = report(great + others).scores
    assert (score.mean_bp, score.episodes, score.days) == (pytest.approx(4.5), 69, 10)
    assert score.error_bp == pytest.approx(np.std([40, 1, 0, 1, 0, 1, 0, 1, 0, 1], ddof=1) / 10**0.5)
    assert score.p_value > 0.1


def test_where_wallets_do_not_differ_there_is_no_posterior_and_no_flag() -> None:
    said = report(drawn(1, [8] * WALLETS, 10))  # all have the same edge: nothing tells them apart
    assert (said.verdict, said.mean_bp) == ("no detectable skill", None)
    assert {(score.alpha_bp, score.low_bp, score.p_positive, score.flagged) for score in said.scores} == {(None, None, None, False)}
    assert sum(score.p_value < 0.01 for score in said.scores) > 35


def test_a_score_is_shrunk_the_more_the_less_is_known() -> None:
    said = report(drawn(2, [15] * 6 + [0] * 54, 12) + [m for m in drawn(3, [15] * 61, 12, of_day=30) if m.wallet == "w060"])
    assert said.mean_bp is not None
    kept = {}
    for score in said.scores:
        assert score.alpha_bp is not None
        assert score.low_bp is not None
        kept[score.wallet] = (score.alpha_bp - said.mean_bp) / (score.mean_bp - said.mean_bp)
        assert 0 < kept[score.wallet] < 1
        assert score.low_bp < score.alpha_bp
    by_error = sorted(said.scores, key=lambda score: score.error_bp)
    assert [kept[score.wallet] for score in by_error] == sorted(kept.values(), reverse=True)
    assert by_error[-1].wallet == "w060"


def test_wallets_come_by_address_whatever_the_order_of_markouts() -> None:
    found = drawn(4, [12] * 6 + [0] * 30, 10)
    assert report(found[::-1]) == report(found)
    assert [score.wallet for score in report(found).scores] == sorted({each.wallet for each in found})


def test_a_tape_gives_a_report_for_each_role_and_horizon() -> None:
    tape = TradeTape()
    for day in range(5):
        tape.ticks(day * 86_400, day * 86_400 + 10_000, str(100 + day))
        for second in range(6):
            tape.trade(day * 86_400 + second * 100 + 0.5, str(100 + day), buyer="x", seller=f"y{day}")
    said = {(each.role, each.horizon_s): each for each in score_wallets(tape.trades, RULES)}
    assert set(said) == {(role, horizon) for role in ("taker", "maker") for horizon in (300, 3600)}
    assert (said["taker", 300].scores, said["taker", 300].too_few) == ([], 2)  # the price never moved within a day: no error, no score
    tape.trade(4 * 86_400 + 700, "104.5", buyer="x", seller="y")
    [score] = score_wallets(tape.trades, RULES)[0].scores
    assert (score.wallet, score.episodes, score.days) == ("x", 31, 5)


def test_fewer_than_four_days_are_refused() -> None:
    with pytest.raises(ConfigError, match="4 days or more"):
        AlphaRules(min_days=3)


def test_skill_is_seen_where_there_is_none_as_seldom_as_said() -> None:
    """At 5 %. Of 400 seeds 5.8 %, 4 to 10 in hundreds; errors over episodes instead of days break the bound."""
    differ = [report(drawn(seed, [0] * WALLETS, 6)).verdict == "wallets differ" for seed in SEEDS]
    assert sum(differ) <= 12


def test_false_discoveries_are_as_few_as_said_and_most_edges_are_found() -> None:
    """At 10 %. Of 400 seeds 9.3 % (8.6 to 10.0 in hundreds), with 78 % of the edges found (76 to 81)."""
    wrong, right = [], 0
    for seed in SEEDS:
        found = flagged(report(drawn(seed, [7] * 6 + [0] * (WALLETS - 6), 14)))
        true = {f"w{number:03}" for number in range(6)}
        wrong.append(len(found - true) / max(1, len(found)))
        right += len(found & true)
    assert fmean(wrong) < 0.13
    assert right > 0.7 * 6 * len(SEEDS)


def test_posterior_bounds_hold_what_they_say_even_from_six_days() -> None:
    """Below the 5 % bound: 5.8 to 6.6 % seen, 8.5 % without df / (df - 2); in the 90 % interval: 86.8 to 87.8 %, and 83.7 %."""
    below, within, promised, positive = [], [], [], []
    for seed in SEEDS:
        alphas = np.random.default_rng(seed + 10**6).normal(-2, 4, WALLETS)
        for score in report(drawn(seed, alphas.tolist(), 6)).scores:
            if score.low_bp is not None and score.high_bp is not None and score.p_positive is not None:
                alpha = alphas[int(score.wallet[1:])]
                below.append(alpha < score.low_bp)
                within.append(score.low_bp <= alpha <= score.high_bp)
                promised.append(score.p_positive)
                positive.append(alpha > 0)
    assert len(below) > 60 * WALLETS
    assert fmean(below) < 0.075
    assert fmean(within) > 0.855
    assert fmean(promised) == pytest.approx(fmean(positive), abs=0.04)
