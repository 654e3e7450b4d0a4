"""Fréchet distance against closed forms and 50-digit arithmetic, and its properties."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidmetrics import InputError, Moments, frechet_distance

PROMISED = 1e-9


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


def root_sum(matrix):
    """Sum of the square roots of the eigenvalues of a symmetric matrix; eigenvalues negative by rounding count as 0."""
    return mp.fsum(mp.sqrt(max(value, 0)) for value in mp.eigsy(matrix, eigvals_only=True))


def oracle(mean_a, cov_a, mean_b, cov_b):
    """The textbook formula with a root of the first covariance, in 50 digits."""
    A, B = mp.matrix(cov_a.tolist()), mp.matrix(cov_b.tolist())
    values, vectors = mp.eigsy(A)
    root = vectors * mp.diag([mp.sqrt(max(value, 0)) for value in values]) * vectors.T
    squares = mp.fsum((mp.mpf(a) - mp.mpf(b)) ** 2 for a, b in zip(mean_a, mean_b, strict=True))
    traces = mp.fsum(A[i, i] + B[i, i] for i in range(A.rows))
    return squares + traces - 2 * root_sum(root * B * root)


def oracle_from_features(rows_a, rows_b):
    """Without covariances: for X, Y centred and scaled, tr((AB)^(1/2)) is the nuclear norm of X Y^T."""

    def centred(rows):
        table = mp.matrix(rows.tolist())
        mean = [mp.fsum(table[:, j]) / table.rows for j in range(table.cols)]
        scale = mp.sqrt(table.rows - 1)
        return mean, mp.matrix(table.rows, table.cols) + mp.matrix(
            [[(table[i, j] - mean[j]) / scale for j in range(table.cols)] for i in range(table.rows)]
        )

    (mean_a, X), (mean_b, Y) = centred(rows_a), centred(rows_b)
    cross = X * Y.T
    gram = cross * cross.T if cross.rows <= cross.cols else cross.T * cross
    squares = mp.fsum((a - b) ** 2 for a, b in zip(mean_a, mean_b, strict=True))
    return squares + mp.fsum(x * x for x in X) + mp.fsum(y * y for y in Y) - 2 * root_sum(gram)


def covariance(rng, dim, condition):
    basis, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
    matrix = (basis * np.logspace(0, -np.log10(condition), dim)) @ basis.T
    return (matrix + matrix.T) / 2


def of_features(rows_a, rows_b):
    moments = []
    for rows in (rows_a, rows_b):
        moments.append(Moments(rows.shape[1]))
        moments[-1].update(rows)
    a, b = moments
    return frechet_distance(a.mean, a.covariance, b.mean, b.covariance)


def test_closed_forms():
    eye = np.eye(7)
    mean = np.arange(7.0)
    assert frechet_distance(mean, eye, np.zeros(7), eye) == pytest.approx(91, rel=1e-14)
    assert frechet_distance(mean, 4 * eye, mean, 0.25 * eye) == pytest.approx(7 * 1.5**2, rel=1e-14)
    # Commuting covariances: the sum of squared differences of the standard deviations.
    rng = np.random.default_rng(0)
    basis, _ = np.linalg.qr(rng.normal(size=(7, 7)))
    a, b = rng.uniform(0, 3, (2, 7))
    a[2] = b[5] = 0
    value = frechet_distance(mean, basis * a**2 @ basis.T, mean, basis * b**2 @ basis.T)
    assert value == pytest.approx(np.square(a - b).sum(), rel=1e-12)
    assert frechet_distance([1.0], [[4.0]], [3.0], [[9.0]]) == pytest.approx(5, rel=1e-14)


@pytest.mark.parametrize(("dim", "condition"), [(5, 10), (20, 1e6), (30, 1e12), (48, 1e12)])
def test_general_covariances_equal_fifty_digits(dim, condition):
    rng = np.random.default_rng(dim)
    a, b = covariance(rng, dim, condition), covariance(rng, dim, condition)
    means = rng.normal(0, 0.1, (2, dim))
    expected = oracle(means[0], a, means[1], b)
    assert abs(frechet_distance(means[0], a, means[1], b) - expected) < PROMISED * expected


@pytest.mark.parametrize("condition", [10, 1e6, 1e12])
def test_near_covariances_keep_their_digits(condition):
    # The distance is a million times smaller than the traces: subtracting them would leave nine digits at best.
    rng = np.random.default_rng(1)
    a = covariance(rng, 16, condition)
    b = a + 1e-3 * covariance(rng, 16, condition)
    expected = oracle(np.zeros(16), a, np.zeros(16), b)
    assert expected < 1e-3
    assert abs(frechet_distance(np.zeros(16), a, np.zeros(16), b) - expected) < PROMISED * expected


@pytest.mark.parametrize(
    ("count_a", "count_b", "dim"),
    [(2, 2, 8), (2, 5, 8), (5, 12, 20), (12, 40, 20), (15, 15, 40), (30, 10, 60), (8, 200, 30), (3, 3, 3)],
)
def test_fewer_samples_than_features(count_a, count_b, dim):
    rng = np.random.default_rng(dim + count_a)
    mixing = covariance(rng, dim, 100)
    rows_a = rng.normal(size=(count_a, dim)) @ mixing + 5
    rows_b = rng.normal(size=(count_b, dim)) @ mixing + 5.1
    expected = oracle_from_features(rows_a, rows_b)
    assert abs(of_features(rows_a, rows_b) - expected) < PROMISED * expected


def test_singular_against_full_rank():
    # Rounding noise in the empty directions of the first would contribute 1e-8 against the second.
    rng = np.random.default_rng(3)
    rows_a, rows_b = rng.normal(size=(4, 40)), 100 * rng.normal(size=(200, 40))
    rows_b[:, :3] /= 1e4
    expected = oracle_from_features(rows_a, rows_b)
    assert abs(of_features(rows_a, rows_b) - expected) < 1e-12 * expected


def test_point_masses():
    zero = np.zeros((3, 3))
    assert frechet_distance(np.ones(3), zero, np.zeros(3), zero) == 3
    assert frechet_distance(np.zeros(3), zero, np.zeros(3), 2 * np.eye(3)) == pytest.approx(6, rel=1e-14)


features = st.tuples(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 30), st.integers(1, 12))


def draw(parameters):
    seed, count_a, count_b, dim = parameters
    rng = np.random.default_rng(seed)
    rows_a = rng.normal(size=(count_a, dim)) * 10.0 ** rng.uniform(-2, 2, dim) + rng.normal(size=dim)
    rows_b = rng.normal(size=(count_b, dim)) * 10.0 ** rng.uniform(-2, 2, dim)
    return rng, rows_a, rows_b


@settings(deadline=None, max_examples=60)
@given(features)
def test_symmetric_and_never_negative(parameters):
    _, rows_a, rows_b = draw(parameters)
    forth, back = of_features(rows_a, rows_b), of_features(rows_b, rows_a)
    assert forth >= 0
    assert forth == pytest.approx(back, rel=1e-10)


@settings(deadline=None, max_examples=60)
@given(features)
def test_zero_on_equal_sets(parameters):
    rng, rows_a, _ = draw(parameters)
    power = np.square(rows_a).sum()
    assert of_features(rows_a, rows_a) <= 1e-20 * power
    assert of_features(rows_a, rng.permutation(rows_a)) <= 1e-13 * power


@settings(deadline=None, max_examples=60)
@given(features)
def test_invariant_under_common_rotation_and_shift(parameters):
    rng, rows_a, rows_b = draw(parameters)
    basis, _ = np.linalg.qr(rng.normal(size=(rows_a.shape[1],) * 2))
    shift = rng.normal(size=rows_a.shape[1])
    moved = of_features(rows_a @ basis + shift, rows_b @ basis + shift)
    scale = np.square(rows_a).mean(axis=0).sum() + np.square(rows_b).mean(axis=0).sum()
    assert moved == pytest.approx(of_features(rows_a, rows_b), rel=1e-7, abs=1e-12 * scale)


def test_bad_input_is_refused():
    zero, eye = np.zeros(2), np.eye(2)
    with pytest.raises(InputError, match=r"first mean has shape \[2\].*\[3, 3\]"):
        frechet_distance(zero, np.eye(3), zero, eye)
    with pytest.raises(InputError, match="size 2 and 3"):
        frechet_distance(zero, eye, np.zeros(3), np.eye(3))
    with pytest.raises(InputError, match="second mean or covariance contains NaN"):
        frechet_distance(zero, eye, zero, np.diag([1, np.nan]))
    with pytest.raises(InputError, match="not symmetric"):
        frechet_distance(zero, np.array([[1, 0.5], [0, 1]]), zero, eye)
    with pytest.raises(InputError, match="eigenvalue -1"):
        frechet_distance(zero, eye, zero, np.diag([1.0, -1.0]))
    with pytest.raises(InputError, match="real numbers"):
        frechet_distance(zero, eye.astype(complex), zero, eye)
    # The asymmetry from float32 rounding is accepted.
    rows = np.random.default_rng(0).normal(size=(3, 30)).astype(np.float32)
    single = np.cov(rows, rowvar=False, dtype=np.float32)
    assert frechet_distance(np.zeros(30), single, np.zeros(30), single) < 1e-12
