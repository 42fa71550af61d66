"""The statistics against published tables and examples."""

from __future__ import annotations

import numpy as np
import pytest

from ctc.wallets.inference import chi_square_above, discoveries, random_effects, same_mean_p, student_above


@pytest.mark.parametrize(
    ("t", "df", "p"),
    [
        (6.313752, 1, 0.05),
        (2.919986, 2, 0.05),
        (3.182446, 3, 0.025),
        (4.604095, 4, 0.005),
        (2.570582, 5, 0.025),
        (2.763769, 10, 0.01),
        (3.659405, 29, 0.0005),
    ],
)
def test_student_s_tail_is_the_table_s(t: float, df: int, p: float) -> None:
    assert student_above(t, df) == pytest.approx(p, rel=1e-5)
    assert student_above(-t, df) == pytest.approx(1 - student_above(t, df))
    assert student_above(0, df) == 0.5
    assert student_above(1e9, 30) == 1e-15


@pytest.mark.parametrize(
    ("value", "df", "p"), [(18.307, 10, 0.05), (23.209, 10, 0.01), (124.342, 100, 0.05), (67.505, 50, 0.05), (3.940, 10, 0.95)]
)
def test_chi_square_s_tail_is_the_table_s(value: float, df: int, p: float) -> None:
    assert chi_square_above(value, df) == pytest.approx(p, rel=0.02)


def test_discoveries_are_those_of_benjamini_and_hochberg_s_own_example() -> None:
    p = [0.0459, 0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.3240, 0.4262, 0.5719, 0.6528, 0.7590, 1.0]
    assert discoveries(p, 0.05) == 0.0095
    assert discoveries([0.04, 0.9], 0.05) == 0
    assert discoveries([0.03, 0.05], 0.05) == 0.05  # the larger passes, so both do


def test_random_effects_by_hand() -> None:
    """The weights are 1 and 1/4, so the common mean is 2."""
    mean, between = random_effects([0, 10], [1, 4])
    q, c = 1 * 2**2 + 8**2 / 4, 1.25 - (1 + 1 / 16) / 1.25
    assert between == pytest.approx((q - 1) / c)
    a, b = 1 / (1 + between), 1 / (4 + between)
    assert mean == pytest.approx(10 * b / (a + b))
    assert random_effects([1, 1.5], [1, 4]) == (pytest.approx(1.1), 0)


def test_same_means_are_rejected_as_often_as_said_however_few_the_days() -> None:
    rng = np.random.default_rng(1)
    days = rng.normal(0, rng.uniform(1, 5, (1_000, 60, 1)), (1_000, 60, 5))
    means, errors = days.mean(axis=2), days.std(axis=2, ddof=1) / 5**0.5
    rejected = np.mean([same_mean_p(m, e, [4] * 60) < 0.05 for m, e in zip(means.tolist(), errors.tolist(), strict=True)])
    assert 0.03 < rejected < 0.07  # seen on three seeds: 5.0 to 5.9 %
