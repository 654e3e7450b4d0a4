"""How two metrics that papers print under one name differ, term by term."""

from __future__ import annotations

from dataclasses import dataclass

from vidbench.tasks.schema import Task
from vidmetrics.catalog.conventions import CONVENTIONS
from vidmetrics.catalog.definitions import get_metric


@dataclass(frozen=True)
class MetricTerm:
    """One term in which the definitions of two metrics differ.

    Attributes:
        title: the term.
        said: its value in A and in B.
    """

    title: str
    said: tuple[str, str]


def related_metrics(a: Task, b: Task) -> tuple[tuple[str, str], ...]:
    """Return pairs of different metrics of A and B that papers print under one name."""
    ours = [metric for metric in a.evaluation.metrics if metric not in b.evaluation.metrics]
    theirs = [metric for metric in b.evaluation.metrics if metric not in a.evaluation.metrics]
    return tuple((one, other) for one in ours for other in theirs if _name(one) and _name(one) == _name(other))


def metric_terms(one: str, other: str) -> tuple[MetricTerm, ...]:
    """Return every term in which two metric ids differ."""
    first, second = _terms(one), _terms(other)
    titles = [*first, *(title for title in second if title not in first)]
    pairs = [(title, first.get(title, "-"), second.get(title, "-")) for title in titles]
    return tuple(MetricTerm(title, (ours, theirs)) for title, ours, theirs in pairs if ours != theirs)


def _name(metric: str) -> str | None:
    return get_metric(metric).printed_as


def _terms(metric: str) -> dict[str, str]:
    definition = get_metric(metric)
    terms = {
        "statistic": definition.statistic,
        "network": definition.network.partition("+")[0] or "none, frames themselves",
        "output": definition.output or "none",
        "splits": "none" if definition.splits is None else f"{definition.splits}",
        "divisor of the covariance": "N" if definition.ddof == 0 else f"N - {definition.ddof}",
        "matrix root": definition.root,
    }
    if metric in CONVENTIONS:
        convention = CONVENTIONS[metric]
        terms |= {
            "resize to the network": ", then ".join(f"{name} to {side}x{side}" for name, side in convention.resize),
            "crop for the network": "the whole frame" if convention.crop == "none" else "the central square",
            "eps of the batch norms": f"{convention.batch_norm_eps:g}",
        }
    return terms
