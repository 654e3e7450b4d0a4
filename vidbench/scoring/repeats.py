"""One value from the runs of a task that repeats: their mean, and Student's interval of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from vidmetrics.catalog.definitions import MetricDefinition, Statistic
from vidmetrics.estimators.base import Estimate
from vidmetrics.statistics.intervals import cut, mean_interval

# Least and greatest possible value, where there is one; what an interval covers beyond is cut off.
_RANGE: Mapping[Statistic, tuple[float, float]] = {
    "frechet": (0.0, math.inf),
    "inception-score": (1.0, math.inf),
    "precision": (0.0, 1.0),
    "recall": (0.0, 1.0),
    "density": (0.0, math.inf),
    "coverage": (0.0, 1.0),
    "ssim": (-1.0, 1.0),
    "ssim-best": (-1.0, 1.0),
}


def over_runs(definition: MetricDefinition, estimates: Sequence[Estimate]) -> tuple[Estimate, tuple[float, ...] | None]:
    """Return the estimate over all runs, and the value of each run where there are several.

    The runs differ in their samples alone, so their values are independent given the real side and the contexts, and
    Student's interval of their mean covers its expectation; below three runs there is none.

    Args:
        definition: the metric.
        estimates: one for each run, at least one.
    """
    if len(estimates) == 1:
        return estimates[0], None
    values = tuple(estimate.value for estimate in estimates)
    lowest, highest = _RANGE.get(definition.statistic, (-math.inf, math.inf))
    if definition.root != "frechet-exact":
        lowest = -math.inf  # the other roots can fall below 0
    interval = cut(mean_interval(values), lowest, highest)
    return replace(estimates[0], value=float(np.mean(values)), interval=interval), values
