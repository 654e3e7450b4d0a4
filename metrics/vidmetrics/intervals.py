"""Confidence intervals: delete-a-group jackknife, mean, share, and what to cut off."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError


def jackknife_interval(
    value: float, leave_one_out_values: Sequence[float] | npt.NDArray[np.float64], level: float = 0.95
) -> tuple[float, float]:
    """Return the interval ``value ± t * standard error`` from a delete-a-group jackknife.

    The samples are cut into G groups of (nearly) equal size; the estimator is computed G times, each time without one
    group. The standard error is ``sqrt((G-1)/G * sum((v_g - mean v)^2))`` (Kott, "The delete-a-group jackknife",
    J. Off. Stat. 17, 2001) and t is Student's quantile with G-1 degrees of freedom. The interval is symmetric about
    the value and covers the expectation of the estimator at this number of samples: a bias of the estimator is not
    removed. The lower end of an interval for a distance can be negative; `cut` takes that part off.

    Args:
        value: the estimate from all samples.
        leave_one_out_values: the G estimates, each without one group.
        level: coverage, between 0 and 1.

    Raises:
        InputError: fewer than 3 groups, a level outside (0, 1), or values that are not finite.
    """
    from scipy.special import stdtrit  # scipy.stats would take a second to import

    values = np.asarray(leave_one_out_values, np.float64)
    if values.ndim != 1 or len(values) < 3:
        raise InputError(f"A jackknife interval needs at least 3 groups, but {values.size} given; use more samples.")
    if not 0 < level < 1:
        raise InputError(f"The level of an interval lies between 0 and 1, not at {level}; 0.95 is usual.")
    if not (math.isfinite(value) and np.isfinite(values).all()):
        raise InputError("A jackknife interval needs finite values; look at the features behind them.")
    groups = len(values)
    error = math.sqrt((groups - 1) / groups * float(np.square(values - values.mean()).sum()))
    half = float(stdtrit(groups - 1, (1 + level) / 2)) * error
    return value - half, value + half


def mean_interval(values: Sequence[float] | npt.NDArray[np.float64], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval of a mean of independent values, or None for fewer than 3.

    Args:
        values: one value per independent sample.
        level: coverage, between 0 and 1.

    Raises:
        InputError: a level outside (0, 1), or values that are not finite.
    """
    scores = np.asarray(values, np.float64)
    if len(scores) < 3:
        return None
    # The jackknife over single samples is the textbook interval of their mean.
    mean = float(scores.mean())
    return jackknife_interval(mean, (len(scores) * mean - scores) / (len(scores) - 1), level)


def share_interval(share: float, count: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval of a share of independent samples (Wilson, J. Am. Stat. Assoc. 22, 1927).

    It keeps its coverage near 0 and 1, where Student's interval shrinks to nothing. A mean of values between 0 and 1
    scatters no more than a share does, so for such means it is safe, if wide.

    Args:
        share: 0 to 1.
        count: independent samples behind it, at least 1.
        level: coverage, between 0 and 1.

    Raises:
        InputError: a share or a level out of range, or no sample.
    """
    from scipy.special import ndtri

    if not 0 <= share <= 1 or count < 1 or not 0 < level < 1:
        raise InputError(f"A share of {share} of {count} samples at level {level} is impossible; check all three.")
    z2 = float(ndtri((1 + level) / 2)) ** 2
    centre = (share + z2 / (2 * count)) / (1 + z2 / count)
    half = math.sqrt(z2 * (share * (1 - share) + z2 / (4 * count)) / count) / (1 + z2 / count)
    return max(0.0, centre - half), min(1.0, centre + half)


def cut(
    interval: tuple[float, float] | None, lowest: float = -math.inf, highest: float = math.inf
) -> tuple[float, float] | None:
    """Return an interval without what no value can be; the covered values stay covered.

    A Fréchet distance cannot be negative, and neither can its expectation: the part of an interval below 0 covers
    nothing, so cutting it off changes no coverage.

    Args:
        interval: the interval, or None.
        lowest: least possible value of the estimator.
        highest: greatest possible value of the estimator.
    """
    if interval is None:
        return None
    return max(interval[0], lowest), min(interval[1], highest)
