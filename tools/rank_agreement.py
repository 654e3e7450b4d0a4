"""How far several networks rank the same material alike: Spearman's coefficients of all pairs, and their median."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

DRAWS = 2000
ENOUGH = 0.9
"""The median rank correlation from which on the ranks of a task of moving shapes mean something."""


def pairwise(scores_KM: np.ndarray) -> np.ndarray:
    """Return Spearman's coefficient of each pair of networks, for scores ``[networks, material]``."""
    ranks = np.atleast_2d(spearmanr(scores_KM, axis=1).statistic)
    if ranks.shape == (1, 1):
        return ranks[0]
    return ranks[np.triu_indices(len(scores_KM), 1)]


def median_interval(
    scores_KM: np.ndarray, families: Sequence[str], draws: int = DRAWS, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % interval of the median coefficient over pairs, from families drawn with replacement."""
    rng, names = np.random.default_rng(seed), sorted(set(families))
    members = {name: np.flatnonzero([family == name for family in families]) for name in names}
    medians = []
    for _ in range(draws):
        drawn = np.concatenate([members[names[i]] for i in rng.integers(len(names), size=len(names))])
        medians.append(np.median(pairwise(scores_KM[:, drawn])))
    low, high = np.nanquantile(medians, [0.025, 0.975])
    return float(low), float(high)


def agreement(scores: Mapping[str, Mapping[str, float]], families: Mapping[str, str]) -> dict[str, object]:
    """Summarise the scores of several networks, by network and material."""
    names, material = list(scores), list(families)
    table = np.array([[scores[name][case] for case in material] for name in names])
    pairs = pairwise(table)
    low, high = median_interval(table, [families[case] for case in material])
    within = [a.split(" ")[0] == b.split(" ")[0] for a, b in itertools.combinations(names, 2)]
    return {
        "pairs": {
            f"{a} | {b}": round(float(r), 4) for (a, b), r in zip(itertools.combinations(names, 2), pairs, strict=True)
        },
        "median": round(float(np.median(pairs)), 4),
        "median_interval": [round(low, 4), round(high, 4)],
        "median_between_architectures": round(float(np.median(pairs[~np.array(within)])), 4),
        "lowest": round(float(pairs.min()), 4),
        "enough": bool(np.median(pairs) >= ENOUGH),
    }


def against(scores: Mapping[str, float], others: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return Spearman's coefficient of one network with each of the others, on the same material."""
    own = list(scores.values())
    return {
        name: round(float(spearmanr(own, [other[case] for case in scores]).statistic), 4)
        for name, other in others.items()
    }
