"""Precision, recall, density and coverage: the manifolds of real and generated features, as unions of balls.

A set spans a ball around each of its rows that reaches to its k-th nearest other row of the same set. Then

    precision   share of generated rows inside any real ball           Kynkäänniemi et al., arXiv 1904.06991, k = 3
    recall      share of real rows inside any generated ball
    density     mean number of real balls around a generated row, /k   Naeem et al., arXiv 2002.09797, k = 5
    coverage    share of real balls that hold a generated row

Ties follow the code published with each paper: the surface of a ball belongs to it for precision and recall, and does
not for density and coverage. It matters where features repeat exactly, as those of duplicated clips do: then a radius
may be 0.

Squared distances are sums of squared differences in float64, never the expansion of a square, which cancels: equal
pairs of rows have the same distance to the last bit wherever they stand, so that ties are ties. Rows are handled in
blocks: memory is a few blocks of the matrix of distances, never the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.moments import check_rows

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

_ENTRIES = 1 << 21
"""Distances in one block: 16 MiB."""


def precision_recall(real: npt.NDArray[Any], generated: npt.NDArray[Any], *, nearest: int = 3) -> tuple[float, float]:
    """Return improved precision and recall, each 0 to 1.

    Args:
        real: features, real-valued ``[M, D]``.
        generated: features, real-valued ``[N, D]``.
        nearest: which neighbour a ball reaches to.

    Raises:
        InputError: too few rows, different widths, NaN or infinity.
    """
    a, b = _pair(real, generated, nearest)
    precision = float((ball_counts(b, a, radii(a, nearest), closed=True) > 0).mean())
    recall = float((ball_counts(a, b, radii(b, nearest), closed=True) > 0).mean())
    return precision, recall


def density_coverage(real: npt.NDArray[Any], generated: npt.NDArray[Any], *, nearest: int = 5) -> tuple[float, float]:
    """Return density, 0 to M/k and 1 for equal distributions, and coverage, 0 to 1.

    Args:
        real: features, real-valued ``[M, D]``.
        generated: features, real-valued ``[N, D]``.
        nearest: which neighbour a ball reaches to.

    Raises:
        InputError: too few rows, different widths, NaN or infinity.
    """
    a, b = _pair(real, generated, nearest)
    reach = radii(a, nearest)
    density = float(ball_counts(b, a, reach, closed=False).mean()) / nearest
    nearest_generated = group_minima(a, b, np.zeros(len(b), np.int64), 1)[:, 0]
    return density, float((nearest_generated < reach).mean())


def radii(rows: Array, nearest: int) -> Array:
    """Return, for each row, the squared distance to its ``nearest``-th nearest other row; float64 ``[N]``."""
    return group_neighbours(rows, np.zeros(len(rows), np.int64), 1, nearest)[:, 0, nearest - 1]


def ball_counts(points: Array, centres: Array, squared_radii: Array, *, closed: bool) -> Labels:
    """Return how many balls hold each point, int64 ``[N]``.

    Args:
        points: float64 ``[N, D]``.
        centres: float64 ``[M, D]``.
        squared_radii: float64 ``[M]``.
        closed: whether the surface belongs to a ball.
    """
    counts = np.empty(len(points), np.int64)
    for rows, distances in _blocks(points, centres):
        inside = distances <= squared_radii if closed else distances < squared_radii
        counts[rows] = inside.sum(axis=1)
    return counts


def group_minima(points: Array, others: Array, group_of_other: Labels, num_groups: int) -> Array:
    """Return the squared distance of each point to the nearest row of each group of others.

    Args:
        points: float64 ``[M, D]``.
        others: float64 ``[N, D]``.
        group_of_other: int64 ``[N]``, 0 to ``num_groups - 1``, every group present, ascending.
        num_groups: number of groups.

    Returns:
        float64 ``[M, num_groups]``.
    """
    minima = np.empty((len(points), num_groups))
    starts = np.searchsorted(group_of_other, np.arange(num_groups))
    for rows, distances in _blocks(points, others):
        minima[rows] = np.minimum.reduceat(distances, starts, axis=1)
    return minima


def group_neighbours(rows: Array, group_of_row: Labels, num_groups: int, nearest: int) -> Array:
    """Return the squared distances of each row to its nearest other rows within each group, ascending.

    Args:
        rows: float64 ``[N, D]``.
        group_of_row: int64 ``[N]``, 0 to ``num_groups - 1``, ascending.
        num_groups: number of groups.
        nearest: how many neighbours.

    Returns:
        float64 ``[N, num_groups, nearest]``; infinite where a group has fewer other rows.
    """
    found = np.full((len(rows), num_groups, nearest), np.inf)
    bounds = np.searchsorted(group_of_row, np.arange(num_groups + 1))
    for block, distances in _blocks(rows, rows):
        distances[np.arange(len(distances)), np.arange(len(rows))[block]] = np.inf  # no row is its own neighbour
        for group in range(num_groups):
            part = distances[:, bounds[group] : bounds[group + 1]]
            count = min(nearest, part.shape[1])
            if count:
                found[block, group, :count] = np.sort(np.partition(part, count - 1, axis=1)[:, :count], axis=1)
    return found


def recall_folds(
    real: Array, generated: Array, group_of_row: Labels, num_groups: int, nearest: int
) -> tuple[float, Array]:
    """Return recall, and recall without each group of generated rows, whose balls then grow.

    Args:
        real: float64 ``[M, D]``.
        generated: float64 ``[N, D]``.
        group_of_row: groups of the generated rows, int64 ``[N]``, ascending.
        num_groups: number of groups.
        nearest: which neighbour a ball reaches to.

    Returns:
        The value, and float64 ``[num_groups]``.
    """
    neighbours = group_neighbours(generated, group_of_row, num_groups, nearest)

    def reach(of_groups: list[int]) -> Array:
        lists = neighbours[:, of_groups].reshape(len(generated), -1)
        smallest: Array = np.partition(lists, nearest - 1, axis=1)[:, nearest - 1]
        return smallest

    full = reach(list(range(num_groups)))
    # Radii of a fold; a ball whose centre has left holds nothing.
    fold_radii = [
        np.where(group_of_row == gone, -1.0, reach([g for g in range(num_groups) if g != gone]))
        for gone in range(num_groups)
        if num_groups > 1
    ]
    inside, left = 0, np.zeros(num_groups)
    for _, distances in _blocks(real, generated):
        inside += int((distances <= full).any(axis=1).sum())
        for gone, squared_radii in enumerate(fold_radii):
            left[gone] += (distances <= squared_radii).any(axis=1).sum()
    return inside / len(real), left / len(real)


def coverage_folds(
    real: Array, generated: Array, group_of_row: Labels, num_groups: int, nearest: int
) -> tuple[float, Array]:
    """Return coverage, and coverage without each group of generated rows; see `recall_folds`."""
    reach = radii(real, nearest)
    holds = group_minima(real, generated, group_of_row, num_groups) < reach[:, None]
    groups_inside = holds.sum(axis=1)
    folds = np.array([((groups_inside - holds[:, gone]) > 0).mean() for gone in range(num_groups)])
    return float((groups_inside > 0).mean()), folds


def _blocks(points: Array, others: Array) -> Iterator[tuple[slice, Array]]:
    from scipy.spatial.distance import cdist

    step = max(1, _ENTRIES // len(others))
    for start in range(0, len(points), step):
        rows = slice(start, min(start + step, len(points)))
        yield rows, cdist(points[rows], others, "sqeuclidean")


def check_neighbours(count: int, nearest: int, whose: str) -> None:
    """Refuse a set in which no row has a ``nearest``-th neighbour.

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
