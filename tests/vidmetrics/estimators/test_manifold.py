"""Manifold statistics of a stream against the functions on whole arrays, and their intervals against plain loops."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, density_coverage, precision_recall
from vidmetrics.estimators.manifold import CoverageEstimator, DensityEstimator, PrecisionEstimator, RecallEstimator
from vidmetrics.statistics.clip_keys import drawn_order, place_keys
from vidmetrics.statistics.intervals import share_interval

RNG = np.random.default_rng(0)
REAL = RNG.normal(size=(60, 3)).astype(np.float32)
ROWS = RNG.normal(0.4, 1, (82, 3)).astype(np.float32)


def feed(estimator, rows, *cuts):
    for part in np.split(rows, cuts):
        estimator.update(part)
    return estimator


# 30 rows and fewer are all searched for the nearest of a half; of 8, each half has a fourth row, the smallest ball there is.
@pytest.mark.parametrize(
    ("clips", "rows_per_sample"), [(82, 1), (41, 2), (31, 1), (30, 1), (29, 1), (9, 1), (8, 1), (4, 2)]
)
def test_recall_and_the_spread_of_its_halves(clips, rows_per_sample):
    rows = ROWS[: clips * rows_per_sample]
    estimate = feed(RecallEstimator(3, clips, rows_per_sample), rows, 1, 5).result(iter(np.split(REAL, [7, 50])))
    assert estimate.value == precision_recall(REAL, rows)[1]
    random, variances, disagreements = np.random.default_rng(0), [], []
    for _ in range(20):
        of_clip = np.empty(clips, bool)
        of_clip[drawn_order(place_keys(clips))] = random.permutation(clips) < clips // 2
        side = np.repeat(of_clip, rows_per_sample)
        hits = [_in_manifold(rows[half].astype(np.float64)) for half in (side, ~side)]
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
def test_coverage_and_the_balls_with_few_samples(rows_per_sample):
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
    # The mean over clips of the score of a single clip.
    scores = [density_coverage(REAL, np.repeat(rows, 6, 0))[0] for rows in np.split(ROWS, clips)]
    half = (density.interval[1] - density.interval[0]) / 2
    assert half == pytest.approx(np.std(scores, ddof=1) / np.sqrt(clips) * (1.99 if clips == 82 else 2.021), rel=1e-3)


def test_intervals_of_few_samples():
    # A half of 6 or 7 clips has 3 rows, of which none has a third neighbour.
    for clips in (5, 6, 7):
        assert feed(RecallEstimator(3, clips), ROWS[:clips]).result([REAL]).interval is None
    # Balls of few samples: fewer than 3 groups of 2.
    assert feed(CoverageEstimator(3, 6), ROWS[:6]).result([REAL]).interval is not None
    with pytest.raises(InputError, match="more than 5 rows, but the generated features are 5"):
        feed(CoverageEstimator(3, 5), ROWS[:5]).result([REAL])


def test_coverage_of_so_few_clips_that_there_are_no_groups():
    # Six rows are enough for balls, three clips of two frames are not enough for groups.
    for clips, has_interval in ((3, False), (5, False), (6, True)):
        estimate = feed(CoverageEstimator(3, clips, 2), ROWS[: 2 * clips]).result([REAL])
        assert (estimate.interval is not None) == has_interval
