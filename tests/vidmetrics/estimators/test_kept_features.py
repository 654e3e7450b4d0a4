"""Estimators that keep features, against the functions on whole arrays and folds made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, Moments, density_coverage, jackknife_interval, polynomial_mmd, precision_recall
from vidmetrics.estimators.kept_features import (
    CoverageEstimator,
    DensityEstimator,
    FrechetInfinityEstimator,
    KernelEstimator,
    KernelSubsetsEstimator,
    PrecisionEstimator,
    RecallEstimator,
)
from vidmetrics.statistics.extrapolation import frechet_at_infinity
from vidmetrics.statistics.frechet import gaussian
from vidmetrics.statistics.intervals import share_interval

KEPT_ESTIMATORS = {
    "coverage": CoverageEstimator,
    "density": DensityEstimator,
    "frechet-inf": FrechetInfinityEstimator,
    "kernel": KernelEstimator,
    "kernel-subsets": KernelSubsetsEstimator,
    "precision": PrecisionEstimator,
    "recall": RecallEstimator,
}

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


@pytest.mark.parametrize("rows_per_sample", [1, 2])
def test_recall_and_the_spread_of_its_halves(rows_per_sample):
    clips = 82 // rows_per_sample
    estimate = feed(RecallEstimator(3, clips, rows_per_sample), ROWS, 1, 30).result(iter(np.split(REAL, [7, 50])))
    assert estimate.value == precision_recall(REAL, ROWS)[1]
    random, variances, disagreements = np.random.default_rng(0), [], []
    for _ in range(20):
        side = np.repeat(random.permutation(clips) < clips // 2, rows_per_sample)
        hits = [_in_manifold(ROWS[half].astype(np.float64)) for half in (side, ~side)]
        variances.append((hits[0].mean() - hits[1].mean()) ** 2 / 2)
        disagreements.append((hits[0] != hits[1]).mean() / 2 / 60)
    # 2.228 is Student's quantile for 10 degrees of freedom.
    half_width = 2.2281388519649385 * np.sqrt((np.mean(variances) + np.mean(disagreements)) / 2)
    expected = max(0, estimate.value - half_width), min(1, estimate.value + half_width)
    assert estimate.interval == pytest.approx(expected, rel=1e-8)
    assert (estimate.num_samples, estimate.num_reference) == (clips, 60 // rows_per_sample)


def _in_manifold(rows):
    squared = ((rows[:, None] - rows) ** 2).sum(axis=2)
    reach = np.sort(squared, axis=1)[:, 3]  # the nearest is the row itself
    return (((REAL.astype(np.float64)[:, None] - rows) ** 2).sum(axis=2) <= reach).any(axis=1)


@pytest.mark.parametrize("rows_per_sample", [1, 2])
def test_coverage_and_the_balls_that_hold_few(rows_per_sample):
    clips = 82 // rows_per_sample
    far = ROWS + 1  # so that there are balls with one sample, with two, and with none
    estimate = feed(CoverageEstimator(3, clips, rows_per_sample), far, 1, 30).result([REAL])
    assert estimate.value == density_coverage(REAL, far)[1]
    real = REAL.astype(np.float64)
    reach = np.sort(((real[:, None] - real) ** 2).sum(axis=2), axis=1)[:, 5]
    inside = ((real[:, None] - far.astype(np.float64)) ** 2).sum(axis=2) < reach[:, None]
    held = [frozenset(np.flatnonzero(row) // rows_per_sample) for row in inside]
    squares = {size: sum(held.count(s) ** 2 for s in set(held) if len(s) == size) for size in (1, 2)}
    shared = 2 * squares[2] / squares[1]
    assert shared > 0.2
    alone = sum(len(s) == 1 for s in held)
    variance = (squares[1] - alone**2 / clips) * (1 - np.exp(-shared)) / shared / 60**2
    expected = np.clip(estimate.value + 1.959963984540054 * np.sqrt(variance) * np.array([-1, 1]), 0, 1)
    assert estimate.interval == pytest.approx(tuple(expected), rel=1e-8)
    assert (estimate.num_samples, estimate.num_reference) == (clips, 60 // rows_per_sample)


@pytest.mark.parametrize("rows_per_sample", [1, 2])
def test_precision_and_density(rows_per_sample):
    clips = 82 // rows_per_sample
    precision = feed(PrecisionEstimator(3, clips, rows_per_sample), ROWS).result([REAL])
    assert precision.value == precision_recall(REAL, ROWS)[0]
    assert precision.interval == share_interval(precision.value, clips)
    density = feed(DensityEstimator(3, clips, rows_per_sample), ROWS).result([REAL])
    assert density.value == pytest.approx(density_coverage(REAL, ROWS)[0], rel=1e-12)
    # The mean over clips of what a clip alone would score.
    scores = [density_coverage(REAL, np.repeat(rows, 6, 0))[0] for rows in np.split(ROWS, clips)]
    half = (density.interval[1] - density.interval[0]) / 2
    assert half == pytest.approx(np.std(scores, ddof=1) / np.sqrt(clips) * (1.99 if clips == 82 else 2.021), rel=1e-3)


def test_share_interval_is_wilsons():
    # Newcombe, Stat. Med. 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29, by the score method.
    table = {(81, 263): (0.2553, 0.3662), (15, 148): (0.0624, 0.1605), (0, 20): (0, 0.1611), (1, 29): (0.0061, 0.1718)}
    for (part, count), expected in table.items():
        assert share_interval(part / count, count) == pytest.approx(expected, abs=5e-5)
    with pytest.raises(InputError, match="impossible"):
        share_interval(1.2, 10)


def test_extrapolation():
    moments = Moments(3)
    moments.update(REAL)
    target = gaussian(moments.mean, moments.covariance)
    estimate = feed(FrechetInfinityEstimator(3, 82), ROWS, 40).result(moments)
    groups = np.searchsorted([g * 82 // 10 for g in range(1, 10)], np.arange(82), side="right")
    value, folds = frechet_at_infinity(ROWS, target, groups, 10)
    assert estimate.value == value
    assert estimate.interval == jackknife_interval(value, folds)
    assert (estimate.num_samples, estimate.num_reference) == (82, 60)


@pytest.mark.parametrize("name", list(KEPT_ESTIMATORS))
def test_batch_sizes_do_not_change_one_bit(name):
    rows = np.tile(ROWS, (13, 1)) + RNG.normal(size=(82 * 13, 3)).astype(np.float32)
    real = np.tile(REAL, (17, 1))
    moments = Moments(3)
    moments.update(real)
    results = set()
    for size in (1, 100, 5000):
        cuts = range(size, len(rows), size)
        reference = moments if name == "frechet-inf" else iter(np.split(real, cuts))
        results.add(feed(KEPT_ESTIMATORS[name](3, len(rows), 1), rows, *cuts).result(reference))
    assert len(results) == 1


@pytest.mark.parametrize("name", list(KEPT_ESTIMATORS))
def test_what_is_wrong_is_said(name):
    rows = np.tile(ROWS, (13, 1))
    make = KEPT_ESTIMATORS[name]
    estimator = feed(make(3, 1066, 1), rows[:-1])
    with pytest.raises(InputError, match="1065 samples came where 1066"):
        estimator.result([REAL])
    with pytest.raises(InputError, match="1067 samples came where 1066"):
        estimator.update(rows[:2])
    with pytest.raises(InputError, match="reference"):
        feed(make(3, 1066, 1), rows).result(None)
    broken = rows.copy()
    broken[600, 1] = np.nan
    with pytest.raises(InputError, match="features of sample 600 hold NaN"):
        feed(make(3, 1066, 1), broken, 256, 599)
    with pytest.raises(InputError, match="features of sample 300, frame 0, hold NaN"):
        feed(make(3, 533, 2), broken, 256, 599)
    if name != "frechet-inf":
        with pytest.raises(InputError, match="reference features of sample 600 hold NaN"):
            feed(make(3, 1066, 1), rows).result(np.split(broken, [256]))
        with pytest.raises(InputError, match="reference has 1 rows"):
            feed(make(3, 1066, 1), rows).result([REAL[:1]])


def test_too_few_samples_are_refused_and_few_have_no_interval():
    with pytest.raises(InputError, match=r"subsets of 1000 rows.*there are 998"):
        KernelSubsetsEstimator(3, 499, 2)
    with pytest.raises(InputError, match="10 rows per feature, which is 4000 samples"):
        FrechetInfinityEstimator(400, 3999)
    with pytest.raises(InputError, match="at least 2 samples, but 1"):
        feed(KernelEstimator(3, 1), ROWS[:1]).result([REAL])
    with pytest.raises(InputError, match="generated features are 5"):
        feed(DensityEstimator(3, 5), ROWS[:5]).result([REAL])
    few = feed(KernelEstimator(3, 4), ROWS[:4]).result([REAL])
    assert few.interval is None
    assert few.value == pytest.approx(polynomial_mmd(ROWS[:4], REAL), rel=1e-9)
