"""The jackknife interval against a closed form, and its coverage in simulations; Wilson's interval against a table."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, Moments, jackknife_interval
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.inception_score import InceptionScoreEstimator
from vidmetrics.statistics.intervals import share_interval


def test_of_a_mean_is_the_textbook_interval():
    # For groups of equal size, the jackknife of a mean is the t interval over the group means.
    from scipy import stats

    values = np.random.default_rng(0).normal(size=12)
    folds = [np.delete(values, g).mean() for g in range(12)]
    low, high = jackknife_interval(values.mean(), folds, level=0.9)
    expected = stats.t.interval(0.9, df=11, loc=values.mean(), scale=stats.sem(values))
    assert (low, high) == pytest.approx(expected, rel=1e-12)


def test_is_symmetric_about_the_value_and_grows_with_the_level():
    folds = [1.0, 1.2, 0.7, 1.1]
    low, high = jackknife_interval(3.0, folds)
    assert (low + high) / 2 == pytest.approx(3.0)
    wider = jackknife_interval(3.0, folds, level=0.99)
    assert wider[0] < low < high < wider[1]


def covered(estimates):
    """Share of intervals that cover the expectation of the estimator at this N, estimated as the mean over repetitions."""
    expectation = np.mean([estimate.value for estimate in estimates])
    return np.mean([estimate.interval[0] <= expectation <= estimate.interval[1] for estimate in estimates])


def test_covers_the_expected_frechet_distance():
    rng = np.random.default_rng(1)
    reference = Moments(4)
    reference.update(rng.normal(size=(2000, 4)))
    mixing = rng.normal(size=(4, 4)) / 2

    def once():
        estimator = FrechetEstimator(4, 200)
        estimator.update(rng.normal(size=(200, 4)) @ mixing + 0.3)
        return estimator.result(reference)

    assert 0.90 <= covered([once() for _ in range(300)]) <= 0.99


@pytest.mark.parametrize(("splits", "count"), [(1, 400), (2, 400), (10, 500)])
def test_covers_the_expected_inception_score(splits, count):
    rng = np.random.default_rng(splits)

    def once():
        classes = rng.integers(0, 6, count)
        logits = rng.normal(size=(count, 6)) + 3 * np.eye(6)[classes]
        estimator = InceptionScoreEstimator(6, count, splits)
        estimator.update(logits)
        return estimator.result()

    assert 0.90 <= covered([once() for _ in range(300)]) <= 0.99


def test_bad_input_is_refused():
    with pytest.raises(InputError, match="at least 3 groups, not 2"):
        jackknife_interval(1.0, [1.0, 1.1])
    with pytest.raises(InputError, match="level"):
        jackknife_interval(1.0, [1.0, 1.1, 0.9], level=95)
    with pytest.raises(InputError, match="finite"):
        jackknife_interval(1.0, [1.0, 1.1, np.nan])


def test_share_interval_is_wilsons():
    # Newcombe, Stat. Med. 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, by the score method.
    table = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (part, count), expected in table.items():
        assert share_interval(part / count, count) == pytest.approx(expected, abs=5e-5)
    with pytest.raises(InputError, match="impossible"):
        share_interval(1.2, 10)
