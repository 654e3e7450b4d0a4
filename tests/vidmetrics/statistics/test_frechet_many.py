"""Distances of several Gaussians at once against the matrix square root, whatever the number of threads."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from vidmetrics import InputError
from vidmetrics.statistics import frechet_many
from vidmetrics.statistics.frechet import gaussian, quick_distance
from vidmetrics.statistics.frechet_many import quick_distances

DIM = 300  # more than one block, and a last one that is not full


def sides(count, rows=900):
    rng = np.random.default_rng(0)
    scale = np.logspace(0, -2, DIM)
    sets = [rng.normal(size=(rows, DIM)) * scale * (1 + 0.05 * i) + 0.01 * i for i in range(count)]
    return [(rows.mean(0), np.cov(rows, rowvar=False)) for rows in sets]


def by_root(a, b):
    (mean_a, A), (mean_b, B) = a, b
    return np.square(mean_a - mean_b).sum() + np.trace(A) + np.trace(B) - 2 * np.trace(sqrtm(A @ B).real)


@pytest.fixture
def _no_fallback(monkeypatch):
    def refuse(one, target):
        raise AssertionError("one distance was computed alone")

    monkeypatch.setattr(frechet_many, "quick_distance", refuse)


@pytest.fixture(params=[1, 2, 3])
def threads(request):
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.usefixtures("_no_fallback")
def test_each_is_the_distance_by_the_matrix_root(threads):
    target, *others = sides(5)
    found = quick_distances((gaussian(*one) for one in others), gaussian(*target))
    assert found == pytest.approx([by_root(one, target) for one in others], rel=1e-9)
    # Neither its threads nor their number of threads remain.
    assert torch.get_num_threads() == threads
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("vidmetrics-distances")]


def test_the_number_of_threads_does_not_change_one_bit():
    before = torch.get_num_threads()
    target, *others = (gaussian(*side) for side in sides(4))
    results = set()
    try:
        for count in (1, 2):
            torch.set_num_threads(count)
            results.add(tuple(quick_distances(others, target)))
    finally:
        torch.set_num_threads(before)
    assert len(results) == 1


def test_what_cannot_be_compared_so_is_compared_alone():
    target, one, few = sides(3)
    rng = np.random.default_rng(1)
    few = rng.normal(size=(20, DIM))  # fewer rows than features
    low = gaussian(few.mean(0), np.cov(few, rowvar=False))
    full, other = gaussian(*target), gaussian(*one)
    assert quick_distances([low, other], full) == [
        quick_distance(low, full),
        pytest.approx(quick_distance(other, full), rel=1e-9),
    ]
    assert quick_distances([other, low], low) == [quick_distance(other, low), quick_distance(low, low)]
    with pytest.raises(InputError, match="Features of size 2 and 300"):
        quick_distances([gaussian(np.zeros(2), np.eye(2))], full)
    assert quick_distances([], full) == []
