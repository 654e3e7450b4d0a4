"""Inception Score against 40-digit arithmetic and its closed forms."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from vidmetrics import InputError, inception_score


def oracle(logits):
    """exp(mean_i KL(p_i || mean p)) of one split, from the definition, in 40 digits."""
    with mp.workdps(40):
        table = []
        for row in logits.tolist():
            weights = [mp.exp(mp.mpf(x) - mp.mpf(max(row))) if x != -np.inf else mp.mpf(0) for x in row]
            table.append([weight / mp.fsum(weights) for weight in weights])
        marginal = [mp.fsum(column) / len(table) for column in zip(*table, strict=True)]
        divergences = [mp.fsum(p * mp.log(p / q) for p, q in zip(row, marginal, strict=True) if p > 0) for row in table]
        return float(mp.exp(mp.fsum(divergences) / len(table)))


@pytest.mark.parametrize(("count", "classes", "splits", "scale"), [(40, 6, 1, 1), (43, 5, 10, 4), (30, 3, 7, 300)])
def test_equals_the_definition(count, classes, splits, scale):
    logits = np.random.default_rng(count).normal(0, scale, (count, classes)).astype(np.float32)
    bounds = [i * count // splits for i in range(splits + 1)]
    expected = [oracle(logits[bounds[i] : bounds[i + 1]]) for i in range(splits)]
    mean, std = inception_score(logits, splits)
    assert mean == pytest.approx(np.mean(expected), rel=1e-12)
    assert std == pytest.approx(np.std(expected, ddof=0), rel=1e-10, abs=1e-13)


def test_probabilities_of_exactly_zero():
    far = np.array([[0, -2000, 1], [3, 1, -5000], [-np.inf, 0, 1], [-np.inf, -np.inf, 2]])
    assert inception_score(far, 1)[0] == pytest.approx(oracle(far), rel=1e-13)
    # A class without samples.
    assert inception_score(np.array([[1.0, -np.inf], [2.0, -np.inf]]), 1) == (1.0, 0.0)


def test_extremes():
    confident = np.where(np.eye(8, dtype=bool)[np.arange(80) % 8], 1e5, 0.0)
    assert inception_score(confident, 10) == pytest.approx((8, 0), abs=1e-12)
    assert inception_score(np.full((50, 8), 3.5), 5) == pytest.approx((1, 0), abs=1e-12)
    huge = 1e300 * np.random.default_rng(0).normal(size=(20, 4))
    assert np.isfinite(inception_score(huge, 2)).all()


def test_a_common_offset_changes_nothing_and_order_matters_only_between_splits():
    rng = np.random.default_rng(5)
    logits = rng.normal(size=(60, 7))
    score = inception_score(logits, 6)
    assert inception_score(logits + rng.normal(0, 100, (60, 1)), 6) == pytest.approx(score, rel=1e-10)
    within = np.concatenate([rng.permutation(part) for part in np.split(logits, 6)])
    assert inception_score(within, 6) == pytest.approx(score, rel=1e-12)
    assert abs(inception_score(np.sort(logits, axis=0), 6)[0] - score[0]) > 0.01


def test_bad_logits_are_refused_and_named():
    logits = np.zeros((12, 3))
    with pytest.raises(InputError, match="12 samples cannot be divided into 13 splits"):
        inception_score(logits, 13)
    with pytest.raises(InputError, match="0 splits"):
        inception_score(logits, 0)
    with pytest.raises(InputError, match=r"\[N, C\]"):
        inception_score(np.zeros((12, 3, 1)), 2)
    with pytest.raises(InputError, match=r"\[N, C\]"):
        inception_score(np.zeros(12), 2)
    for bad in (np.nan, np.inf):
        broken = logits.copy()
        broken[9, 1] = bad
        with pytest.raises(InputError, match="sample 9 contain"):
            inception_score(broken, 4)
    broken[9] = -np.inf
    with pytest.raises(InputError, match="sample 9 contain"):
        inception_score(broken, 4)


@pytest.mark.parametrize("count", [1, 2, 7])
def test_as_many_splits_as_samples(count):
    # The marginal of a single sample is the sample, so its divergence is 0.
    assert inception_score(np.random.default_rng(0).normal(0, 3, (count, 4)), count) == pytest.approx((1, 0), abs=1e-12)


def test_ten_splits_are_the_default():
    logits = np.random.default_rng(3).normal(0, 2, (55, 4))
    assert inception_score(logits) == inception_score(logits, 10)
    assert inception_score(logits) != inception_score(logits, 11)
