"""The estimator of each metric."""

from __future__ import annotations

import importlib

from vidmetrics.catalog.definitions import MetricDefinition
from vidmetrics.errors import InputError
from vidmetrics.estimators.base import Estimator
from vidmetrics.estimators.jackknife_groups import ClipKeys


def make_estimator(
    definition: MetricDefinition,
    dim: int,
    num_samples: int,
    rows_per_sample: int = 1,
    keys: ClipKeys | None = None,
) -> Estimator:
    """Return the estimator of a metric on features.

    >>> import numpy as np, vidmetrics
    >>> real, generated = np.random.default_rng(0).normal(size=(2, 200, 8))
    >>> reference = vidmetrics.Moments(8)
    >>> reference.update(real)
    >>> estimator = vidmetrics.make_estimator(vidmetrics.get_metric("fvd-shapes"), 8, 200)
    >>> estimator.update(generated)
    >>> estimator.result(reference).num_samples
    200

    Args:
        definition: the metric.
        dim: size of the network output that is measured.
        num_samples: exact number of generated samples to expect.
        rows_per_sample: rows of features per sample, see `vidmetrics.networks.network.Network.rows_per_clip`.
        keys: keys of the clips, from which the groups of the interval are drawn; None to draw them by place, so that samples in
            another order have a slightly different interval.

    Raises:
        InputError: the metric compares frames and needs no features, or there are too few samples.
    """
    if not definition.facts.estimator:
        raise InputError(
            f"The metric '{definition.id}' compares predicted with true frames and needs no features; call "
            "vidmetrics.measure with clips."
        )
    file, _, name = definition.facts.estimator.partition(":")
    cls = getattr(importlib.import_module(f"vidmetrics.estimators.{file}"), name)
    estimator: Estimator = cls(
        dim, num_samples, rows_per_sample=rows_per_sample, keys=keys, **cls.settings_of(definition)
    )
    return estimator
