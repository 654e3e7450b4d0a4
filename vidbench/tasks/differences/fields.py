"""The fields in which two tasks differ, each with what it is to every metric that both have."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vidbench.tasks.differences.compared_fields import BEARINGS, FIELDS, Bearing, ComparedField
from vidbench.tasks.schema import Task
from vidmetrics.catalog.definitions import get_metric


@dataclass(frozen=True)
class TaskDifference:
    """A field in which two tasks differ.

    Attributes:
        title: the field.
        keys: its keys in a task file.
        values: of A and of B.
        said: both values in words.
        bearing: what the field is to each metric that both tasks have, by id.
        strongest: the most that it is to any metric of either task.
    """

    title: str
    keys: tuple[str, ...]
    values: tuple[Any, Any]
    said: tuple[str, str]
    bearing: dict[str, Bearing]
    strongest: Bearing


def shared_metrics(a: Task, b: Task) -> tuple[str, ...]:
    """Return the metrics that both tasks have, in the order of A."""
    return tuple(metric for metric in a.evaluation.metrics if metric in b.evaluation.metrics)


def task_differences(a: Task, b: Task) -> tuple[TaskDifference, ...]:
    """Return every field in which two tasks differ, except names, words and the list of metrics."""
    found: list[TaskDifference] = []
    for field in FIELDS:
        values = field.value(a), field.value(b)
        # A reference set that follows `clips` differs as they do, which is listed once.
        if values[0] == values[1] or any(field.follows == each.title and values == each.values for each in found):
            continue
        bearing = {metric: _strongest(field, (a, b), (metric,)) for metric in shared_metrics(a, b)}
        every = _strongest(field, (a, b), (*a.evaluation.metrics, *b.evaluation.metrics))
        found.append(TaskDifference(field.title, field.covers, values, (field.said(a), field.said(b)), bearing, every))
    return tuple(found)


def _strongest(field: ComparedField, tasks: tuple[Task, Task], metrics: tuple[str, ...]) -> Bearing:
    found = {field.decides(task, get_metric(metric).needs_reference) for task in tasks for metric in metrics}
    return next(bearing for bearing in BEARINGS if bearing in found)
