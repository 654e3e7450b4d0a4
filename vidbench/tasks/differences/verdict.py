"""Whether scores of two tasks may be compared, by one rule.

The rule is that of `vidbench compare` (`vidbench.results.comparability`) and of the boards (`vidbench.leaderboard.rows.group_of`), applied
to protocols before there is a result: only the same fingerprint is comparable there. What both keep apart is divided once more, into
protocols that measure the same number and protocols that do not. tests/vidbench/leaderboard/test_task_groups.py compares it with both on
every pair of shipped tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from vidbench.tasks.differences.fields import TaskDifference, shared_metrics, task_differences
from vidbench.tasks.schema import Task

Comparable = Literal["comparable", "comparable with care", "not comparable"]
_WORST_FIRST: tuple[Comparable, ...] = ("not comparable", "comparable with care", "comparable")

RULE = (
    "Scores of a metric are comparable if the fingerprints of both tasks are equal; comparable with care if no field that decides the "
    "number differs, so that both are draws of the same number, which boards still rank apart; and not comparable otherwise. Two tasks "
    "are what the worst of their common metrics is, and not comparable without one."
)
"""The rule, as `vidbench tasks diff` prints it."""


@dataclass(frozen=True)
class MetricComparability:
    """Whether scores of one metric may be compared.

    Attributes:
        metric: its id.
        verdict: what the rule says.
        because: titles of the fields that decide the number and differ or, if there is none, that make another draw of it.
    """

    metric: str
    verdict: Comparable
    because: tuple[str, ...]


@dataclass(frozen=True)
class TaskComparability:
    """Whether scores of two tasks may be compared.

    Attributes:
        verdict: of the worst common metric.
        metrics: of each common metric.
        differences: every field that differs.
    """

    verdict: Comparable
    metrics: tuple[MetricComparability, ...]
    differences: tuple[TaskDifference, ...]


def compare_tasks(a: Task, b: Task) -> TaskComparability:
    """Return whether scores of two tasks may be compared, by `RULE`."""
    differences = task_differences(a, b)
    metrics = tuple(_of_metric(metric, a, b, differences) for metric in shared_metrics(a, b))
    found = {each.verdict for each in metrics} or {_WORST_FIRST[0]}
    return TaskComparability(next(each for each in _WORST_FIRST if each in found), metrics, differences)


def _of_metric(metric: str, a: Task, b: Task, differences: tuple[TaskDifference, ...]) -> MetricComparability:
    decisive = tuple(each.title for each in differences if each.bearing[metric] == "score")
    if decisive:
        return MetricComparability(metric, "not comparable", decisive)
    draws = tuple(each.title for each in differences if each.bearing[metric] == "draw")
    # A broken task has the fingerprint that it had, and no official results.
    same = a.fingerprint == b.fingerprint and "broken" not in {a.status, b.status}
    return MetricComparability(metric, "comparable" if same else "comparable with care", draws)
