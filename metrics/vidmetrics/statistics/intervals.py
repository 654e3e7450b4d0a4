"""95 % confidence intervals: jackknife, means, shares, coverage of rows and balls, and clipping to a range."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from vidmetrics.errors import InputError

_HALVES_DEGREES = 10.0


def jackknife_interval(
    value: float, leave_one_out_values: Sequence[float] | npt.NDArray[np.float64], level: float = 0.95
) -> tuple[float, float]:
    """Return the interval ``value ± t * standard error`` from a delete-a-group jackknife.

    >>> import vidmetrics
    >>> low, high = vidmetrics.jackknife_interval(10.0, [9.8, 10.0, 10.2])
    >>> round(low, 3), round(high, 3)
    (9.006, 10.994)

    The samples are split into G groups of (nearly) equal size, and the estimator is computed G times, each time without
    one group. The standard error is ``sqrt((G-1)/G * sum((v_g - mean v)^2))`` (Kott, "The delete-a-group jackknife",
    J. Off. Stat. 17, 2001), and t is Student's quantile with G-1 degrees of freedom. The interval is symmetric about
    the value and covers the expectation of the estimator at this number of samples; the bias of the estimator is not
    removed. The lower end of an interval for a distance can be negative; `cut` clips it.

    Args:
        value: the estimate from all samples.
        leave_one_out_values: the G estimates that each leave one group out.
        level: nominal coverage, between 0 and 1.

    Raises:
        InputError: fewer than 3 groups, a level outside (0, 1), or values that are not finite.
    """
    values = np.asarray(leave_one_out_values, np.float64)
    if values.ndim != 1 or len(values) < 3:
        raise InputError(f"A jackknife interval needs at least 3 groups, not {values.size}; use more samples.")
    if not (math.isfinite(value) and np.isfinite(values).all()):
        raise InputError("A jackknife interval needs finite values; check the features they come from.")
    groups = len(values)
    variance = (groups - 1) / groups * float(np.square(values - values.mean()).sum())
    return variance_interval(value, variance, groups - 1, level)


def variance_interval(value: float, variance: float, degrees: float, level: float = 0.95) -> tuple[float, float]:
    """Return ``value ± t * sqrt(variance)``, where t is Student's quantile for the degrees of freedom of the variance.

    Args:
        value: the estimate.
        variance: estimated variance of the value, at least 0.
        degrees: degrees of freedom of the variance; infinity if it is known.
        level: nominal coverage, between 0 and 1.

    Raises:
        InputError: a level outside (0, 1).
    """
    from scipy.special import ndtri, stdtrit  # scipy.stats would take a second to import

    if not 0 < level < 1:
        raise InputError(f"The level of an interval is between 0 and 1, not {level}; 0.95 is usual.")
    tail = (1 + level) / 2
    half = float(ndtri(tail) if math.isinf(degrees) else stdtrit(degrees, tail)) * math.sqrt(variance)
    return value - half, value + half


def halves_interval(value: float, first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return the 95 % confidence interval of the share of fixed rows covered by random balls, from halves of the samples.

    Two disjoint halves of the samples are independent, so half of the squared difference of their shares is an
    unbiased estimate of the variance V at half the number of samples, however far the statistic is from a sum over
    samples. One part of V, D = mean of p (1 - p) / M, is the variance of M independent rows covered with probability p,
    and is the same at twice the samples; the rest comes from neighbouring rows being covered together, and halves. So the
    variance at the full number is D + (V - D) / 2. Two halves disagree about a row with probability 2 p (1 - p),
    which gives D.

    The estimate scatters by about half of itself, like one with 10 degrees of freedom; Student's t allows for that.
    The jackknife counts a k-fold interaction of samples k times and is up to 1.7 times too wide here.

    Args:
        value: the share for all samples.
        first: which rows the first half covers, bool ``[S, M]``, for S ways of halving.
        second: which rows the second half covers, bool ``[S, M]``.
    """
    at_half = float(np.square(first.mean(axis=1) - second.mean(axis=1)).mean()) / 2
    of_single_rows = float((first != second).mean()) / 2 / first.shape[1]
    return variance_interval(value, (at_half + of_single_rows) / 2, _HALVES_DEGREES)


def holders_interval(
    value: float, ones: npt.NDArray[np.int64], twos: npt.NDArray[np.int64], count: int, samples: int
) -> tuple[float, float]:
    """Return the 95 % confidence interval of the share of fixed balls that contain a sample.

    Let n_S be the number of balls that contain exactly the samples S. If samples arrive as a Poisson process, the variance
    of the number of non-empty balls is the expectation of J1 - J2 + J3 - ..., where Jk is the sum of n_S^2 over sets
    of k samples. J1 alone is the jackknife (deleting a sample empties the balls that contained only it), and is too
    large. The alternating series is noisy; J1 (1 - exp(-g)) / g with g = 2 J2 / J1 is not. It has the same first two
    terms and is exact if the samples shared by two balls have one rate. A fixed number of samples subtracts
    (sum of n)^2 / N from J1.

    Args:
        value: the share.
        ones: the sample in each ball that contains one, int64 ``[n]``.
        twos: the samples in each ball that contains two, int64 ``[P, 2]``.
        count: number of balls.
        samples: number of samples N.
    """
    held_alone = np.bincount(ones, minlength=samples).astype(np.float64)
    _, together = np.unique(twos[:, 0] * samples + twos[:, 1], return_counts=True)
    first, second = float(np.square(held_alone).sum()), float(np.square(together.astype(np.float64)).sum())
    shared = 2 * second / first if first else 0.0
    shrink = -math.expm1(-shared) / shared if shared else 1.0
    variance = max(first - float(held_alone.sum()) ** 2 / samples, 0.0) * shrink / count**2
    return variance_interval(value, variance, math.inf)


def mean_interval(values: Sequence[float] | npt.NDArray[np.float64], level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval for the mean of independent values, or None for fewer than 3.

    Args:
        values: one value per independent sample.
        level: nominal coverage, between 0 and 1.

    Raises:
        InputError: a level outside (0, 1), or values that are not finite.
    """
    scores = np.asarray(values, np.float64)
    if len(scores) < 3:
        return None
    # The jackknife over single samples is the textbook interval for their mean.
    mean = float(scores.mean())
    return jackknife_interval(mean, (len(scores) * mean - scores) / (len(scores) - 1), level)


def share_interval(share: float, count: int, level: float = 0.95) -> tuple[float, float]:
    """Return Wilson's score interval for a share of independent samples (Wilson, J. Am. Stat. Assoc. 22, 1927).

    It keeps its coverage near 0 and 1, where Student's interval collapses. The mean of values between 0 and 1 scatters
    no more than a share, so the interval is conservative for such means.

    Args:
        share: 0 to 1.
        count: number of independent samples, at least 1.
        level: nominal coverage, between 0 and 1.

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
    """Clip an interval to the attainable range, which does not change its coverage.

    For example, neither a Fréchet distance nor its expectation can be negative, so the part of an interval below 0
    covers nothing.

    Args:
        interval: the interval, or None.
        lowest: lower end of the attainable range.
        highest: upper end of the attainable range.
    """
    if interval is None:
        return None
    return max(interval[0], lowest), min(interval[1], highest)
