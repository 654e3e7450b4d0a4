"""Precision, recall, density and coverage: manifolds of real and generated features as unions of balls.

Each row of a set is the centre of a ball whose radius is the distance to its k-th nearest neighbour in the set.

    precision   share of generated rows inside any real ball           Kynkäänniemi et al., arXiv 1904.06991, k = 3
    recall      share of real rows inside any generated ball
    density     mean number of real balls around a generated row, /k   Naeem et al., arXiv 2002.09797, k = 5
    coverage    share of real balls that contain a generated row

Ties follow the code published with each paper: balls are closed for precision and recall, open for density and
coverage. This matters if features repeat exactly, as with duplicated clips, because a radius may then be 0.

Every comparison is one of sums of squared differences in float64, never of the expanded square, which cancels: equal pairs of
rows have bitwise equal distances wherever they are, so ties stay ties (`vidmetrics.statistics.row_distances`). Rows are processed in
blocks: memory holds a few blocks of the distance matrix, never all of it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.moments import check_rows
from vidmetrics.statistics.row_distances import Rows, distance_blocks

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

PRECISION_NEAREST = 3
"""k of precision and recall."""
DENSITY_NEAREST = 5
"""k of density and coverage."""


def precision_recall(
    real: npt.NDArray[Any], generated: npt.NDArray[Any], *, nearest: int = PRECISION_NEAREST
) -> tuple[float, float]:
    """Return improved precision and recall, each 0 to 1.

    >>> import numpy as np, vidmetrics
    >>> real, generated = np.random.default_rng(0).normal(size=(2, 200, 8))
    >>> precision, recall = vidmetrics.precision_recall(real, generated)
    >>> 0 <= precision <= 1 and 0 <= recall <= 1
    True

    Args:
        real: features, real ``[M, D]``.
        generated: features, real ``[N, D]``.
        nearest: which neighbour defines the radius.

    Raises:
        InputError: too few rows, different numbers of features, NaN or infinity.
    """
    a, b = _pair(real, generated, nearest)
    precision = float((ball_counts(b, a, radii(a, nearest), closed=True) > 0).mean())
    recall = float((ball_counts(a, b, radii(b, nearest), closed=True) > 0).mean())
    return precision, recall


def density_coverage(
    real: npt.NDArray[Any], generated: npt.NDArray[Any], *, nearest: int = DENSITY_NEAREST
) -> tuple[float, float]:
    """Return density, 0 to M/k and 1 for equal distributions, and coverage, 0 to 1.

    >>> import numpy as np, vidmetrics
    >>> real, generated = np.random.default_rng(0).normal(size=(2, 200, 8))
    >>> density, coverage = vidmetrics.density_coverage(real, generated)
    >>> 0 <= coverage <= 1
    True

    Args:
        real: features, real ``[M, D]``.
        generated: features, real ``[N, D]``.
        nearest: which neighbour defines the radius.

    Raises:
        InputError: too few rows, different numbers of features, NaN or infinity.
    """
    a, b = _pair(real, generated, nearest)
    reach = radii(a, nearest)
    density = float(ball_counts(b, a, reach, closed=False).mean()) / nearest
    counts, _, _ = coverage_holders(a, b, 1, nearest)
    return density, float((counts > 0).mean())


def radii(rows: Rows, nearest: int) -> Array:
    """Return, for each row, the squared distance to its ``nearest``-th nearest other row; float64 ``[N]``."""
    reach = np.empty(len(rows))
    for block in distance_blocks(rows, rows):
        own = np.arange(len(rows))[block.rows]
        block.distances[np.arange(len(own)), own] = np.inf  # no row is its own neighbour
        reach[block.rows] = block.nearest(nearest)
    return reach


def ball_counts(points: Rows, centres: Rows, squared_radii: Array, *, closed: bool) -> Labels:
    """Return the number of balls that contain each point, int64 ``[N]``.

    Args:
        points: float32 or float64 ``[N, D]``.
        centres: float32 or float64 ``[M, D]``.
        squared_radii: float64 ``[M]``.
        closed: whether a ball includes its surface.
    """
    counts = np.empty(len(points), np.int64)
    for block in distance_blocks(points, centres):
        distances = block.settle(squared_radii)
        inside = distances <= squared_radii if closed else distances < squared_radii
        counts[block.rows] = inside.sum(axis=1)
    return counts


def recall_hits(real: Rows, generated: Rows, nearest: int) -> npt.NDArray[np.bool_]:
    """Return which real rows are inside the generated manifold, bool ``[M]``; arguments as for `recall_halves`."""
    return ball_counts(real, generated, radii(generated, nearest), closed=True) > 0


def recall_halves(
    real: Rows, generated: Rows, in_first: npt.NDArray[np.bool_], nearest: int
) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
    """Return which real rows are inside the manifold of each half of the generated rows, for each way of halving.

    Args:
        real: float32 or float64 ``[M, D]``.
        generated: float32 or float64 ``[N, D]``.
        in_first: which generated rows form the first half, bool ``[S, N]``; more than ``nearest`` in each half.
        nearest: which neighbour defines the radius.

    Returns:
        One bool ``[S, M]`` per half.
    """
    reach = _radii_within_halves(generated, in_first, nearest)
    first, second = (np.zeros((len(in_first), len(real)), np.bool_) for _ in range(2))
    for block in distance_blocks(real, generated):
        for split, squared_radii in enumerate(reach):
            inside = block.settle(squared_radii) <= squared_radii
            first[split, block.rows] = (inside & in_first[split]).any(axis=1)
            second[split, block.rows] = (inside & ~in_first[split]).any(axis=1)
    return first, second


def _radii_within_halves(rows: Rows, in_first: npt.NDArray[np.bool_], nearest: int) -> Array:
    """Return the squared distance of each row to its ``nearest``-th nearest in its own half, float64 ``[S, N]``."""
    count = len(rows)
    # About half of a row's neighbours are in its own half. If too few of those listed are, search all rows.
    listed = min(count - 1, 2 * nearest + 24)
    reach = np.empty((len(in_first), count))
    for block in distance_blocks(rows, rows):
        own = np.arange(count)[block.rows]
        block.distances[np.arange(len(own)), own] = np.inf  # no row is its own neighbour
        near = np.argpartition(block.distances, listed - 1, axis=1)[:, :listed]
        # Rows that are not listed are at least this far.
        horizon = np.take_along_axis(block.distances, near, axis=1).max(axis=1) - block.error[:, 0]
        near_distances = block.exact(near)
        for split, side in enumerate(in_first):
            alike = np.where(side[near] == side[own, None], near_distances, np.inf)
            found = np.partition(alike, nearest - 1, axis=1)[:, nearest - 1]
            for row in np.flatnonzero(np.isinf(found) | (found > horizon)):
                found[row] = block.nearest_among(int(row), side == side[own[row]], nearest)
            reach[split, block.rows] = found
    return reach


def coverage_holders(
    real: Rows, generated: Rows, rows_per_sample: int, nearest: int
) -> tuple[Labels, Labels, npt.NDArray[np.int64]]:
    """Return how many samples each real ball contains, and which, if they are one or two.

    A ball contains a sample if one of the sample's rows is strictly inside.

    Args:
        real: float32 or float64 ``[M, D]``.
        generated: float32 or float64 ``[N * rows_per_sample, D]``.
        rows_per_sample: consecutive rows of one sample.
        nearest: which neighbour defines the radius of a real ball.

    Returns:
        Samples in each ball, int64 ``[M]``; the sample of each ball with one; the samples of each ball with two, ``[P, 2]``.
    """
    reach = radii(real, nearest)
    counts = np.empty(len(real), np.int64)
    ones, twos = [], []
    for block in distance_blocks(real, generated):
        limits = reach[block.rows, None]
        rows_inside = (block.settle(limits) < limits).reshape(len(block.distances), -1, rows_per_sample)
        inside = np.asarray(rows_inside.any(axis=2))
        held = inside.sum(axis=1)
        counts[block.rows] = held
        ones.append(np.nonzero(inside[held == 1])[1])
        twos.append(np.nonzero(inside[held == 2])[1].reshape(-1, 2))
    return counts, np.concatenate(ones), np.concatenate(twos)


def check_neighbours(count: int, nearest: int, whose: str) -> None:
    """Refuse a set that is too small for a ``nearest``-th neighbour.

    Raises:
        InputError: the set is too small.
    """
    if count <= nearest:
        raise InputError(
            f"Neighbour number {nearest} of a row needs more than {nearest} rows, but the {whose} are {count}; "
            "add more clips."
        )


def _pair(real: npt.NDArray[Any], generated: npt.NDArray[Any], nearest: int) -> tuple[Array, Array]:
    if nearest < 1:
        raise InputError(
            f"The nearest other row is number 1, so there is no neighbour number {nearest}; give 1 or more."
        )
    shape = np.shape(real)
    width = shape[1] if len(shape) == 2 else 0
    a = check_rows(real, width, "real features")
    b = check_rows(generated, width, "generated features")
    check_neighbours(len(a), nearest, "real features")
    check_neighbours(len(b), nearest, "generated features")
    return a, b
