"""Precision, recall, density and coverage against loops over the definitions, closed forms, and ties."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics import InputError, density_coverage, precision_recall
from vidmetrics.statistics import row_distances
from vidmetrics.statistics.manifold import _radii_within_halves, coverage_holders, radii, recall_halves, recall_hits


@pytest.fixture(autouse=True, params=["differences", "products"])
def _method(request, monkeypatch):
    """Few features are summed directly and many by a product: every test holds for both."""
    if request.param == "products":
        monkeypatch.setattr(row_distances, "FEW", 0)


def loops(real, generated, k_pr=3, k_dc=5):
    """The four numbers from the definitions, one pair at a time, in exact sums of squares."""

    def squared(x, y):
        return sum((float(p) - float(q)) ** 2 for p, q in zip(x, y, strict=True))

    def reach(rows, k):
        return [sorted(squared(x, y) for j, y in enumerate(rows) if j != i)[k - 1] for i, x in enumerate(rows)]

    real_3, generated_3, real_5 = reach(real, k_pr), reach(generated, k_pr), reach(real, k_dc)
    precision = np.mean([any(squared(x, r) <= d for r, d in zip(real, real_3, strict=True)) for x in generated])
    recall = np.mean([any(squared(r, x) <= d for x, d in zip(generated, generated_3, strict=True)) for r in real])
    density = np.mean([sum(squared(x, r) < d for r, d in zip(real, real_5, strict=True)) for x in generated]) / k_dc
    coverage = np.mean([min(squared(r, x) for x in generated) < d for r, d in zip(real, real_5, strict=True)])
    return precision, recall, density, coverage


@pytest.mark.parametrize("entries", [1, 1 << 21])
def test_equals_the_definitions(entries, monkeypatch):
    monkeypatch.setattr(row_distances, "ENTRIES", entries)  # blocks of one row, and one block
    rng = np.random.default_rng(0)
    real, generated = rng.normal(size=(40, 3)).astype(np.float32), rng.normal(0.7, 0.8, (31, 3)).astype(np.float32)
    found = (*precision_recall(real, generated), *density_coverage(real, generated))
    assert found == pytest.approx(loops(real, generated), rel=1e-12)
    other = (*precision_recall(real, generated, nearest=1), *density_coverage(real, generated, nearest=2))
    assert other == pytest.approx(loops(real, generated, 1, 2), rel=1e-12)


def test_ties_follow_the_published_code():
    # On a grid every distance occurs many times, so closed and open balls differ.
    grid = np.stack(np.meshgrid(np.arange(5.0), np.arange(5.0)), -1).reshape(-1, 2)
    shifted = grid + np.array([1.0, 0.0])
    found = (*precision_recall(grid, shifted), *density_coverage(grid, shifted))
    assert found == pytest.approx(loops(grid, shifted), rel=1e-12)
    # Four copies of each clip: all radii for k = 3 are 0, and copies are on the surface, which only closed balls include.
    copies = np.repeat(grid[:6], 4, axis=0)
    assert precision_recall(copies, copies) == (1.0, 1.0)
    assert density_coverage(copies, copies, nearest=3) == (0.0, 0.0)


def test_ties_survive_a_large_offset():
    # |x|^2 + |y|^2 - 2 x.y loses the distances between these rows entirely.
    rng = np.random.default_rng(1)
    real, generated = rng.integers(0, 4, (30, 3)).astype(float), rng.integers(0, 5, (30, 3)).astype(float)
    near = (*precision_recall(real, generated), *density_coverage(real, generated))
    far = (*precision_recall(real + 1e8, generated + 1e8), *density_coverage(real + 1e8, generated + 1e8))
    assert near == far


def test_extremes_and_expectations():
    rng = np.random.default_rng(2)
    a, b = rng.normal(size=(400, 4)), rng.normal(size=(400, 4))
    assert precision_recall(a, b + 100) == (0.0, 0.0)
    assert density_coverage(a, b + 100) == (0.0, 0.0)
    assert precision_recall(a, a) == (1.0, 1.0)
    # Naeem et al., section 3: for equal distributions the density is 1 and the coverage 1 - prod (M-i)/(2M-i).
    density, coverage = np.mean([density_coverage(*rng.normal(size=(2, 300, 4))) for _ in range(30)], axis=0)
    expected = 1 - np.prod([(300 - i) / (600 - i) for i in range(1, 6)])
    assert density == pytest.approx(1, abs=0.03)
    assert coverage == pytest.approx(expected, abs=0.01)
    # A lost mode lowers recall and coverage, an invented one precision and density.
    two = np.concatenate([a, a + 50])
    assert precision_recall(two, b)[0] > 0.8
    assert precision_recall(two, b)[1] < 0.5
    assert density_coverage(a, two)[0] < 0.6


def test_halves_are_the_values_of_each_half():
    rng = np.random.default_rng(3)
    real, generated = rng.normal(size=(50, 2)), rng.normal(0.5, 1, (61, 2))
    in_first = rng.random((4, 61)) < 0.5
    # So few and far apart that they are not among each other's 30 nearest rows, which are searched first.
    apart = np.argsort(generated[:, 0])[[0, 20, 40, 60]]
    ranks = np.argsort(np.argsort(((generated[:, None] - generated) ** 2).sum(axis=2), axis=1), axis=1)
    assert (ranks[np.ix_(apart, apart)].max(axis=1) > 30).any()
    in_first[3] = np.isin(np.arange(61), apart)
    first, second = recall_halves(real, generated, in_first, 3)
    assert recall_hits(real, generated, 3).mean() == precision_recall(real, generated)[1]
    for split, side in enumerate(in_first):
        assert first[split].mean() == precision_recall(real, generated[side])[1]
        assert second[split].mean() == precision_recall(real, generated[~side])[1]


def test_holders_are_the_samples_inside_each_ball():
    rng = np.random.default_rng(4)
    real, generated = rng.normal(size=(60, 2)), rng.normal(0.5, 1, (24, 2))
    reach = radii(real, 5)
    for rows_per_sample in (1, 2):
        held = [
            sorted({j // rows_per_sample for j in range(24) if ((ball - generated[j]) ** 2).sum() < radius})
            for ball, radius in zip(real, reach, strict=True)
        ]
        counts, ones, twos = coverage_holders(real, generated, rows_per_sample, 5)
        assert counts.tolist() == [len(samples) for samples in held]
        assert ones.tolist() == [samples[0] for samples in held if len(samples) == 1]
        assert twos.tolist() == [samples for samples in held if len(samples) == 2]


def test_radii():
    line = np.array([[0.0], [1.0], [3.0], [7.0]])
    assert radii(line, 1).tolist() == [1, 1, 4, 16]
    assert radii(line, 3).tolist() == [49, 36, 16, 49]


def test_bad_input_is_refused():
    rows = np.random.default_rng(0).normal(size=(10, 3))
    with pytest.raises(InputError, match="more than 3 rows, but the generated features are 3"):
        precision_recall(rows, rows[:3])
    with pytest.raises(InputError, match="more than 5 rows, but the real features are 5"):
        density_coverage(rows[:5], rows)
    with pytest.raises(InputError, match="no neighbour number 0"):
        precision_recall(rows, rows, nearest=0)
    with pytest.raises(InputError, match=r"generated features have shape \[10, 2\]"):
        precision_recall(rows, rows[:, :2])
    rows[4, 0] = np.nan
    with pytest.raises(InputError, match="real features of sample 4"):
        density_coverage(rows, rows)


@pytest.mark.parametrize("count", [8, 9, 29, 30, 31, 32])
@pytest.mark.parametrize("nearest", [1, 3])
def test_halves_of_few_rows_are_the_values_of_each_half(count, nearest):
    rng = np.random.default_rng(count)
    real, generated = rng.normal(size=(40, 2)), rng.normal(0.5, 1, (count, 2))
    in_first = np.stack([rng.permutation(count) < count // 2 for _ in range(5)])
    halves = recall_halves(real, generated, in_first, nearest)
    for split, side in enumerate(in_first):
        for half, rows in zip(halves, (generated[side], generated[~side]), strict=True):
            assert half[split].mean() == precision_recall(real, rows, nearest=nearest)[1]


@pytest.mark.parametrize("apart", [0, 100])
def test_only_what_a_partition_promises_is_used(monkeypatch, apart):
    # A partition puts one element in its place; numpy happens to sort short rows whole.
    def places(order, kth):
        return np.concatenate([order[:, :kth][:, ::-1], order[:, kth : kth + 1], order[:, kth + 1 :][:, ::-1]], axis=1)

    def argpartition(rows, kth, axis):
        return places(np.argsort(rows, axis=axis), kth)

    def partition(rows, kth, axis=-1):
        found = np.take_along_axis(np.atleast_2d(rows), argpartition(np.atleast_2d(rows), kth, 1), axis=1)
        return found.reshape(rows.shape)

    monkeypatch.setattr(np, "partition", partition)
    monkeypatch.setattr(np, "argpartition", argpartition)
    rng = np.random.default_rng(9)
    real, generated = rng.normal(0, 4, (40, 2)), rng.normal(0.5, 1, (61, 2))
    # Apart, five rows are not among the nearest of the others; together, they are not all among each other's nearest.
    generated[:5] += apart
    assert radii(generated, 4).tolist() == np.sort(((generated[:, None] - generated) ** 2).sum(axis=2))[:, 4].tolist()
    in_first = np.stack([rng.random(61) < 0.5, np.arange(61) < 5])
    for split, side in enumerate(in_first):
        for half, rows in zip(recall_halves(real, generated, in_first, 3), (side, ~side), strict=True):
            own = generated[rows]
            reach = np.sort(((own[:, None] - own) ** 2).sum(axis=2), axis=1)[:, 3]
            inside = ((real[:, None] - own) ** 2).sum(axis=2) <= reach
            assert half[split].tolist() == inside.any(axis=1).tolist()


def test_radii_within_halves_are_exact_where_rounding_orders_the_neighbours():
    """Distances within a cluster far from the centre are smaller than the error of the matrix product."""
    rng = np.random.default_rng(4)
    near = rng.normal(size=(300, 40)) * 1e-5
    rows = near + np.where(np.arange(300)[:, None] % 2, 1e3, -1e3) * (np.arange(40) == 0)
    in_first = np.zeros((2, 300), np.bool_)
    in_first[0, rng.permutation(300)[:150]] = in_first[1, :150] = True
    found = _radii_within_halves(rows, in_first, 3)
    squares = np.square(rows[:, None] - rows).sum(axis=2)
    np.fill_diagonal(squares, np.inf)
    for split, side in enumerate(in_first):
        alike = np.where(side[:, None] == side, squares, np.inf)
        np.testing.assert_allclose(found[split], np.sort(alike, axis=1)[:, 2], rtol=1e-9)
