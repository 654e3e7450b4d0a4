"""One value from the runs of a task that repeats: their mean, and Student's interval of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate
from vidmetrics.statistics.intervals import cut, mean_interval


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
    interval = cut(mean_interval(values), *definition.attainable_range)
    return replace(estimates[0], value=float(np.mean(values)), interval=interval), values
