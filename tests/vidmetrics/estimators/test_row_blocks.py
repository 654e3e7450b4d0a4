"""Estimators that sum a stream: batching, counting, groups of clips, and refused input."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, Moments, frechet_distance, inception_score, jackknife_interval
from vidmetrics.estimators.frechet import FrechetEstimator
from vidmetrics.estimators.inception_score import InceptionScoreEstimator
from vidmetrics.statistics.clip_keys import drawn_groups, place_keys


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


@pytest.mark.parametrize("make", [lambda: FrechetEstimator(4, 5300), lambda: InceptionScoreEstimator(4, 5300, 1)])
def test_batch_sizes_do_not_change_one_bit(make):
    rows = np.random.default_rng(2).normal(size=(5300, 4)).astype(np.float32) + 10
    reference = reference_of(4) if isinstance(make(), FrechetEstimator) else None
    whole = feed(make(), rows).result(reference)
    for size in (1, 7, 256, 1000):
        assert feed(make(), rows, *range(size, 5300, size)).result(reference) == whole


def test_the_count_must_be_exact():
    for make, reference in (
        (lambda: FrechetEstimator(3, 10), reference_of(3)),
        (lambda: InceptionScoreEstimator(3, 10, 2), None),
    ):
        estimator = make()
        estimator.update(np.zeros((9, 3)))
        with pytest.raises(InputError, match="Expected 10 samples but got 9"):
            estimator.result(reference)
        with pytest.raises(InputError, match="Expected 10 samples but got 11"):
            estimator.update(np.zeros((2, 3)))


def test_few_samples_have_a_value_but_no_interval():
    rows = np.random.default_rng(4).normal(size=(5, 3))
    estimate = feed(FrechetEstimator(3, 5), rows).result(reference_of(3))
    assert estimate.interval is None
    assert estimate.value == pytest.approx(direct(rows, reference_of(3)), rel=1e-9)
    assert feed(InceptionScoreEstimator(3, 5, 1), rows).result().interval is None
    with pytest.raises(InputError, match="at least 2 samples, not 1"):
        feed(FrechetEstimator(3, 1), rows[:1]).result(reference_of(3))


def test_bad_rows_are_named_by_their_index_in_the_stream():
    rows = np.zeros((700, 3), np.float32)
    rows[612, 1] = np.nan
    for estimator in (FrechetEstimator(3, 700), InceptionScoreEstimator(3, 700, 10)):
        with pytest.raises(InputError, match="sample 612 contain NaN"):
            feed(estimator, rows, 100, 500)
    with pytest.raises(InputError, match=r"\[2, 4\].*\[N, 3\]"):
        FrechetEstimator(3, 10).update(np.zeros((2, 4)))


def test_a_reference_is_required_or_refused():
    rows = np.zeros((10, 3))
    with pytest.raises(InputError, match="give a reference"):
        feed(FrechetEstimator(3, 10), rows).result(None)
    with pytest.raises(InputError, match="give no reference"):
        feed(InceptionScoreEstimator(3, 10, 1), rows).result(reference_of(3))
    with pytest.raises(InputError, match="10 samples cannot be divided into 11"):
        InceptionScoreEstimator(3, 10, 11)


def test_groups_of_frames_are_groups_of_clips():
    rows = np.random.default_rng(7).normal(size=(70 * 3, 4))
    reference = reference_of(4)
    estimate = feed(FrechetEstimator(4, 70, rows_per_sample=3), rows, 1, 100).result(reference)
    group_of_row = np.repeat(drawn_groups(place_keys(70), 20), 3)
    folds = [rows[group_of_row != g] for g in range(20)]
    low, high = jackknife_interval(direct(rows, reference), [direct(fold, reference) for fold in folds])
    assert estimate.value == pytest.approx(direct(rows, reference), rel=1e-11)
    assert estimate.interval == pytest.approx((max(low, 0), high), rel=1e-9)
    assert (estimate.num_samples, estimate.num_reference) == (70, 30)
    score = feed(InceptionScoreEstimator(4, 70, 10, rows_per_sample=3), rows, 50).result()
    assert score.value == pytest.approx(inception_score(rows, 10)[0], rel=1e-12)
    with pytest.raises(InputError, match="Expected 70 clips of 3 frames but got 209"):
        feed(FrechetEstimator(4, 70, rows_per_sample=3), rows[:-1]).result(reference)
    rows[100, 2] = np.inf
    for estimator in (FrechetEstimator(4, 70, rows_per_sample=3), InceptionScoreEstimator(4, 70, 1, 20, 3)):
        with pytest.raises(InputError, match="sample 33, frame 1, contain NaN"):
            feed(estimator, rows)


def test_intervals_are_clipped_to_the_attainable_range():
    rng = np.random.default_rng(8)
    reference = reference_of(4, 3000)
    lows = [feed(FrechetEstimator(4, 40), rng.normal(size=(40, 4))).result(reference).interval[0] for _ in range(20)]
    assert min(lows) == 0
    flat = feed(InceptionScoreEstimator(4, 60, 1), 1e-3 * rng.normal(size=(60, 4))).result()
    sharp = feed(InceptionScoreEstimator(4, 60, 1), 20 * np.eye(4)[np.arange(60) % 4]).result()
    assert flat.interval[0] >= 1
    assert sharp.interval[1] <= 4
