"""Streaming moments against numpy and exact fractions."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmetrics import InputError, Moments
from vidmetrics.statistics.moments import leave_one_out, merged_moments, merged_without_one


def exact_moments(rows):
    """Mean and ddof=1 covariance in rational arithmetic, rounded once at the end."""
    table = [[Fraction(float(x)) for x in row] for row in rows]
    n, d = len(table), len(table[0])
    mean = [sum(row[i] for row in table) / n for i in range(d)]
    covariance = [
        [float(sum((row[i] - mean[i]) * (row[j] - mean[j]) for row in table) / (n - 1)) for j in range(d)]
        for i in range(d)
    ]
    return np.array([float(m) for m in mean]), np.array(covariance)


def test_equals_exact_arithmetic_even_far_from_zero():
    rng = np.random.default_rng(0)
    # With an offset of 1e7 the raw second moment would leave two digits of the covariance.
    rows = rng.normal(size=(40, 4)) * [1, 10, 0.1, 3] + [1e7, -1e7, 0, 5]
    moments = Moments(4)
    for part in np.split(rows, [1, 2, 15, 15, 30]):
        moments.update(part)
    mean, covariance = exact_moments(rows)
    assert moments.count == 40
    np.testing.assert_allclose(moments.mean, mean, rtol=1e-14, atol=1e-14)
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert (np.abs(moments.covariance - covariance) <= 3e-8 * scale).all()
    assert np.array_equal(moments.covariance, moments.covariance.T)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(lambda sizes: sum(sizes) >= 2),
    dim=st.integers(1, 7),
    order=st.randoms(use_true_random=False),
)
def test_merge_of_any_partition_equals_the_batch(seed, sizes, dim, order):
    rows = np.random.default_rng(seed).normal(size=(sum(sizes), dim)) * 10.0 ** np.arange(dim) + 100
    parts = np.split(rows, np.cumsum(sizes)[:-1])
    order.shuffle(parts)
    total = Moments(dim)
    for part in parts:
        moments = Moments(dim)
        moments.update(part)
        total.merge(moments)
    expected = np.cov(rows, rowvar=False, ddof=1).reshape(dim, dim)
    spread = np.sqrt(np.outer(np.diag(expected), np.diag(expected)))
    assert total.count == len(rows)
    np.testing.assert_allclose(total.mean, rows.mean(axis=0), rtol=1e-12)
    assert (np.abs(total.covariance - expected) <= 1e-9 * spread + 1e-18).all()


def test_narrow_dtypes_are_summed_in_float64():
    rows = np.array([[1.0], [1.0], [1.0 + 2**-10]], np.float16)
    half, double = Moments(1), Moments(1)
    half.update(rows)
    double.update(rows.astype(np.float64))
    assert half.mean.dtype == half.covariance.dtype == np.float64
    assert half.covariance == double.covariance == pytest.approx(2.0**-20 / 3, rel=1e-12)


def test_state_survives_saving_and_merge_does_not_change_the_other():
    rng = np.random.default_rng(1)
    first, second = Moments(3), Moments(3)
    first.update(rng.normal(size=(5, 3)))
    second.update(rng.normal(size=(4, 3)))
    restored = Moments.from_tensors(first.to_tensors())
    before = second.covariance
    restored.merge(second)
    first.merge(second)
    assert np.array_equal(restored.covariance, first.covariance)
    assert np.array_equal(second.covariance, before)
    assert Moments.from_tensors(Moments(3).to_tensors()).count == 0


def test_returned_arrays_are_copies():
    moments = Moments(2)
    moments.update(np.eye(2))
    moments.mean[:] = 99
    moments.to_tensors()["scatter"][:] = 99
    assert moments.mean.tolist() == [0.5, 0.5]
    assert moments.covariance[0, 0] == 0.5


def test_bad_rows_are_refused_and_named():
    moments = Moments(2)
    moments.update(np.zeros((10, 2)))
    rows = np.ones((5, 2))
    rows[3, 1], rows[4, 0] = np.nan, np.inf
    with pytest.raises(InputError, match="sample 13 contain NaN"):
        moments.update(rows)
    assert moments.count == 10
    with pytest.raises(InputError, match=r"\[2, 3\].*\[N, 2\]"):
        moments.update(np.zeros((2, 3)))
    with pytest.raises(InputError, match="complex128"):
        moments.update(np.zeros((2, 2), complex))
    with pytest.raises(InputError, match="2 and of 3"):
        moments.merge(Moments(3))


def test_undefined_moments_are_refused():
    moments = Moments(2)
    with pytest.raises(InputError, match="0 samples"):
        _ = moments.mean
    moments.update(np.zeros((1, 2)))
    with pytest.raises(InputError, match="at least 2 samples, not 1"):
        _ = moments.covariance
    with pytest.raises(InputError, match="at least one feature"):
        Moments(0)


@pytest.mark.parametrize(
    "change",
    [
        {"count": np.array(-1)},
        {"count": np.array(2.0)},
        {"mean": np.zeros(2, np.float32)},
        {"mean": np.array([0, np.nan])},
        {"scatter": np.zeros((3, 3))},
        {"extra": np.zeros(1)},
    ],
)
def test_damaged_state_is_refused(change):
    moments = Moments(2)
    moments.update(np.eye(2))
    with pytest.raises(InputError, match=r"[Ss]aved moments"):
        Moments.from_tensors(moments.to_tensors() | change)


def test_many_rows_are_added_in_blocks_and_checked_before_the_first():
    rows = np.random.default_rng(5).normal(size=(9000, 3)).astype(np.float32) + 1000
    whole, parts = Moments(3), Moments(3)
    whole.update(rows)
    for part in np.split(rows, 9):
        parts.update(part)
    assert whole.covariance == pytest.approx(np.cov(rows.astype(np.float64), rowvar=False), rel=1e-9)
    assert whole.covariance == pytest.approx(parts.covariance, rel=1e-9)
    rows[8200, 1] = np.inf
    with pytest.raises(InputError, match="sample 17200 contain NaN"):
        whole.update(rows)
    assert whole.count == 9000


def test_the_rows_of_the_caller_stay_as_they_are():
    rows = np.random.default_rng(6).normal(size=(20, 3))
    before = rows.copy()
    moments = Moments(3)
    moments.update(rows)
    moments.update(rows)
    assert np.array_equal(rows, before)
    scatter = moments.to_tensors()["scatter"]
    assert np.array_equal(scatter, scatter.T)
    assert scatter == pytest.approx(39 * moments.covariance, rel=1e-14)


def of(rows):
    moments = Moments(rows.shape[1])
    moments.update(rows)
    return moments


@pytest.mark.parametrize("leave", [leave_one_out, lambda parts, _: merged_without_one(parts)])
def test_rows_without_a_part_are_those_of_the_others(leave):
    rng = np.random.default_rng(3)
    rows = rng.normal(size=(300, 70)) @ rng.normal(size=(70, 70)) + 1e3
    parts = [of(part) for part in np.split(rows, [90, 100, 230])]
    rest = list(leave(parts, merged_moments(parts)))
    for moments, gone in zip(rest, (slice(90), slice(90, 100), slice(100, 230), slice(230, 300)), strict=True):
        others = np.delete(rows, gone, axis=0)
        assert moments.count == len(others)
        np.testing.assert_allclose(moments.mean, others.mean(0), rtol=1e-14)
        np.testing.assert_allclose(moments.covariance, np.cov(others, rowvar=False), rtol=1e-9, atol=1e-9)
        assert np.array_equal(moments.covariance, moments.covariance.T)


def test_an_outlier_is_not_subtracted_but_left_out():
    rng = np.random.default_rng(4)
    rows = rng.normal(size=(40, 3))
    rows[7, 1] = 1e12  # a subtraction would leave nothing of the variance of the others
    parts = [of(part) for part in np.split(rows, 4)]
    everything = merged_moments(parts)
    assert everything.without(parts[0]) is None
    assert everything.without(parts[1]) is not None
    first = next(leave_one_out(parts, everything))
    np.testing.assert_allclose(first.covariance, np.cov(rows[10:], rowvar=False), rtol=1e-13)


def test_what_is_not_a_part_cannot_be_subtracted():
    rows = np.random.default_rng(5).normal(size=(6, 2))
    for part in (of(rows), of(rows[:, :1])):
        with pytest.raises(InputError, match="are not a part of 6 rows of 2; take some of them"):
            of(rows).without(part)
