"""Distances by a matrix product: comparisons, nearest neighbours and their bound, against sums of squares."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.distance import cdist

from vidmetrics.statistics import row_distances
from vidmetrics.statistics.row_distances import distance_blocks


def lattice(count, dim, seed, offset=0.0):
    """Rows with many equal distances, some of them copies of each other."""
    rows = np.random.default_rng(seed).integers(0, 2, (count, dim)).astype(np.float32)
    rows[::7] = rows[3]
    return rows * 0.1 + offset


@pytest.fixture(params=[0.0, 1e4])
def two_sets(request, monkeypatch):
    monkeypatch.setattr(row_distances, "ENTRIES", 500)  # several blocks
    monkeypatch.setattr(row_distances, "_COLUMNS", 17)
    return lattice(60, 40, 0, request.param), lattice(50, 40, 1, request.param)


def test_comparisons_are_those_of_sums_of_squares(two_sets):
    points, others = two_sets
    exact = cdist(points, others, "sqeuclidean")
    for limits in (exact[:, :1], exact[5:6], np.full((1, 50), np.inf), np.zeros((1, 1))):
        limits = np.broadcast_to(limits, exact.shape)
        for block in distance_blocks(points, others):
            found = block.settle(limits[block.rows])
            assert np.array_equal(found < limits[block.rows], exact[block.rows] < limits[block.rows])
            assert np.array_equal(found <= limits[block.rows], exact[block.rows] <= limits[block.rows])


def test_a_product_alone_would_decide_ties_by_rounding(two_sets):
    # Otherwise the tests here could not fail.
    points, others = two_sets
    exact = cdist(points, others, "sqeuclidean")
    raw = np.concatenate([block.distances for block in distance_blocks(points, others)])
    assert (raw != exact).any()
    assert ((raw <= exact[:, :1]) != (exact <= exact[:, :1])).any()


def test_nearest_are_exact(two_sets):
    points, others = two_sets
    exact = np.sort(cdist(points, others, "sqeuclidean"), axis=1)
    even = np.arange(len(others)) % 2 == 0
    half = np.sort(cdist(points, others[even], "sqeuclidean"), axis=1)
    for count in (1, 5):
        for block in distance_blocks(points, others):
            assert np.array_equal(block.nearest(count), exact[block.rows, count - 1])
        for block in distance_blocks(points, others):
            found = [block.nearest_among(row, even, count) for row in range(len(block.distances))]
            assert found == half[block.rows, count - 1].tolist()


def test_the_bound_holds_and_is_not_idle():
    rng = np.random.default_rng(2)
    points, others = rng.normal(size=(40, 300)) * 1e3 + 1e5, rng.normal(size=(90, 300)) + 1e5
    exact = cdist(points.astype(np.longdouble), others.astype(np.longdouble), "sqeuclidean")
    for block in distance_blocks(points, others):
        off = np.abs(block.distances - exact[block.rows])
        assert (off <= block.error).all()
        assert (block.error < 1e-9 * exact[block.rows].max()).all()


def test_few_features_are_summed_directly():
    points = np.random.default_rng(3).normal(size=(5, 32))
    (block,) = distance_blocks(points, points)
    assert not block.error.any()
    assert np.array_equal(block.distances, cdist(points, points, "sqeuclidean"))
