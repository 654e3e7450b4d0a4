"""The quick method of the Fréchet distance: 9 digits against closed forms and 50 digits, or a refusal."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.linalg import hadamard

from vidmetrics import InputError, frechet_distance
from vidmetrics.statistics import frechet
from vidmetrics.statistics.frechet import careful_distance, distance, gaussian, quick_distance
from vidmetrics.statistics.frechet_quick import _ascending_eigenvalues, quick_spread, root_sum_error, staircase

PROMISED = 1e-9


@pytest.fixture(autouse=True)
def _fifty_digits():
    with mp.workdps(50):
        yield


@pytest.fixture
def _only_quick(monkeypatch):
    def refuse(a, b):
        raise AssertionError("the careful method was used")

    monkeypatch.setattr(frechet, "careful_distance", refuse)


def hidden_blocks(blocks):
    """The block-diagonal matrix of [n, 2, 2] integers, n a power of two, rotated over its blocks; exact in float64."""
    turn = np.kron(hadamard(len(blocks)), np.eye(2))
    rows = np.zeros((2 * len(blocks), 2 * len(blocks)))
    for i, block in enumerate(blocks):
        rows[2 * i : 2 * i + 2, 2 * i : 2 * i + 2] = block
    return turn @ rows @ turn.T / len(blocks)


def of_blocks(a, b):
    """The distance of two block-diagonal covariances: tr root(AB) of 2x2 is sqrt(tr AB + 2 sqrt(det A det B))."""
    total = mp.mpf(0)
    for x, y in zip(a.tolist(), b.tolist(), strict=True):
        (p, q, r), (s, t, u) = (x[0][0], x[0][1], x[1][1]), (y[0][0], y[0][1], y[1][1])
        product = p * s + 2 * q * t + r * u
        total += p + r + s + u - 2 * mp.sqrt(product + 2 * mp.sqrt(mp.mpf(p * r - q * q) * (s * u - t * t)))
    return total


def random_blocks(rng, count, decades):
    # The small eigenvalue of a block is between 1 and 10^decades; two sides differ by a turn and a factor.
    sizes = 10 ** rng.uniform(0, decades, (2, count))
    p, r = np.maximum(1, sizes).astype(np.int64)
    q = (rng.uniform(-0.9, 0.9, count) * np.sqrt(p * r)).astype(np.int64)
    return np.stack([np.stack([p, q], 1), np.stack([q, r], 1)], 1)


@pytest.mark.usefixtures("_only_quick")
@pytest.mark.parametrize(("count", "decades"), [(512, 4), (512, 6), (8, 6)])
def test_hidden_blocks_keep_nine_digits(count, decades):
    rng = np.random.default_rng(count + decades)
    a, b = random_blocks(rng, count, decades), random_blocks(rng, count, decades)
    A, B = hidden_blocks(a), hidden_blocks(b)
    expected = of_blocks(a, b)
    zero = np.zeros(len(A))
    value = quick_distance(gaussian(zero, A), gaussian(zero, B))
    assert abs(value - expected) < PROMISED * expected / 10


def gram_oracle(rows_a, rows_b):
    """The distance of rational features from their Gram matrix: any number of features, few samples."""

    def scaled(rows):
        exact = np.array([[mp.mpf(int(x)) for x in row] for row in rows])
        mean = exact.sum(axis=0) / len(rows)
        return mean, (exact - mean) / mp.sqrt(len(rows) - 1)

    (mean_a, X), (mean_b, Y) = scaled(rows_a), scaled(rows_b)
    cross = mp.matrix((X @ Y.T).tolist())
    norm = mp.fsum(mp.svd_r(cross, compute_uv=False))
    return ((mean_a - mean_b) ** 2).sum() + (X**2).sum() + (Y**2).sum() - 2 * norm


@pytest.mark.usefixtures("_only_quick")
@pytest.mark.parametrize(("count_a", "count_b", "dim"), [(12, 20, 700), (9, 5, 30), (40, 3, 600)])
def test_fewer_samples_than_features_keep_nine_digits(count_a, count_b, dim):
    rng = np.random.default_rng(dim)
    scale = np.logspace(4, 2, dim)
    rows_a, rows_b = (np.rint(rng.normal(size=(n, dim)) * scale) for n in (count_a, count_b))
    sides = [(rows.mean(axis=0), np.cov(rows, rowvar=False)) for rows in (rows_a, rows_b)]
    expected = gram_oracle(rows_a, rows_b)
    value = quick_distance(*(gaussian(*side) for side in sides))
    assert abs(value - expected) < PROMISED * expected / 10


@pytest.mark.parametrize("decades", [1, 4, 8, 12])
@pytest.mark.parametrize("order", ["falling", "rising", "mixed"])
def test_error_of_the_root_sum_is_below_its_estimate(decades, order):
    # Rising order is the one in which an eigenvalue solver loses the small eigenvalues.
    for seed in range(4):
        rng = np.random.default_rng([decades, seed])
        n = 24
        scale = np.logspace(0, -decades / 2, n)
        middle = rng.normal(size=(n, n)) + 3 * np.eye(n)
        matrix = scale[:, None] * (middle @ middle.T) * scale
        if order == "mixed":
            turn, _ = np.linalg.qr(rng.normal(size=(n, n)))
            matrix = turn @ matrix @ turn.T
        matrix = (matrix + matrix.T) / 2
        if order == "rising":
            matrix = matrix[::-1, ::-1].copy()
        true = mp.eigsy(mp.matrix(matrix.tolist()), eigvals_only=True)
        if min(true) <= 0:
            continue
        computed = np.linalg.eigvalsh(matrix)
        if computed[0] <= 0:
            continue
        error = abs(mp.fsum(mp.sqrt(x) for x in true) - mp.fsum(mp.sqrt(mp.mpf(x)) for x in computed))
        estimate = root_sum_error(computed, float(mp.fsum(mp.log(x) for x in true)))
        rounding = 24 * 2.3e-16 * float(np.sqrt(computed).sum())  # of the large eigenvalues, counted elsewhere
        assert error <= estimate + rounding


@pytest.mark.parametrize("dim", [40, 600])  # scipy's and torch's LAPACK
def test_eigenvalues_are_of_the_lower_triangle(dim):
    rng = np.random.default_rng(dim)
    root = rng.normal(size=(dim, dim)) * np.logspace(0, -2, dim)
    whole = root.T @ root
    half = np.asfortranarray(np.tril(whole) + np.triu(rng.normal(size=(dim, dim)), 1))
    found = _ascending_eigenvalues(half)
    assert (np.diff(found) >= 0).all()
    assert found == pytest.approx(np.linalg.svd(root, compute_uv=False)[::-1] ** 2, abs=1e-12 * found[-1])


def test_a_rank_in_doubt_is_refused():
    rng = np.random.default_rng(0)
    turn, _ = np.linalg.qr(rng.normal(size=(40, 40)))
    for smallest, accepted in ((1e-6, True), (1e-12, False), (1e-15, False)):
        matrix = turn * np.logspace(0, np.log10(smallest), 40) @ turn.T
        assert (staircase((matrix + matrix.T) / 2) is not None) == accepted
    assert staircase(np.zeros((3, 3))) is None
    stairs = staircase(np.diag([4.0, 0.0, 9.0]))
    assert stairs is not None
    assert stairs.lower.shape == (3, 2)
    assert stairs.order.tolist()[:2] == [2, 0]


def test_near_covariances_are_left_to_the_careful_method():
    rng = np.random.default_rng(1)
    rows = rng.normal(size=(200, 30))
    a = np.cov(rows, rowvar=False)
    b = np.cov(rows + 1e-6 * rng.normal(size=rows.shape), rowvar=False)
    stairs = staircase(a), staircase(b)
    assert None not in stairs
    assert quick_spread(*stairs, 0.0) is None
    assert quick_spread(*stairs, 1.0) is not None  # next to a large distance of the means it does not matter
    zero = np.zeros(30)
    sides = gaussian(zero, a), gaussian(zero, b)
    assert quick_distance(*sides) == careful_distance(*sides)


def test_small_distances_are_always_careful():
    rng = np.random.default_rng(2)
    rows_a, rows_b = rng.normal(size=(2, 200, 30))
    sides = [gaussian(rows.mean(axis=0), np.cov(rows, rowvar=False)) for rows in (rows_a, 2 * rows_b)]
    assert distance(*sides) == careful_distance(*sides)
    assert quick_distance(*sides) == pytest.approx(careful_distance(*sides), rel=1e-13)


@pytest.mark.parametrize("size", [3, 600])
def test_indefinite_matrices_of_any_size_are_refused(size):
    good, zero = np.eye(size), np.zeros(size)
    for first, corner in ((1.0, [[0, 1], [1, 0]]), (0.0, [[0, 1], [1, 0]]), (1.0, [[-1, 0], [0, 1]])):
        bad = np.eye(size) * first
        bad[1:3, 1:3] = corner
        with pytest.raises(InputError, match="second covariance has the eigenvalue -1"):
            frechet_distance(zero, good, zero, bad)


def test_the_estimate_is_that_of_the_text_at_the_top():
    squares = np.array([1e-8, 4e-8, 1.0])
    inverses, epsilon = [1 / mp.mpf(x) for x in squares.tolist()], mp.mpf(2) ** -52
    exact = float(np.log(squares).sum())
    # r / 2 * sqrt(sum s^-2 / sum s^-4), a hundred times, while that is the smaller one.
    r = mp.mpf(2) ** -44
    seen = 100 * r / 2 * mp.sqrt(mp.fsum(inverses) / mp.fsum(x**2 for x in inverses))
    assert root_sum_error(squares, exact + float(r)) == pytest.approx(float(seen), rel=1e-9, abs=0)
    assert root_sum_error(squares, exact - float(r)) == pytest.approx(float(seen), rel=1e-9, abs=0)
    # 4 epsilon / 2 * largest * sum 1 / s
    worst = 4 * epsilon / 2 * mp.fsum(mp.sqrt(x) for x in inverses)
    assert root_sum_error(squares, exact + 1) == pytest.approx(float(worst), rel=1e-9, abs=0)
    assert root_sum_error(9 * squares, float(np.log(9 * squares).sum()) + 1) == pytest.approx(
        float(3 * worst), rel=1e-9
    )


def test_one_feature_is_the_closed_form():
    a, b = gaussian([1.0], [[4.0]]), gaussian([3.0], [[9.0]])
    assert quick_distance(a, b) == pytest.approx(4 + (3 - 2) ** 2, rel=1e-12)
    assert careful_distance(a, b) == pytest.approx(4 + (3 - 2) ** 2, rel=1e-12)


@pytest.mark.parametrize(("smallest", "accepted"), [(-1e-6, True), (-0.9e-5, True), (-1.2e-5, False)])
def test_a_covariance_may_be_negative_by_rounding_of_its_largest_entry(smallest, accepted):
    covariance = np.diag([1.0, 0.5, smallest])
    if accepted:
        assert gaussian(np.zeros(3), covariance).factor.shape == (3, 2)
    else:
        with pytest.raises(InputError, match="is not a covariance"):
            _ = gaussian(np.zeros(3), covariance).factor


def test_a_covariance_that_is_symmetric_to_rounding_becomes_symmetric():
    covariance = np.array([[2.0, 0.5], [0.5 + 1e-7, 1.0]])
    found = gaussian(np.zeros(2), covariance).covariance
    assert found.tolist() == found.T.tolist()
    assert found[0, 1] == pytest.approx(0.5 + 0.5e-7, rel=1e-14)
