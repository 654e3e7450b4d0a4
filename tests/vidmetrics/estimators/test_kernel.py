"""Kernel distances of a stream against the functions on whole arrays, with folds computed one by one."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import jackknife_interval, polynomial_mmd
from vidmetrics.estimators.kernel import KernelEstimator

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 3)).astype(np.float32)
ROWS = RNG.normal(0.4, 1, (82, 3)).astype(np.float32)


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


@pytest.mark.parametrize("rows_per_sample", [1, 2])
@pytest.mark.parametrize(
    ("make", "function", "low", "high"),
    [
        (KernelEstimator, lambda rows: polynomial_mmd(rows, REAL), -np.inf, np.inf),
    ],
)
def test_jackknifed_estimators(make, function, low, high, rows_per_sample):
    clips = 82 // rows_per_sample
    estimate = feed(make(3, clips, rows_per_sample), ROWS, 1, 30).result(iter(np.split(REAL, [7, 50])))
    bounds = [rows_per_sample * (g * clips // 20) for g in range(21)]
    folds = [function(np.delete(ROWS, np.s_[bounds[g] : bounds[g + 1]], axis=0)) for g in range(20)]
    expected = jackknife_interval(function(ROWS), folds)
    assert estimate.value == pytest.approx(function(ROWS), rel=1e-10)
    assert estimate.interval == pytest.approx((max(low, expected[0]), min(high, expected[1])), rel=1e-8)
    assert (estimate.num_samples, estimate.num_reference) == (clips, 60 // rows_per_sample)
