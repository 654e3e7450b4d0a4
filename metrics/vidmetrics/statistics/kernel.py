"""Maximum mean discrepancy with a polynomial kernel, the basis of KID and KVD.

    k(x, y) = (gamma x.y + coef0)^degree,   gamma = 1/D, coef0 = 1, degree = 3      Binkowski et al., arXiv 1801.01401

    MMD^2 = mean_{i != j} k(a_i, a_j) + mean_{i != j} k(b_i, b_j) - 2 mean_{i, j} k(a_i, b_j)    Gretton et al., JMLR 2012

Excluding the pairs of a row with itself makes the estimator unbiased: its expectation is the same at every number of
rows. For two sets from one distribution it is 0, so half of such values are negative. Values are not multiplied by 1000,
unlike in some tables.

Sums are in float64 and block by block: memory holds one block of the kernel matrix, never all of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.moments import check_rows

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

NUM_SUBSETS = 100
SUBSET_SIZE = 1000
_BLOCK = 1024


def polynomial_mmd(
    features_a: npt.NDArray[Any],
    features_b: npt.NDArray[Any],
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> float:
    """Return the unbiased squared MMD of two sets of features, over all rows; may be negative.

    >>> import numpy as np, vidmetrics
    >>> real, generated = np.random.default_rng(0).normal(size=(2, 200, 8))
    >>> abs(vidmetrics.polynomial_mmd(real, generated)) < vidmetrics.polynomial_mmd(real, generated + 1)
    True

    Args:
        features_a: real ``[N, D]``, N at least 2.
        features_b: real ``[M, D]``, M at least 2.
        degree: exponent of the kernel.
        gamma: factor of the inner product; None for ``1/D``.
        coef0: constant added to it.

    Raises:
        InputError: fewer than two rows, different widths, NaN or infinity.
    """
    a, b = _pair(features_a, features_b)
    everything = np.zeros(len(a), np.int64)
    return grouped_mmd(a, b, everything, 1, degree=degree, gamma=gamma, coef0=coef0)[0]


def kid_subsets(
    features_a: npt.NDArray[Any],
    features_b: npt.NDArray[Any],
    *,
    num_subsets: int = NUM_SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the Kernel Inception Distance as published: mean and standard deviation over random subsets.

    >>> import numpy as np, vidmetrics
    >>> real, generated = np.random.default_rng(0).normal(size=(2, 200, 8))
    >>> mean, spread = vidmetrics.kid_subsets(real, generated, num_subsets=10, subset_size=50)
    >>> spread > 0
    True

    Each subset draws ``subset_size`` rows of each set without replacement (Binkowski et al., arXiv 1801.01401, and
    their compute_scores.py). The standard deviation (``ddof=0``, like theirs) describes the scatter of subsets; it is not
    the error of the mean.

    Args:
        features_a: real ``[N, D]``.
        features_b: real ``[M, D]``.
        num_subsets: number of subsets.
        subset_size: rows of each side in a subset, at least 2.
        seed: seed of the subsets; the same seed draws the same rows on every machine.

    Raises:
        InputError: fewer rows than a subset needs, different widths, NaN or infinity.
    """
    a, b = _pair(features_a, features_b)
    everything = np.zeros(len(a), np.int64)
    values, _ = grouped_kid(a, b, everything, 1, num_subsets=num_subsets, subset_size=subset_size, seed=seed)
    return float(values.mean()), float(values.std())


def grouped_mmd(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    group_of_row: Labels,
    num_groups: int,
    *,
    degree: int = 3,
    gamma: float | None = None,
    coef0: float = 1.0,
) -> tuple[float, Array]:
    """Return the unbiased squared MMD, and the same without each group of the rows of ``a``.

    The folds cost nothing extra: they are assembled from sums over pairs of groups.

    Args:
        a: finite real ``[N, D]``.
        b: finite real ``[M, D]``.
        group_of_row: int64 ``[N]``, 0 to ``num_groups - 1``.
        num_groups: number of groups.
        degree: see `polynomial_mmd`.
        gamma: see `polynomial_mmd`.
        coef0: see `polynomial_mmd`.

    Returns:
        The value, and float64 ``[num_groups]``; NaN where fewer than two rows are left.
    """
    aa_GG, ab_G, bb = _pair_sums(a, b, group_of_row, num_groups, degree, gamma, coef0)
    n_G = np.bincount(group_of_row, minlength=num_groups).astype(np.float64)
    m, n, aa, ab = float(len(b)), float(len(a)), float(aa_GG.sum()), float(ab_G.sum())
    own = bb / (m * (m - 1))
    value = aa / (n * (n - 1)) + own - 2 * ab / (n * m)
    left_G = n - n_G
    aa_left_G = aa - 2 * aa_GG.sum(axis=1) + np.diag(aa_GG)
    with np.errstate(divide="ignore", invalid="ignore"):
        folds = aa_left_G / (left_G * (left_G - 1)) + own - 2 * (ab - ab_G) / (left_G * m)
    return value, np.where(left_G >= 2, folds, np.nan)


