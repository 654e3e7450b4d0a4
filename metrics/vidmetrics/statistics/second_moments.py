"""Maximum mean discrepancy with a kernel that is the square of an inner product: the distance of JEDi, from moments alone.

    k(x, y) = (x.y / D)^2            Luo et al., arXiv 2410.05203: degree 2, gamma 1/D, coef0 0, means over all pairs, times 100

    MMD^2 = mean k(a, a') + mean k(b, b') - 2 mean k(a, b) = |E[a a^T] - E[b b^T]|_F^2 / D^2

because (x.y)^2 is the inner product of the matrices x x^T and y y^T. The means include each row with itself, as in the published code,
so the estimate is biased upwards by about c (1/N + 1/M). Second moments are all that it sees: two distributions that share them are at distance 0,
such as a set and its negative.

E[a a^T] is the covariance (divisor N) plus the product of the mean with itself. The products of two means are subtracted as
(d s^T + s d^T) / 2 with their difference d and their sum s, so that a large common offset costs no digits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError
from vidmetrics.statistics.moments import Moments

SCALE = 100.0
"""Factor of the published code."""


def second_moment_distance(first: Moments, second: Moments) -> float:
    """Return the distance of JEDi: 100 times the biased squared MMD with the kernel ``(x.y / D)^2``.

    >>> import numpy as np, vidmetrics
    >>> real, generated = vidmetrics.Moments(2), vidmetrics.Moments(2)
    >>> real.update(np.array([[1.0, 0.0], [0.0, 1.0]]))
    >>> generated.update(np.array([[1.0, 1.0], [1.0, 1.0]]))
    >>> vidmetrics.second_moment_distance(real, generated)  # 100 / 4 * (0.25 + 0.25 + 1 + 1)
    62.5

    Args:
        first: moments of at least 2 rows.
        second: moments of at least 2 rows of as many features.

    Raises:
        InputError: fewer rows, or different numbers of features.
    """
    if first.dim != second.dim:
        raise InputError(f"Moments of {first.dim} and of {second.dim} features have no distance; use one network.")
    difference = _mean_square(first)
    difference -= _mean_square(second)
    mean, other = first.mean, second.mean
    product = np.multiply.outer(mean - other, (mean + other) / 2)
    difference += product
    difference += product.T
    return SCALE * float(np.vdot(difference, difference)) / first.dim**2


def _mean_square(moments: Moments) -> npt.NDArray[np.float64]:
    """Return the covariance that divides by N."""
    return moments.covariance * ((moments.count - 1) / moments.count)
