"""Confidence intervals of the difference of two scores: paired over the same contexts, or of independent results."""

from __future__ import annotations

import math

from vidbench.results.schema import MetricRecord
from vidmetrics.statistics.intervals import jackknife_interval, variance_interval


def interval_of_difference(
    a: MetricRecord, b: MetricRecord, level: float = 0.95
) -> tuple[tuple[float, float] | None, bool]:
    """Return the confidence interval of ``b - a``, and whether it is paired; None if either value has no interval.

    Args:
        a: one side.
        b: the other side.
        level: nominal coverage, between 0 and 1.
    """
    of_pairs = paired_interval(a, b, level)
    if of_pairs is not None:
        return of_pairs, True
    ours, theirs = _at_level(a, level), _at_level(b, level)
    if ours is None or theirs is None:
        return None, False
    return difference_interval(a.value, ours, b.value, theirs), False


def _at_level(record: MetricRecord, level: float) -> tuple[float, float] | None:
    """Stretch a stored 95 % interval to another level, by the ratio of Student's quantiles for its groups."""
    if record.interval is None:
        return None
    degrees = degrees_of(record)
    ratio = variance_interval(0, 1, degrees, level)[1] / variance_interval(0, 1, degrees)[1]
    low, high = record.interval
    return record.value - ratio * (record.value - low), record.value + ratio * (high - record.value)


def degrees_of(record: MetricRecord) -> float:
    """Return the degrees of freedom of a stored interval: of its groups or its runs, else infinitely many."""
    if record.leave_one_out is not None:
        return len(record.leave_one_out) - 1
    return len(record.runs) - 1 if record.runs and len(record.runs) > 1 else math.inf


def difference_interval(
    a: float, a_interval: tuple[float, float], b: float, b_interval: tuple[float, float]
) -> tuple[float, float]:
    """Return the confidence interval of ``b - a`` from the intervals of two independent estimates, of the same level.

    The method of variance estimates recovery (Zou and Donner, Statistics in Medicine 27, 2008, 1693-1702, equation 7): each
    limit combines the arms of the two intervals that face it, so asymmetric intervals give an asymmetric result. For
    symmetric intervals this is the root of the summed squares.
    """
    difference = b - a
    low = difference - math.hypot(b - b_interval[0], a_interval[1] - a)
    high = difference + math.hypot(b_interval[1] - b, a - a_interval[0])
    return low, high


def paired_interval(a: MetricRecord, b: MetricRecord, level: float = 0.95) -> tuple[float, float] | None:
    """Return the confidence interval of ``b - a`` from the values that leave the same groups of clips out.

    Two predictions of one context are good or bad together, and what they share is no part of their difference: it is a
    delete-a-group jackknife of the difference itself. In simulations with shared contexts it covers as often as the interval of
    independent estimates at less than half the width (docs/intervals.md, `tools/difference_coverage.py`).

    Args:
        a: one side.
        b: the other side.
        level: nominal coverage, between 0 and 1.

    Returns:
        The interval; None if the two have no such values, or if different clips are in their groups: samples of a generation
        task, or predictions of different contexts. Pairing those would understate or overstate the noise at random.
    """
    if a.leave_one_out is None or b.leave_one_out is None or a.groups_sha256 is None:
        return None
    if a.groups_sha256 != b.groups_sha256 or len(a.leave_one_out) != len(b.leave_one_out):
        return None
    without_group = [theirs - ours for ours, theirs in zip(a.leave_one_out, b.leave_one_out, strict=True)]
    return jackknife_interval(b.value - a.value, without_group, level)
