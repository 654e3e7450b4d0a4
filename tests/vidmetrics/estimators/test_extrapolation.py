"""The extrapolated distance of a stream against the function on whole arrays."""

from __future__ import annotations

import numpy as np

from vidmetrics import Moments, jackknife_interval
from vidmetrics.estimators.extrapolation import FrechetInfinityEstimator
from vidmetrics.statistics.clip_keys import drawn_groups, place_keys
from vidmetrics.statistics.extrapolation import frechet_at_infinity
from vidmetrics.statistics.frechet import gaussian

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 3)).astype(np.float32)
ROWS = RNG.normal(0.4, 1, (82, 3)).astype(np.float32)


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


def test_extrapolation():
    moments = Moments(3)
    moments.update(REAL)
    target = gaussian(moments.mean, moments.covariance)
    estimate = feed(FrechetInfinityEstimator(3, 82), ROWS, 40).result(moments)
    value, folds = frechet_at_infinity(ROWS, target, drawn_groups(place_keys(82), 10), 10)
    assert estimate.value == value
    assert estimate.interval == jackknife_interval(value, folds)
    assert (estimate.num_samples, estimate.num_reference) == (82, 60)