def nested_mmd(
    a: npt.NDArray[Any], b: npt.NDArray[Any], level_of_row: Labels, num_levels: int
) -> npt.NDArray[np.float64]:
    """Return the unbiased squared MMD, with the kernel of KID, of nested sets: the rows up to each level against ``b``.

    Takes one pass over the pairs.

    Args:
        a: finite real ``[N, D]``.
        b: finite real ``[M, D]``, M at least 2.
        level_of_row: int64 ``[N]``, 0 to ``num_levels - 1``; at least two rows have level 0.
        num_levels: number of sets.

    Returns:
        float64 ``[num_levels]``.
    """
    aa_LL, ab_L, bb = _pair_sums(a, b, level_of_row, num_levels, 3, None, 1.0)
    n_L = np.cumsum(np.bincount(level_of_row, minlength=num_levels)).astype(np.float64)
    m = float(len(b))
    aa_L = np.array([aa_LL[: level + 1, : level + 1].sum() for level in range(num_levels)])
    values: Array = aa_L / (n_L * (n_L - 1)) + bb / (m * (m - 1)) - 2 * np.cumsum(ab_L) / (n_L * m)
    return values


def _pair_sums(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    group_of_row: Labels,
    num_groups: int,
    degree: int,
    gamma: float | None,
    coef0: float,
) -> tuple[Array, Array, float]:
    """Return kernel sums over distinct pairs: within ``a`` by pair of groups, between ``a`` and ``b``, within ``b``."""
    scale = 1.0 / a.shape[1] if gamma is None else gamma

    def kernel(x: npt.NDArray[Any], y: npt.NDArray[Any]) -> Array:
        base: Array = x.astype(np.float64) @ y.astype(np.float64).T * scale + coef0
        result = base.copy()
        for _ in range(degree - 1):
            result *= base
        return result

    aa_GG = np.zeros((num_groups, num_groups))
    ab_G = np.zeros(num_groups)
    bb = 0.0
    a_blocks = [slice(start, start + _BLOCK) for start in range(0, len(a), _BLOCK)]
    b_blocks = [slice(start, start + _BLOCK) for start in range(0, len(b), _BLOCK)]
    members = [np.eye(num_groups)[group_of_row[rows]] for rows in a_blocks]
    for i, rows in enumerate(a_blocks):
        for j, columns in enumerate(a_blocks[i:], i):
            block = kernel(a[rows], a[columns])
            if i == j:
                np.fill_diagonal(block, 0.0)
            cell = members[i].T @ block @ members[j]
            aa_GG += cell if i == j else cell + cell.T
        for columns in b_blocks:
            ab_G += members[i].T @ kernel(a[rows], b[columns]).sum(axis=1)
    for i, rows in enumerate(b_blocks):
        for j, columns in enumerate(b_blocks[i:], i):
            block = kernel(b[rows], b[columns])
            bb += float(block.sum() - np.trace(block)) if i == j else 2.0 * float(block.sum())
    return aa_GG, ab_G, bb


def grouped_kid(
    a: npt.NDArray[Any],
    b: npt.NDArray[Any],
    group_of_row: Labels,
    num_groups: int,
    *,
    num_subsets: int = NUM_SUBSETS,
    subset_size: int = SUBSET_SIZE,
    seed: int = 0,
) -> tuple[Array, Array]:
    """Return the MMD of each subset, and the mean over the same subsets without each group of the rows of ``a``.

    Args:
        a: finite real ``[N, D]``.
        b: finite real ``[M, D]``.
        group_of_row: int64 ``[N]``, 0 to ``num_groups - 1``.
        num_groups: number of groups.
        num_subsets: see `kid_subsets`.
        subset_size: see `kid_subsets`.
        seed: see `kid_subsets`.

    Returns:
        float64 ``[num_subsets]`` and float64 ``[num_groups]``.

    Raises:
        InputError: fewer rows than a subset needs.
    """
    if num_subsets < 1 or subset_size < 2:
        raise InputError(f"{num_subsets} subsets of {subset_size} rows are no estimate; give at least 1 subset of 2.")
    fewest = min(len(a), len(b))
    if fewest < subset_size:
        raise InputError(
            f"KID draws subsets of {subset_size} rows without replacement, but one set has {fewest}; give more clips."
        )
    values, folds = [], np.zeros(num_groups)
    for subset in range(num_subsets):
        rows_a = subset_rows(len(a), subset_size, seed, subset, 0)
        rows_b = subset_rows(len(b), subset_size, seed, subset, 1)
        value, left = grouped_mmd(a[rows_a], b[rows_b], group_of_row[rows_a], num_groups)
        values.append(value)
        folds += left
    return np.array(values), folds / num_subsets


def subset_rows(count: int, size: int, *seed: int) -> Labels:
    """Return ``size`` different indices below ``count``, ascending; a pure function of its arguments.

    Selects the rows with the smallest of ``count`` raw PCG64 words: numpy guarantees the raw stream of a bit generator
    forever, but not ``choice`` and ``shuffle``.
    """
    words = np.random.PCG64(np.random.SeedSequence(seed)).random_raw(count)
    chosen = np.argpartition(words, size - 1)[:size] if size < count else np.arange(count)
    return np.sort(chosen).astype(np.int64)


def _pair(features_a: npt.NDArray[Any], features_b: npt.NDArray[Any]) -> tuple[Array, Array]:
    shape = np.shape(features_a)
    width = shape[1] if len(shape) == 2 else 0
    a = check_rows(features_a, width, "first features")
    b = check_rows(features_b, width, "second features")
    if min(len(a), len(b)) < 2 or width < 1:
        raise InputError(
            f"An unbiased MMD needs two sets of at least 2 rows, but {len(a)} and {len(b)} rows of {width} features "
            "were given; add more clips."
        )
    return a, b
