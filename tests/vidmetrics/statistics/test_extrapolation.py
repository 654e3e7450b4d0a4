"""Extrapolation to infinitely many samples: the line, the sizes, the folds, and Gaussians at a known distance."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, at_infinity, frechet_distance
from vidmetrics.statistics.extrapolation import frechet_at_infinity, subset_sizes
from vidmetrics.statistics.frechet import gaussian
from vidmetrics.statistics.kernel import subset_rows


def test_the_line():
    n = np.array([10, 20, 50, 100])
    assert at_infinity(n, 3 + 7 / n) == pytest.approx(3, rel=1e-12)
    noisy = 3 + 7 / n + np.random.default_rng(0).normal(size=4)
    assert at_infinity(n, noisy) == pytest.approx(np.polynomial.Polynomial.fit(1 / n, noisy, 1)(0), rel=1e-10)
    with pytest.raises(InputError, match="two or more different"):
        at_infinity([5, 5], [1, 2])
    with pytest.raises(InputError, match="finite"):
        at_infinity([5, 6], [1, np.nan])


def test_sizes():
    # The paper's case has more than 5 rows per feature at N/10, so N/10 applies.
    assert subset_sizes(50_000, 100).tolist() == np.linspace(5000, 50_000, 15).astype(int).tolist()
    assert subset_sizes(4000, 400)[0] == 2000
    assert subset_sizes(4096, 400)[[0, -1]].tolist() == [2000, 4096]
    assert subset_sizes(400, 2048, rows_per_sample=64)[0] == 160
    assert subset_sizes(320, 2048, rows_per_sample=64)[0] == 160
    assert len(set(subset_sizes(30, 2).tolist())) == 15
    with pytest.raises(InputError, match="at least 30, not 29"):
        subset_sizes(29, 2)
    with pytest.raises(InputError, match="is 320 samples, not 319"):
        subset_sizes(319, 2048, rows_per_sample=64)


def test_value_and_folds_against_numpy():
    rng = np.random.default_rng(1)
    rows, clips = rng.normal(size=(120, 3)) + 0.5, 60
    reference = gaussian(np.zeros(3), np.eye(3))
    groups = np.arange(clips) % 4

    def by_hand(gone, seed=5):
        counts, values = [], []
        for place, size in enumerate(subset_sizes(clips, 3, 2)):
            chosen = [i for i in subset_rows(clips, int(size), seed, place) if groups[i] != gone]
            part = rows.reshape(clips, 2, 3)[chosen].reshape(-1, 3)
            counts.append(len(part))
            values.append(frechet_distance(part.mean(0), np.cov(part.T), np.zeros(3), np.eye(3)))
        return np.polynomial.Polynomial.fit(1 / np.array(counts), values, 1)(0)

    value, folds = frechet_at_infinity(rows, reference, groups, 4, rows_per_sample=2, seed=5)
    assert value == pytest.approx(by_hand(None), rel=1e-8)
    assert folds == pytest.approx([by_hand(g) for g in range(4)], rel=1e-6)
    # The default seed decides the printed number.
    value, folds = frechet_at_infinity(rows, reference, groups, 4, rows_per_sample=2)
    assert value == pytest.approx(by_hand(None, seed=0), rel=1e-8)
    assert folds == pytest.approx([by_hand(g, seed=0) for g in range(4)], rel=1e-6)
    assert abs(value - by_hand(None)) > 1e-3 * abs(value)
    # Without groups there are no folds.
    alone, none = frechet_at_infinity(rows, reference, np.zeros(clips, np.int64), 1, rows_per_sample=2)
    assert (alone, len(none)) == (pytest.approx(value, rel=1e-9), 0)


def test_removes_the_bias():
    rng = np.random.default_rng(2)
    dim, count = 40, 400
    scales = np.linspace(0.7, 1.3, dim)
    truth = dim * 0.01 + np.square(scales - 1).sum()
    reference = gaussian(np.zeros(dim), np.eye(dim))
    plain, infinite = [], []
    for _ in range(6):
        rows = rng.normal(size=(count, dim)) * scales + 0.1
        plain.append(frechet_distance(rows.mean(0), np.cov(rows.T), np.zeros(dim), np.eye(dim)))
        infinite.append(frechet_at_infinity(rows, reference, np.zeros(count, np.int64), 1)[0])
    assert np.mean(plain) - truth > 0.8
    assert abs(np.mean(infinite) - truth) < 0.15


def test_a_line_needs_positive_counts():
    for counts in ([0, 5], [-1, 5]):
        with pytest.raises(InputError, match="different positive counts"):
            at_infinity(counts, [1.0, 2.0])
    for counts, values in (([1, 2], [1.0]), ([[1, 2]], [[1.0, 2.0]])):
        with pytest.raises(InputError, match="values were given"):
            at_infinity(counts, values)
    assert at_infinity([1, 2], [3.0, 2.0]) == pytest.approx(1)
