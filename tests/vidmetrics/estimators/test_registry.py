"""Every metric on features has its estimator."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import METRICS, InputError, Moments, frechet_distance, inception_score
from vidmetrics.estimators.registry import make_estimator


def reference_of(dim, count=90):
    moments = Moments(dim)
    moments.update(np.random.default_rng(99).normal(size=(count, dim)))
    return moments


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


def direct(rows, reference, ddof=1):
    covariance = reference.covariance * (reference.count - 1) / (reference.count - ddof)
    return frechet_distance(rows.mean(0), np.cov(rows, rowvar=False, ddof=ddof), reference.mean, covariance)


def test_every_metric_on_features_has_its_estimator():
    logits = np.random.default_rng(5).normal(size=(1040, 8)).astype(np.float32)
    real = np.random.default_rng(6).normal(size=(1000, 8)).astype(np.float32)
    for definition in METRICS.values():
        if definition.needs_reference == "frames":
            with pytest.raises(InputError, match="call vidmetrics"):
                make_estimator(definition, 8, 1040)
            continue
        reference = {"none": None, "moments": reference_of(8), "features": iter(np.split(real, [400]))}
        estimate = feed(make_estimator(definition, 8, 1040), logits).result(reference[definition.needs_reference])
        assert estimate.num_samples == 1040
        if definition.statistic == "frechet":
            exact = direct(logits.astype(np.float64), reference_of(8), definition.ddof)
            assert estimate.value == pytest.approx(exact, rel=1e-10 if definition.root == "frechet-exact" else 1e-4)
        elif definition.statistic == "inception-score":
            assert estimate.value == pytest.approx(inception_score(logits, definition.splits)[0], rel=1e-12)
        elif definition.needs_reference == "features":
            assert estimate.num_reference == 1000
