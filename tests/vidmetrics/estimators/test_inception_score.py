"""The Inception Score of a stream against the same score computed from all rows at once."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, inception_score, jackknife_interval
from vidmetrics.estimators.inception_score import InceptionScoreEstimator


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


@pytest.mark.parametrize(("count", "splits"), [(60, 1), (61, 2), (61, 10), (700, 3), (1000, 1)])
def test_inception_score_value(count, splits):
    logits = np.random.default_rng(count).normal(0, 2, (count, 6)).astype(np.float32)
    estimate = feed(InceptionScoreEstimator(6, count, splits), logits, 7, 8, 50).result()
    assert estimate.value == pytest.approx(inception_score(logits, splits)[0], rel=1e-12)
    assert (estimate.num_samples, estimate.num_reference) == (count, None)
    assert estimate.interval[0] < estimate.value < estimate.interval[1]


def test_inception_score_interval_of_one_split():
    logits = np.random.default_rng(0).normal(0, 2, (95, 6))
    bounds = [g * 95 // 20 for g in range(21)]
    folds = [inception_score(np.delete(logits, np.s_[bounds[g] : bounds[g + 1]], axis=0), 1)[0] for g in range(20)]
    estimate = feed(InceptionScoreEstimator(6, 95, 1), logits).result()
    assert estimate.interval == pytest.approx(jackknife_interval(inception_score(logits, 1)[0], folds), rel=1e-10)


def test_inception_score_interval_of_several_splits_is_the_interval_of_their_mean():
    logits = np.random.default_rng(0).normal(0, 2, (95, 6))
    bounds = [i * 95 // 10 for i in range(11)]
    scores = [inception_score(logits[bounds[i] : bounds[i + 1]], 1)[0] for i in range(10)]
    folds = [np.delete(scores, i).mean() for i in range(10)]
    estimate = feed(InceptionScoreEstimator(6, 95, 10), logits).result()
    assert estimate.interval == pytest.approx(jackknife_interval(np.mean(scores), folds), rel=1e-10)


@pytest.mark.parametrize("splits", [1, 2, 3, 10])
def test_as_many_splits_as_samples(splits):
    # The marginal of a single sample is the sample, so its divergence is 0.
    logits = np.random.default_rng(1).normal(0, 2, (splits, 6))
    estimate = feed(InceptionScoreEstimator(6, splits, splits), logits).result()
    assert estimate.value == pytest.approx(1, abs=1e-12)
    assert estimate.interval == (None if splits < 3 else pytest.approx((1, 1), abs=1e-12))
    with pytest.raises(InputError, match=f"{splits} samples cannot be divided into {splits + 1} splits"):
        InceptionScoreEstimator(6, splits, splits + 1)
    with pytest.raises(InputError, match="into 0 splits"):
        InceptionScoreEstimator(6, splits, 0)


def test_inception_score_interval_of_two_splits():
    logits = np.random.default_rng(0).normal(0, 2, (95, 6))
    # Ten groups in each split; a fold removes one of them from its split.
    bounds = [g * 95 // 20 for g in range(21)]
    folds = []
    for gone in range(20):
        halves = [
            np.concatenate([logits[bounds[g] : bounds[g + 1]] for g in range(first, first + 10) if g != gone])
            for first in (0, 10)
        ]
        folds.append(np.mean([inception_score(half, 1)[0] for half in halves]))
    estimate = feed(InceptionScoreEstimator(6, 95, 2), logits).result()
    value = np.mean([inception_score(logits[: bounds[10]], 1)[0], inception_score(logits[bounds[10] :], 1)[0]])
    assert estimate.value == pytest.approx(value, rel=1e-12)
    assert estimate.interval == pytest.approx(jackknife_interval(value, folds), rel=1e-10)


def test_three_splits_are_the_groups_of_their_own_interval():
    logits = np.random.default_rng(2).normal(0, 2, (95, 6))
    scores = [inception_score(logits[i * 95 // 3 : (i + 1) * 95 // 3], 1)[0] for i in range(3)]
    folds = [np.delete(scores, i).mean() for i in range(3)]
    estimate = feed(InceptionScoreEstimator(6, 95, 3), logits).result()
    low, high = jackknife_interval(np.mean(scores), folds)
    assert estimate.interval == pytest.approx((max(1, low), min(6, high)), rel=1e-10)


def test_two_splits_of_few_samples_have_groups_of_two():
    logits = np.random.default_rng(4).normal(0, 2, (12, 6))
    pairs = np.split(logits, 6)
    folds = []
    for gone in range(6):
        halves = [np.concatenate([pairs[g] for g in range(a, a + 3) if g != gone]) for a in (0, 3)]
        folds.append(np.mean([inception_score(half, 1)[0] for half in halves]))
    low, high = jackknife_interval(inception_score(logits, 2)[0], folds)
    estimate = feed(InceptionScoreEstimator(6, 12, 2), logits).result()
    assert estimate.interval == pytest.approx((max(1, low), min(6, high)), rel=1e-10)
