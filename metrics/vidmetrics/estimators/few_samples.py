"""The warning that a Fréchet distance is of too few clips, with the bias to expect."""

from __future__ import annotations

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.statistics.few_samples import few_rows
from vidmetrics.statistics.moments import Moments


def few_samples_warning(
    definition: MetricDefinition, reference: Moments, rows: int, num_samples: int, num_reference: int
) -> str | None:
    """Return a sentence if a biased distance has fewer rows than features on a side; None otherwise.

    Args:
        definition: the metric.
        reference: moments of the real clips.
        rows: rows of features of the generated clips.
        num_samples: number of generated clips.
        num_reference: number of real clips.
    """
    if not definition.facts.is_distance or definition.facts.unbiased or reference.count < 2:
        return None
    if definition.statistic == "second-moments":  # no square root, so that as many rows as features are no threshold
        return None
    bias = few_rows(reference.covariance, rows, reference.count)
    if bias is None:
        return None
    return (
        f"{definition.id} of {num_samples:,} generated and {num_reference:,} real clips is biased upwards: there are fewer rows than the "
        f"{reference.dim:,} features. A Gaussian with the covariance of the real clips would itself score about {bias:.3g} at this "
        "number (vidmetrics.statistics.few_samples). Compare it only with scores of as many clips, or add clips."
    )
