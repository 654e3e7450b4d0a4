"""The expected distance of few draws: compared with the mean distance of many sets of draws."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, frechet_distance
from vidmetrics.statistics.few_samples import expected_distance, few_rows


def covariance_of(features):
    rng = np.random.default_rng(3)
    turned = np.linalg.qr(rng.normal(size=(features, features)))[0]
    return turned @ np.diag(np.linspace(2, 0.1, features) ** 2) @ turned.T


@pytest.mark.parametrize("num_samples", [5, 20, 39, 120])
def test_the_figure_is_the_mean_distance_of_sets_of_draws(num_samples):
    covariance = covariance_of(40)
    draws = [
        np.random.default_rng(seed).multivariate_normal(np.zeros(40), covariance, num_samples) for seed in range(20)
    ]
    distances = [frechet_distance(np.zeros(40), covariance, x.mean(0), np.cov(x.T)) for x in draws]
    figures = [expected_distance(covariance, num_samples, seed) for seed in range(20)]
    # Both are means of 20 draws.
    error = np.hypot(np.std(distances), np.std(figures)) / 20**0.5
    assert np.mean(figures) == pytest.approx(np.mean(distances), abs=4 * error)
    assert expected_distance(covariance, num_samples) == pytest.approx(np.mean(distances), rel=0.15)


def test_only_fewer_rows_than_features_have_a_figure():
    covariance = covariance_of(10)
    assert few_rows(covariance, 10, 10) is None
    assert few_rows(covariance, 9, 500) == expected_distance(covariance, 9)
    assert few_rows(covariance, 500, 9) == expected_distance(covariance, 9)
    with pytest.raises(InputError, match="at least 2 samples"):
        expected_distance(covariance, 1)
