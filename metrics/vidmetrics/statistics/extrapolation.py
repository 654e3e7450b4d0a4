"""The Fréchet distance at infinitely many samples, by extrapolation.

The Fréchet distance of N samples is too large on average, by about c/N. Since c depends on the distribution, models are
ranked partly by their c. Chong and Forsyth (arXiv 1911.07023) measure the distance at 15 sample counts evenly spaced
from N/10 to N, fit a straight line in 1/n and take its value at 1/n = 0. The reference set is fixed: only the generated
side is extrapolated.

Two choices are ours. Each of the 15 sets is a seeded random subset of the clips, drawn without replacement. Sizes below
5 D, for D features, are not used: the curve is a line only for n well above D, and below D covariances are singular.
Starting at N/10 works for the paper's 5,000 of 50,000 samples with 2,048 features; with 2,000 samples of 400 features it
would start at n = D/2, where the intercept is off by half of the distance (figures in docs/intervals.md). At least 10 D
rows are required, so the sizes span a factor of two.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.frechet import Gaussian, distance, gaussian
from vidmetrics.statistics.frechet_many import quick_distances
from vidmetrics.statistics.kernel import subset_rows
from vidmetrics.statistics.moments import Moments, leave_one_out, merged_moments

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

NUM_SIZES = 15
MIN_SAMPLES = 30
"""Smallest N with 15 different sizes and at least 3 samples in the smallest."""
MIN_ROWS_PER_FEATURE = 10


def subset_sizes(num_samples: int, dim: int, rows_per_sample: int = 1) -> Labels:
    """Return 15 sample counts, evenly spaced up to N and rounded down; int64 ``[15]``.

    The smallest is N/10, or 5 rows per feature if that is more.

    Args:
        num_samples: N.
        dim: number of features.
        rows_per_sample: rows of one clip.

    Raises:
        InputError: fewer than 30 samples, or fewer than 10 rows per feature.
    """
    needed = MIN_ROWS_PER_FEATURE * dim / rows_per_sample
    if num_samples < needed:
        raise InputError(
            f"An extrapolation over {dim} features needs {MIN_ROWS_PER_FEATURE} rows per feature, which is "
            f"{math.ceil(needed)} samples, not {num_samples}; give more clips."
        )
    if num_samples < MIN_SAMPLES:
        raise InputError(
            f"An extrapolation to infinitely many samples needs at least {MIN_SAMPLES}, not {num_samples}; "
            "give more clips."
        )
    smallest = max(num_samples / 10, needed / 2)
    return np.linspace(smallest, num_samples, NUM_SIZES).astype(np.int64)


def at_infinity(counts: npt.NDArray[Any], values: npt.NDArray[Any]) -> float:
    """Return the value at 1/n = 0 of the least-squares line through values against 1/n.

    >>> import numpy as np, vidmetrics
    >>> counts = np.array([100, 200, 400, 800])
    >>> round(vidmetrics.at_infinity(counts, 50 + 300 / counts), 6)
    50.0

    Args:
        counts: sample counts ``[S]``, at least two different ones.
        values: the score at each, ``[S]``.

    Raises:
        InputError: shapes that do not match, fewer than two different counts, NaN or infinity.
    """
    n, y = np.asarray(counts, np.float64), np.asarray(values, np.float64)
    if n.ndim != 1 or n.shape != y.shape or len(np.unique(n)) < 2 or (n <= 0).any():
        raise InputError(
            f"A line needs values at two or more different positive counts, but {list(n.shape)} counts and "
            f"{list(y.shape)} values were given; measure at more sizes."
        )
    if not np.isfinite(y).all():
        raise InputError("A line needs finite values; check the features they come from.")
    x = 1 / n - (1 / n).mean()
    slope = float(x @ (y - y.mean()) / (x @ x))
    return float(y.mean() - slope * (1 / n).mean())


def frechet_at_infinity(
    features: npt.NDArray[Any],
    reference: Gaussian,
    group_of_sample: Labels,
    num_groups: int,
    *,
    rows_per_sample: int = 1,
    seed: int = 0,
) -> tuple[float, Array]:
    """Return the extrapolated Fréchet distance, and the same without each group of samples.

    A fold uses the same subsets and removes its group from each.

    Args:
        features: finite real ``[N * rows_per_sample, D]``, with the rows of each sample adjacent.
        reference: the reference set.
        group_of_sample: int64 ``[N]``, 0 to ``num_groups - 1``.
        num_groups: number of groups; 1 gives no folds.
        rows_per_sample: rows of one clip.
        seed: seed of the subsets.

    Returns:
        The value, which may be negative, and float64 ``[num_groups]``, or ``[0]`` for one group.

    Raises:
        InputError: too few samples, see `subset_sizes`, or another number of features than the reference has.
    """
    num_samples, dim = len(features) // rows_per_sample, features.shape[1]
    sizes = subset_sizes(num_samples, dim, rows_per_sample)
    rows_NTD = features.reshape(num_samples, rows_per_sample, dim)
    values = np.empty(len(sizes))
    fold_values, fold_counts = np.empty((num_groups, len(sizes))), np.empty((num_groups, len(sizes)))
    for place, size in enumerate(sizes):
        chosen = subset_rows(num_samples, int(size), seed, place)
        groups = group_of_sample[chosen]
        parts = []
        for group in range(num_groups):
            part = Moments(dim)
            part.update(rows_NTD[chosen[groups == group]].reshape(-1, dim))
            parts.append(part)
        whole = merged_moments(parts)
        values[place] = distance(gaussian(whole.mean, whole.covariance, "generated"), reference)
        if num_groups > 1:
            folds = (Gaussian(fold.mean, fold.covariance, "generated") for fold in leave_one_out(parts, whole))
            fold_values[:, place] = quick_distances(folds, reference)
            fold_counts[:, place] = whole.count - np.array([part.count for part in parts])
    value = at_infinity(sizes, values)
    if num_groups == 1:
        return value, np.empty(0)
    return value, np.array([at_infinity(n, y) for n, y in zip(fold_counts, fold_values, strict=True)])
