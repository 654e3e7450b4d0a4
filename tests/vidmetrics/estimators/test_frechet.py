"""The Fréchet distance of a stream against the same distance computed from all rows at once."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import Moments, frechet_distance, jackknife_interval
from vidmetrics.estimators.frechet import FrechetEstimator


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


@pytest.mark.parametrize(("count", "groups"), [(61, 20), (600, 20), (23, 11), (6, 3)])
def test_frechet_value_and_interval(count, groups):
    rows = np.random.default_rng(count).normal(0.3, 2, (count, 5))
    reference = reference_of(5)
    estimate = feed(FrechetEstimator(5, count), rows, 1, 3, count // 2).result(reference)
    bounds = [g * count // groups for g in range(groups + 1)]
    folds = [np.delete(rows, np.s_[bounds[g] : bounds[g + 1]], axis=0) for g in range(groups)]
    low, high = jackknife_interval(direct(rows, reference), [direct(fold, reference) for fold in folds])
    assert estimate.value == pytest.approx(direct(rows, reference), rel=1e-11)
    assert estimate.interval == pytest.approx((max(low, 0), high), rel=1e-9)
    assert (estimate.num_samples, estimate.num_reference) == (count, 90)


def test_the_caller_may_reuse_its_buffer():
    rows = np.random.default_rng(3).normal(size=(40, 3))
    estimator, buffer = FrechetEstimator(3, 40), np.empty((1, 3))
    for row in rows:
        buffer[0] = row
        estimator.update(buffer)
    assert estimator.result(reference_of(3)) == feed(FrechetEstimator(3, 40), rows).result(reference_of(3))
