"""From scores to orders: Kendall's tau, and pairs of models whose order is another."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations

import numpy as np
from scipy.stats import kendalltau

LEVEL = 95.0
"""Percent of the draws inside an interval."""


def tau(base_M: np.ndarray, other_M: np.ndarray) -> float:
    """Return Kendall's tau-b of two lists of scores of the same models."""
    return float(kendalltau(base_M, other_M).statistic)


def flipped_pairs(base_M: np.ndarray, other_M: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of models whose difference has opposite signs."""
    return [
        (a, b)
        for a, b in combinations(range(len(base_M)), 2)
        if (base_M[a] - base_M[b]) * (other_M[a] - other_M[b]) < 0
    ]


def interval(values_B: np.ndarray) -> tuple[float, float]:
    """Return the percentile interval of drawn values; draws of too few clips, which are NaN, do not count."""
    low, high = np.nanpercentile(values_B, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return float(low), float(high)


def excludes_zero(differences_B: np.ndarray) -> bool:
    """Return whether the percentile interval of drawn differences excludes zero."""
    low, high = interval(differences_B)
    return low > 0 or high < 0


def certain_flips(
    flips: list[tuple[str, str]], base: Callable[[str], np.ndarray], other: Callable[[str], np.ndarray]
) -> list[tuple[str, str]]:
    """Return the flips whose two models differ beyond the draws under the base and under the other protocol.

    Args:
        flips: pairs of models.
        base: from a model to its scores for each draw of people, under the base.
        other: the same under the other protocol; asked only for pairs that differ under the base.
    """
    return [(a, b) for a, b in flips if excludes_zero(base(a) - base(b)) and excludes_zero(other(a) - other(b))]
