"""From scores to orders: Kendall's tau, and pairs of models whose order is another."""

from __future__ import annotations

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


def excludes_zero(differences_B: np.ndarray) -> bool:
    """Return whether the percentile interval of drawn differences excludes zero."""
    low, high = np.percentile(differences_B, [(100 - LEVEL) / 2, (100 + LEVEL) / 2])
    return bool(low > 0 or high < 0)


def certain_flips(flips: list[tuple[int, int]], base_MB: np.ndarray, other_MB: np.ndarray) -> list[tuple[int, int]]:
    """Return the flips whose two models differ beyond the draws under the base and under the other protocol.

    Args:
        flips: pairs of models.
        base_MB: scores of each model for each draw of people, under the base.
        other_MB: the same under the other protocol.
    """
    return [
        (a, b) for a, b in flips if excludes_zero(base_MB[a] - base_MB[b]) and excludes_zero(other_MB[a] - other_MB[b])
    ]
