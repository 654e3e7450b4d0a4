"""Confidence intervals from a delete-a-group jackknife."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from vidmetrics.errors import InputError


def jackknife_interval(value: float, leave_one_out_values: Sequence[float], level: float = 0.95) -> tuple[float, float]:
    """Return the interval ``value ± t * standard error`` from a delete-a-group jackknife.

    The samples are cut into G groups of (nearly) equal size; the estimator is computed G times, each time without one
    group. The standard error is ``sqrt((G-1)/G * sum((v_g - mean v)^2))`` (Kott, "The delete-a-group jackknife",
    J. Off. Stat. 17, 2001) and t is Student's quantile with G-1 degrees of freedom. The interval is symmetric about
    the value and covers the expectation of the estimator at this number of samples: a bias of the estimator is not
    removed, and the lower end of an interval for a distance can be negative.

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
