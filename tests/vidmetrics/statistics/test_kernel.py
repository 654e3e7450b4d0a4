"""Polynomial MMD against the definition in loops and the published formula; its unbiasedness."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vidmetrics import InputError, kid_subsets, polynomial_mmd
from vidmetrics.statistics.kernel import grouped_kid, grouped_mmd, subset_rows


def loops(a, b, degree=3, gamma=None, coef0=1.0):
    """The definition, pair by pair, in Python numbers."""
    gamma = 1 / a.shape[1] if gamma is None else gamma

    def kernel(x, y):
        return (gamma * sum(float(p) * float(q) for p, q in zip(x, y, strict=True)) + coef0) ** degree

    def among(rows):
        pairs = [kernel(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j]
        return sum(pairs) / len(pairs)

    across = [kernel(x, y) for x in a for y in b]
    return among(a) + among(b) - 2 * sum(across) / len(across)


@pytest.mark.parametrize("options", [{}, {"degree": 2, "coef0": 0.0}, {"gamma": 0.3}, {"degree": 1}])
def test_equals_the_definition(options):
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(13, 5)).astype(np.float32), rng.normal(0.4, 1.5, (9, 5))
    assert polynomial_mmd(a, b, **options) == pytest.approx(loops(a, b, **options), rel=1e-12, abs=1e-13)


def test_equals_the_published_formula_across_blocks():
    # The matrix form of Gretton et al. 2012, eq. 3, as in the code of Binkowski et al.
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2100, 4)), rng.normal(0.1, 1, (1030, 4))
    k_aa, k_bb, k_ab = ((x @ y.T / 4 + 1) ** 3 for x, y in ((a, a), (b, b), (a, b)))
    expected = (k_aa.sum() - np.trace(k_aa)) / (2100 * 2099) + (k_bb.sum() - np.trace(k_bb)) / (1030 * 1029)
    expected -= 2 * k_ab.mean()
    assert polynomial_mmd(a, b) == pytest.approx(expected, rel=1e-9)


def test_known_values():
    # One feature: k(x, y) = (x y + 1)^3. Among zeros and across, k = 1; among ones, k = 8.
    zeros, ones = np.zeros((3, 1)), np.ones((5, 1))
    assert polynomial_mmd(zeros, ones) == pytest.approx(1 + 8 - 2)
    # A gamma of 1 instead of 1/D, or including the diagonal, changes this.
    assert polynomial_mmd(np.array([[2.0, 0.0], [0.0, 2.0]]), np.zeros((2, 2))) == pytest.approx(1 + 1 - 2)


finite = st.floats(-3, 3, width=32)


@settings(max_examples=40, deadline=None)
@given(arrays(np.float32, (6, 3), elements=finite), arrays(np.float32, (4, 3), elements=finite), st.randoms())
def test_properties(a, b, random):
    value = polynomial_mmd(a, b)
    assert polynomial_mmd(b, a) == pytest.approx(value, rel=1e-9, abs=1e-9)
    order = list(range(6))
    random.shuffle(order)
    assert polynomial_mmd(a[order], b) == pytest.approx(value, rel=1e-9, abs=1e-9)
    rotation, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(3, 3)))
    assert polynomial_mmd(a @ rotation, b @ rotation) == pytest.approx(value, rel=1e-5, abs=1e-4)
    # Adding a constant to the kernel does not change the distance; this one is the linear kernel.
    linear = polynomial_mmd(a, b, degree=1, coef0=0.0)
    assert polynomial_mmd(a, b, degree=1, coef0=7.0) == pytest.approx(linear, rel=1e-6, abs=1e-6)


def test_is_unbiased_at_every_size():
    # The expectation for N(0, 1) against N(1, 1): k(x, y) = 1 + 3 xy + 3 (xy)^2 + (xy)^3, so by moments of normals
    # E k = 1 + 3 m m' + 3 s s' + t t' with E x = m, E x^2 = s, E x^3 = t: (0, 1, 0) and (1, 2, 4).
    truth = (1 + 3) + (1 + 3 + 12 + 16) - 2 * (1 + 6)
    rng = np.random.default_rng(3)
    for count in (2, 5):
        same = [polynomial_mmd(rng.normal(size=(count, 1)), rng.normal(size=(count, 1))) for _ in range(6000)]
        other = [polynomial_mmd(rng.normal(size=(count, 1)), rng.normal(1, 1, (count, 1))) for _ in range(6000)]
        assert abs(np.mean(same)) < 4 * np.std(same) / np.sqrt(6000)
        assert abs(np.mean(other) - truth) < 4 * np.std(other) / np.sqrt(6000)
        assert np.mean(np.array(same) < 0) > 0.2  # not clipped


def test_folds_are_the_value_without_a_group():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(37, 3)), rng.normal(size=(20, 3))
    groups = rng.integers(0, 4, 37)
    value, folds = grouped_mmd(a, b, groups, 4)
    assert value == pytest.approx(polynomial_mmd(a, b), rel=1e-12)
    assert folds == pytest.approx([polynomial_mmd(a[groups != g], b) for g in range(4)], rel=1e-10)


def test_subsets():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(90, 3)), rng.normal(0.5, 1, (70, 3))
    values = [loops(a[subset_rows(90, 20, 7, i, 0)], b[subset_rows(70, 20, 7, i, 1)]) for i in range(6)]
    mean, std = kid_subsets(a, b, num_subsets=6, subset_size=20, seed=7)
    assert (mean, std) == pytest.approx((np.mean(values), np.std(values)), rel=1e-10)
    assert kid_subsets(a, b, num_subsets=6, subset_size=20, seed=8)[0] != mean
    # Subsets of full size are the full set.
    whole = kid_subsets(a[:70], b, num_subsets=2, subset_size=70)
    assert whole == pytest.approx((polynomial_mmd(a[:70], b), 0), abs=1e-12)
    groups = np.arange(90) // 30
    _, folds = grouped_kid(a, b, groups, 3, num_subsets=2, subset_size=20, seed=7)
    rows = [(subset_rows(90, 20, 7, i, 0), subset_rows(70, 20, 7, i, 1)) for i in range(2)]
    expected = [np.mean([loops(a[r[r // 30 != g]], b[s]) for r, s in rows]) for g in range(3)]
    assert folds == pytest.approx(expected, rel=1e-10)


def test_drawn_rows_never_change_and_are_uniform():
    assert subset_rows(1000, 6, 0, 0, 0).tolist() == [11, 269, 403, 850, 855, 921]
    draws = np.concatenate([subset_rows(50, 10, 3, i) for i in range(2000)])
    counts = np.bincount(draws, minlength=50)
    assert all(len(set(subset_rows(50, 10, 3, i))) == 10 for i in range(20))
    assert counts.sum() == 20000
    assert np.abs(counts - 400).max() < 5 * np.sqrt(400 * 0.8)


def test_bad_input_is_refused():
    rows = np.zeros((10, 3))
    with pytest.raises(InputError, match="at least 2 rows, but 10 and 1"):
        polynomial_mmd(rows, rows[:1])
    with pytest.raises(InputError, match=r"\[10, 2\]"):
        polynomial_mmd(rows, rows[:, :2])
    broken = rows.copy()
    broken[7, 1] = np.inf
    with pytest.raises(InputError, match="second features of sample 7"):
        polynomial_mmd(rows, broken)
    with pytest.raises(InputError, match="subsets of 1000 rows without replacement, but one set has 10"):
        kid_subsets(rows, rows)
    with pytest.raises(InputError, match="subset of 2"):
        kid_subsets(rows, rows, subset_size=1)
