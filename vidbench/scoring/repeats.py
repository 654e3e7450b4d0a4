"""One value from the runs of a repeated task: their mean and its Student interval."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.estimators.base import Estimate
from vidmetrics.statistics.intervals import cut, mean_interval


def scored_sets(task: Task, clips: range) -> list[range]:
    """Return the sets of samples whose scores are averaged: all of them, or the j-th samples of every context.

    Args:
        task: the protocol; `EvaluationSpec.contexts` says which.
        clips: the samples of a run, or as many other clips.
    """
    each = task.evaluation.samples_per_context
    if task.evaluation.contexts == "pooled" or each == 1:
        return [clips]
    return [range(clips.start + number, clips.stop, each) for number in range(each)]


def over_runs(definition: MetricDefinition, estimates: Sequence[Estimate]) -> tuple[Estimate, tuple[float, ...] | None]:
    """Return the estimate over all runs, and the value of each run if there are several.

    Runs differ only in their samples, so their values are independent given reference set and contexts, and Student's
    interval of the mean covers its expectation. With fewer than three runs there is no interval.

    Args:
        definition: the metric.
        estimates: one per run, at least one.
    """
    if len(estimates) == 1:
        return estimates[0], None
    values = tuple(estimate.value for estimate in estimates)
    interval = cut(mean_interval(values), *definition.attainable_range)
    return replace(
        estimates[0], value=float(np.mean(values)), interval=interval, leave_one_out=None, groups_sha256=None
    ), values
