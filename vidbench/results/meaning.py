"""What a number means where it does not explain itself, in words that tables print next to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from vidbench.rendering.numbers import score_text
from vidmetrics.catalog.definitions import METRICS

MARK = "*"
"""Follows the name of a metric in a table, if a line below says what its values are not."""


def meaning(metric: str, value: float, interval: tuple[float, float] | None) -> str | None:
    """Return what is remarkable about a value, or None.

    Args:
        metric: a metric id; of an unknown one nothing is said.
        value: the score; for an extrapolated one, the value at infinitely many samples.
        interval: its 95 % confidence interval, if it has one.
    """
    if metric not in METRICS:
        return None
    definition = METRICS[metric]
    if definition.facts.is_distance:
        return _of_distance(value, interval)
    lowest, _ = definition.attainable_range
    if lowest == 1.0 and score_text(value) == score_text(lowest):
        return "the least possible: the classifier sees the same in every clip"
    return None


def _of_distance(value: float, interval: tuple[float, float] | None) -> str | None:
    reaches_zero = interval is not None and interval[0] <= 0
    if value < 0 and not (interval is None or interval[1] >= 0):
        return "below 0, as no distance is: the estimate overshoots"
    return "within noise of 0" if value < 0 or reaches_zero else None


def marked(metric: str) -> str:
    """Return the name of a metric as tables show it, with `MARK` if it needs a line of `cautions`."""
    return f"{metric} {MARK}" if metric in METRICS and METRICS[metric].caution else metric


def cautions(metrics: Iterable[str]) -> list[str]:
    """Return one line for each network that can judge some clips only: what values of these metrics are not."""
    found = [METRICS[metric].caution for metric in metrics if metric in METRICS]
    return [f"{MARK} {caution}" for caution in dict.fromkeys(found) if caution]


def meanings(values: Mapping[str, tuple[float, tuple[float, float] | None]]) -> list[str]:
    """Return one line for each metric whose value needs words.

    Args:
        values: value and interval by metric.
    """
    said = {metric: meaning(metric, value, interval) for metric, (value, interval) in values.items()}
    return [f"{metric} {score_text(values[metric][0])}: {words}" for metric, words in said.items() if words]
