"""The Inception Score of a stream against the same score computed from all rows at once."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from vidmetrics import InputError, inception_score, jackknife_interval
from vidmetrics.estimators.inception_score import InceptionScoreEstimator
from vidmetrics.statistics.clip_keys import drawn_groups, place_keys


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


@pytest.mark.parametrize(
    ("count", "splits", "groups"), [(95, 1, 20), (95, 2, 20), (95, 3, 20), (95, 10, 20), (12, 2, 6)]
)
def test_folds_leave_a_group_out_of_every_split(count, splits, groups):
    logits = np.random.default_rng(count).normal(0, 2, (count, 6))
    bounds = [i * count // splits for i in range(splits + 1)]
    group = drawn_groups(place_keys(count), groups, 1, np.searchsorted(bounds[1:-1], np.arange(count), side="right"))

    def score(kept):
        parts = [logits[a:b][kept[a:b]] for a, b in pairwise(bounds)]
        return np.mean([inception_score(part, 1)[0] for part in parts if len(part)])

    value, folds = score(group >= 0), [score(group != gone) for gone in range(groups)]
    low, high = jackknife_interval(value, folds)
    estimate = feed(InceptionScoreEstimator(6, count, splits), logits, 7, 11).result()
    assert estimate.value == pytest.approx(value, rel=1e-12)
    assert estimate.interval == pytest.approx((max(1, low), min(6, high)), rel=1e-10)
    assert estimate.leave_one_out == pytest.approx(folds, rel=1e-12)


@pytest.mark.parametrize("splits", [1, 2, 3, 10])
def test_as_many_splits_as_samples(splits):
    # The marginal of a single sample is the sample, so its divergence is 0.
    logits = np.random.default_rng(1).normal(0, 2, (splits, 6))
    estimate = feed(InceptionScoreEstimator(6, splits, splits), logits).result()
    assert estimate.value == pytest.approx(1, abs=1e-12)
    assert estimate.interval == (None if splits < 6 else pytest.approx((1, 1), abs=1e-12))
    with pytest.raises(InputError, match=f"{splits} samples cannot be divided into {splits + 1} splits"):
        InceptionScoreEstimator(6, splits, splits + 1)
    with pytest.raises(InputError, match="into 0 splits"):
        InceptionScoreEstimator(6, splits, 0)
