"""A run as it is kept: rows by address, every report told, figures as measured to the places of the table."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from tapes import drawn

from ctc.wallets import AlphaRules, SkillReport, Tape, WalletScore, scored, skill_report

RULES = AlphaRules()
TAPE = Tape(snapshot=7, trades=9, coins=["BTC"], since=datetime(2026, 1, 1, tzinfo=UTC), until=datetime(2026, 1, 9, tzinfo=UTC))


def reports() -> list[SkillReport]:
    skilled, same = drawn(2, [15] * 6 + [0] * 30, 12), drawn(1, [0] * 30, 12)
    return [skill_report("taker", 3600, same, RULES, small=5), skill_report("taker", 300, skilled, RULES)]


def test_rows_come_by_address_with_their_reports_verdict() -> None:
    found, rows = scored(reports(), TAPE, RULES)
    assert [(row.wallet, row.horizon_s) for row in rows] == sorted((row.wallet, row.horizon_s) for row in rows)
    assert [(each.horizon_s, each.verdict, each.scored, each.too_few) for each in found.reports] == [
        (3600, "no detectable skill", 30, 5),
        (300, "wallets differ", 36, 0),
    ]
    assert [sum(row.flagged for row in rows if row.horizon_s == each.horizon_s) for each in found.reports] == [
        each.flagged for each in found.reports
    ]
    assert found.reports[1].flagged >= 4
    for row in rows:
        assert (row.low_bp is None) == (row.alpha_bp is None) == (row.horizon_s == 3600) == (row.verdict == "no detectable skill")


def test_figures_are_those_of_the_report() -> None:
    given = {(score.wallet, report.horizon_s): score for report in reports() for score in report.scores}
    for row in scored(reports(), TAPE, RULES)[1]:
        own = given[row.wallet, row.horizon_s]
        for name in ("mean_bp", "error_bp", "p_value", "alpha_bp", "low_bp", "high_bp", "p_positive"):
            kept, measured = getattr(row, name), getattr(own, name)
            assert (kept is None) == (measured is None)
            if measured is not None:
                assert float(kept) == pytest.approx(measured, abs=1e-8)
                assert -kept.as_tuple().exponent in (8, 18)


def test_run_is_named_by_its_tape_and_rules() -> None:
    found = scored(reports(), TAPE, RULES)[0]
    assert scored(reports()[:1], TAPE, RULES)[0].run == found.run
    assert scored(reports(), msgspec.structs.replace(TAPE, snapshot=8), RULES)[0].run != found.run
    assert scored(reports(), TAPE, AlphaRules(min_days=6))[0].run != found.run


def test_kept_scores_read_back() -> None:
    rows = scored(reports(), TAPE, RULES)[1]
    encoded = msgspec.json.Encoder(decimal_format="number").encode(rows)
    assert msgspec.json.decode(encoded, type=list[WalletScore]) == rows
