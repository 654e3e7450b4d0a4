"""Squared distances between rows in blocks, by a matrix product, with every comparison as if each were a sum of squares.

|x|^2 + |y|^2 - 2 x.y of many features takes a hundredth of the time of sums of squared differences, because a matrix product uses the
whole processor, but rounding decides ties, and a large common offset costs all digits. So rows are centred first, each
block has a bound of its error, and distances within that bound of what they are compared with are computed again as sums of squares
(`DistanceBlock.settle`). Few features are summed directly, and their bound is 0.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Rows = npt.NDArray[np.floating[Any]]

ENTRIES = 1 << 21
"""Distances in one block: 16 MiB, or more where that would be fewer points than `POINTS`."""
POINTS = 128
"""Points in one block, at the fewest: all others are centred again for each block, which with fewer takes longer than their product."""
FEW = 32
"""Features up to which differences are summed directly."""
_COLUMNS = 4096
"""Rows that are converted to float64 at once."""


@dataclass(frozen=True)
class DistanceBlock:
    """The squared distances of some rows to all others.

    Attributes:
        rows: which rows.
        distances: float64 ``[n, M]``; may be written to.
        error: the most by which a distance of each row may be off, float64 ``[n, 1]``.
        points: the rows, ``[n, D]``.
        others: the others, ``[M, D]``.
    """

    rows: slice
    distances: Array
    error: Array
    points: Rows
    others: Rows

    def settle(self, limits: npt.NDArray[Any]) -> Array:
        """Return the distances, exact where ``<`` or ``<=`` with the limits depends on it.

        Args:
            limits: float64, broadcast against ``[n, M]``; infinity is a limit that everything keeps.
        """
        if self.error.any():
            near, far = self.distances >= limits - self.error, self.distances <= limits + self.error
            near &= far
            for row in np.flatnonzero(near.any(axis=1)):
                self._sum_exactly(int(row), np.flatnonzero(near[row]))
        return self.distances

    def nearest(self, count: int) -> Array:
        """Return the ``count``-th smallest distance of each row, exact; float64 ``[n]``."""
        if not self.error.any():
            return np.asarray(np.partition(self.distances, count - 1, axis=1)[:, count - 1])
        return np.array([self._nearest(row, distances, count) for row, distances in enumerate(self.distances)])

    def nearest_among(self, row: int, allowed: npt.NDArray[np.bool_], count: int) -> float:
        """Return the ``count``-th smallest distance of a row to the allowed others, bool ``[M]``, exact."""
        return self._nearest(row, np.where(allowed, self.distances[row], np.inf), count)

    def exact(self, columns: npt.NDArray[np.int64]) -> Array:
        """Return the exact distances of each row to some others, ``[n, K]`` indices; infinite ones stay infinite."""
        if self.error.any():
            for row, chosen in enumerate(columns):
                self._sum_exactly(row, chosen)
        return np.take_along_axis(self.distances, columns, axis=1)

    def _nearest(self, row: int, distances: Array, count: int) -> float:
        smallest = np.partition(distances, count - 1)[count - 1]
        # Whatever may belong to the first `count` is at most this far.
        columns = np.flatnonzero(distances <= smallest + 2 * self.error[row])
        self._sum_exactly(row, columns)
        return float(np.partition(self.distances[row, columns], count - 1)[count - 1])

    def _sum_exactly(self, row: int, columns: npt.NDArray[np.int64]) -> None:
        """Replace the distances of a row to some others by sums of squares; infinite ones stay."""
        from scipy.spatial.distance import cdist

        columns = columns[np.isfinite(self.distances[row, columns])]
        if self.error[row] and len(columns):
            self.distances[row, columns] = cdist(self.points[row : row + 1], self.others[columns], "sqeuclidean")[0]


def distance_blocks(points: Rows, others: Rows) -> Iterator[DistanceBlock]:
    """Yield the squared distances of all points to all others, a block of points at a time.

    Args:
        points: finite float32 or float64 ``[N, D]``.
        others: finite float32 or float64 ``[M, D]``.
    """
    from scipy.spatial.distance import cdist

    step = max(POINTS, ENTRIES // len(others))
    blocks = [slice(start, min(start + step, len(points))) for start in range(0, len(points), step)]
    if points.shape[1] <= FEW:
        for rows in blocks:
            distances = cdist(points[rows], others, "sqeuclidean")
            yield DistanceBlock(rows, distances, np.zeros((len(distances), 1)), points[rows], others)
        return
    centre = others.mean(axis=0, dtype=np.float64)
    norms = np.concatenate([np.square(part).sum(axis=1) for _, part in _centred(others, centre)])
    for rows in blocks:
        mine = points[rows] - centre
        own = np.square(mine).sum(axis=1)[:, None]
        distances = np.empty((len(mine), len(others)))
        for columns, part in _centred(others, centre):
            np.matmul(mine, part.T, out=distances[:, columns])
        distances *= -2
        distances += own
        distances += norms
        yield DistanceBlock(rows, distances, _bound(own, float(norms.max()), points.shape[1]), points[rows], others)


def _bound(own: Array, largest: float, dim: int) -> Array:
    """Return the most by which the distances of rows with these squared norms, and their sums of squares, may be off.

    A sum of D products is off by at most D eps / 2 times the sum of their sizes (Higham, Accuracy and Stability of Numerical
    Algorithms, 3.1): |x| |y| in the product, |x|^2 and |y|^2 in the norms, and at most (|x| + |y|)^2 in the sum of squares of
    differences. Centring moves each number by eps / 2 of what is left of it, however large the offset was. The factor 4 allows for
    terms of second order several times over.
    """
    bound: Array = 4 * (dim + 8) * float(np.finfo(np.float64).eps) * (np.sqrt(own) + np.sqrt(largest)) ** 2
    return bound


def _centred(rows: Rows, centre: Array) -> Iterator[tuple[slice, Array]]:
    for start in range(0, len(rows), _COLUMNS):
        part = slice(start, start + _COLUMNS)
        yield part, rows[part] - centre
