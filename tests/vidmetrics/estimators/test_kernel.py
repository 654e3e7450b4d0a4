"""Kernel distances of a stream against the functions on whole arrays, with folds computed one by one."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, jackknife_interval, polynomial_mmd
from vidmetrics.estimators.kernel import KernelEstimator
from vidmetrics.statistics.clip_keys import drawn_groups, place_keys

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
    group_of_row = np.repeat(drawn_groups(place_keys(clips), 20), rows_per_sample)
    folds = [function(ROWS[group_of_row != g]) for g in range(20)]
    expected = jackknife_interval(function(ROWS), folds)
    assert estimate.value == pytest.approx(function(ROWS), rel=1e-10)
    assert estimate.interval == pytest.approx((max(low, expected[0]), min(high, expected[1])), rel=1e-8)
    assert (estimate.num_samples, estimate.num_reference) == (clips, 60 // rows_per_sample)


def test_the_fewest_samples():
    # The definition, pair by pair: one pair of generated rows, and at least one of real ones.
    for real in (REAL, REAL[:2]):
        estimate = feed(KernelEstimator(3, 2), ROWS[:2]).result([real])
        across = np.mean([(x @ y / 3 + 1) ** 3 for x in ROWS[:2].astype(float) for y in real.astype(float)])
        among = np.mean([(x @ y / 3 + 1) ** 3 for i, x in enumerate(real.astype(float)) for y in np.delete(real, i, 0)])
        expected = (ROWS[0].astype(float) @ ROWS[1] / 3 + 1) ** 3 + among - 2 * across
        assert estimate.value == pytest.approx(expected, rel=1e-6)
        assert estimate.interval is None
    assert feed(KernelEstimator(3, 1, 2), ROWS[:2]).result([REAL]).value == pytest.approx(
        polynomial_mmd(ROWS[:2], REAL)
    )
    with pytest.raises(InputError, match="at least 2 samples, not 1"):
        feed(KernelEstimator(3, 1), ROWS[:1]).result([REAL])
    with pytest.raises(InputError, match="1 rows of features, and at least 2"):
        feed(KernelEstimator(3, 2), ROWS[:2]).result([REAL[:1]])


@pytest.mark.parametrize(("clips", "groups"), [(5, 1), (6, 3), (7, 3), (39, 19), (40, 20), (41, 20)])
def test_groups_of_few_samples_have_at_least_two(clips, groups):
    estimate = feed(KernelEstimator(3, clips), ROWS[:clips]).result([REAL])
    if groups == 1:
        assert estimate.interval is None
        return
    group_of_row = drawn_groups(place_keys(clips), groups)
    assert np.bincount(group_of_row).min() >= 2
    folds = [polynomial_mmd(ROWS[:clips][group_of_row != g], REAL) for g in range(groups)]
    assert estimate.interval == pytest.approx(jackknife_interval(estimate.value, folds), rel=1e-7)
