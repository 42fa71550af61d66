"""The statistics of a score, each with its source; floats, standard library."""

from __future__ import annotations

from collections.abc import Sequence
from math import atan, cos, fsum, pi, sin, sqrt
from statistics import NormalDist, median

NORMAL = NormalDist()
_TINY = 1e-15  # what the sum below resolves


def student_above(t: float, df: int) -> float:
    """P(T > t) for a whole number of degrees of freedom, at least 1e-15 (Abramowitz and Stegun 26.7.3, 26.7.4)."""
    angle = atan(abs(t) / sqrt(df))
    odd = df % 2
    term, total = (cos(angle) if odd else 1.0), 0.0
    for k in range(2 + odd, df + 1, 2):
        total += term
        term *= cos(angle) ** 2 * (k - 1) / k
    inside = 2 / pi * (angle + sin(angle) * total) if odd else sin(angle) * total
    beyond = max((1 - inside) / 2, _TINY)
    return beyond if t > 0 else 1 - beyond


def chi_square_above(value: float, df: int) -> float:
    """P(X > value), by the cube root that is nearly normal (Wilson and Hilferty 1931)."""
    spread = 2 / (9 * df)
    return 1 - NORMAL.cdf(((value / df) ** (1 / 3) - 1 + spread) / sqrt(spread))


def random_effects(means: Sequence[float], variances: Sequence[float]) -> tuple[float, float]:
    """The mean over wallets and the variance between them, 0 where none is found (DerSimonian and Laird 1986)."""
    weights = [1 / each for each in variances]
    total = fsum(weights)
    common = weighted_mean(means, weights)
    q = fsum(w * (mean - common) ** 2 for w, mean in zip(weights, means, strict=True))
    scale = total - fsum(w * w for w in weights) / total
    between = max(0.0, (q - (len(means) - 1)) / scale)
    return weighted_mean(means, [1 / (each + between) for each in variances]), between


def weighted_mean(values: Sequence[float], weights: Sequence[float]) -> float:
    return fsum(w * value for w, value in zip(weights, values, strict=True)) / fsum(weights)


def same_mean_p(means: Sequence[float], errors: Sequence[float], dfs: Sequence[int]) -> float:
    """How likely means this far apart are if all wallets have one mean.

    Each t, from the median of the means, is turned into the normal deviate as unlikely as it, whose squares sum to a chi-square.
    Cochran's Q takes errors for exact: from 5 days it rejected 84 % of 2,000 sets of 60 wallets that had one mean, at 5 %.
    """
    common = median(means)
    tails = [student_above(abs(mean - common) / error, df) for mean, error, df in zip(means, errors, dfs, strict=True)]
    return chi_square_above(fsum(NORMAL.inv_cdf(tail) ** 2 for tail in tails), len(means) - 1)


def discoveries(p_values: Sequence[float], rate: float) -> float:
    """The largest p-value to reject at this false discovery rate, 0 where none (Benjamini and Hochberg 1995)."""
    passing = [p for rank, p in enumerate(sorted(p_values), 1) if p <= rate * rank / len(p_values)]
    return max(passing, default=0.0)
