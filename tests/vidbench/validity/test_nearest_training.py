"""The nearest training clips against a direct search, and how often the threshold flags clips that were held out too."""

from __future__ import annotations

import numpy as np
import pytest

from vidbench.validity.nearest_training import flag_threshold, nearest_training


def test_neighbours_are_those_of_a_direct_search_and_an_exact_copy_is_at_zero():
    rng = np.random.default_rng(0)
    # A large offset costs the squares their digits; the distances must keep them.
    training = 1e4 + rng.normal(size=(90, 7))
    rows = 1e4 + rng.normal(size=(12, 7))
    rows[3] = training[70]
    found = nearest_training(rows, lambda: (training[start : start + 32] for start in range(0, 90, 32)), 4)
    direct = np.sqrt(((rows[:, None] - training[None]) ** 2).sum(axis=2))
    assert np.array_equal(found.clips_NK, np.argsort(direct, axis=1)[:, :4])
    np.testing.assert_allclose(found.distances_NK, np.sort(direct, axis=1)[:, :4], rtol=1e-12)
    assert (found.clips_NK[3, 0], found.distances_NK[3, 0], found.num_training) == (70, 0, 90)
    few = nearest_training(rows, lambda: [training[:2]], 4)
    assert few.clips_NK.shape == (12, 2)


def test_more_samples_than_are_searched_at_once_keep_their_order(monkeypatch):
    monkeypatch.setattr("vidbench.validity.nearest_training._AT_ONCE", 5)
    rows = np.random.default_rng(1).normal(size=(12, 3))
    assert np.array_equal(nearest_training(rows, lambda: [rows], 1).clips_NK[:, 0], np.arange(12))


@pytest.mark.parametrize(("num_held_out", "rank"), [(1, 1), (50, 1), (299, 3), (1000, 10)])
def test_the_threshold_flags_as_many_clips_of_the_same_kind_as_it_says(num_held_out, rank):
    rng = np.random.default_rng(2)
    threshold = flag_threshold(rng.random(num_held_out))
    assert threshold.rank == rank
    shares = [flag_threshold(rng.random(num_held_out)).flags(rng.random(200)).mean() for _ in range(400)]
    assert np.mean(shares) == pytest.approx(threshold.chance, abs=4 * np.std(shares) / 20)


def test_an_exact_copy_is_flagged_even_where_held_out_clips_are_copies():
    threshold = flag_threshold(np.zeros(9))
    assert threshold.flags(np.array([0.0, 1e-9])).tolist() == [True, False]
