"""A reference set is factored once, and again when it gets rows."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, Moments
from vidmetrics.catalog.definitions import get_metric
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.growth import score_against_count
from vidmetrics.estimators.reference_gaussian import given_moments, reference_gaussian
from vidmetrics.statistics import frechet

RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(200, 5))


def reference():
    moments = Moments(5)
    moments.update(RNG.normal(size=(90, 5)))
    return moments


def test_value_folds_and_curve_share_one_factor(monkeypatch):
    real, factored = reference(), []
    whole = frechet.staircase
    monkeypatch.setattr(frechet, "staircase", lambda matrix: factored.append(matrix.trace()) or whole(matrix))
    estimator = FrechetEstimator(5, 200)
    estimator.update(ROWS)
    estimator.result(real)
    estimator.value(real)
    score_against_count(get_metric("fvd"), iter([ROWS]), 5, 200, 1, real)
    assert factored.count(real.covariance.trace()) == 1


def test_more_rows_or_another_divisor_are_another_gaussian():
    real = reference()
    first = reference_gaussian(real)
    assert reference_gaussian(real) is first
    assert reference_gaussian(real, ddof=0).covariance == pytest.approx(first.covariance * 89 / 90, rel=1e-12)
    real.update(ROWS)
    assert reference_gaussian(real).covariance == pytest.approx(real.covariance, rel=1e-12)
    assert reference_gaussian(real) is not first


def test_a_reference_is_moments():
    with pytest.raises(InputError, match="give a reference"):
        given_moments(None)
