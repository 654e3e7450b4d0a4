"""The tests for copies: their level for samples that copied nothing, and what they find in copies."""

from __future__ import annotations

import numpy as np
import pytest

from vidmetrics.statistics.data_copying import NEIGHBOURS, copying_test, mann_whitney_z, nearest_neighbours


def _sides(rng, reference=400, held_out=100, dim=4):
    return rng.normal(size=(reference, dim)), rng.normal(size=(held_out, dim))


def test_neighbours_are_those_of_brute_force():
    rng = np.random.default_rng(0)
    # A large common offset, with which squares lose digits.
    reference, held_out = (side + 1e5 for side in _sides(rng))
    samples = rng.normal(size=(30, 4)) + 1e5
    found = nearest_neighbours(samples, np.array_split(reference, 7), np.array_split(held_out, 3))
    squares = np.square(samples[:, None] - np.concatenate([reference, held_out])).sum(axis=2)
    np.testing.assert_array_equal(found.clips_NK, squares.argsort(axis=1)[:, :NEIGHBOURS])
    np.testing.assert_allclose(found.squares_NK, np.sort(squares, axis=1)[:, :NEIGHBOURS], rtol=1e-3)
    assert (found.num_reference, found.num_real) == (400, 500)


def test_the_share_is_that_of_a_slow_count():
    rng = np.random.default_rng(1)
    reference, held_out = _sides(rng, 60, 60)
    samples = np.concatenate([reference[:10] + 0.01, rng.normal(size=(20, 4))])
    test = copying_test(nearest_neighbours(samples, [reference], [held_out]))
    distance = [
        [min(np.linalg.norm(sample - clip) for clip in side) for side in (reference, held_out)] for sample in samples
    ]
    assert test.close == np.mean([mine < other / 2 for mine, other in distance])


def test_the_probability_is_uniform_for_a_model_that_copied_nothing_however_bad_it_is():
    rng = np.random.default_rng(2)
    found = []
    for _ in range(60):
        reference, held_out = _sides(rng, 200, 60)
        # Far too typical: nearer to the reference than held-out clips are, without having seen it.
        samples = 0.3 * rng.normal(size=(60, 4))
        found.append(copying_test(nearest_neighbours(samples, [reference], [held_out])).probability)
    assert np.mean(found) == pytest.approx(0.5, abs=4 * 0.29 / 60**0.5)
    assert np.mean(np.array(found) <= 0.1) <= 0.1 + 4 * 0.3 / 60**0.5
    assert min(found) > 0.001


@pytest.mark.parametrize("blur", [0.0, 0.02])
def test_copies_are_found(blur):
    rng = np.random.default_rng(3)
    reference, held_out = _sides(rng)
    copies = reference[:100] + blur * rng.normal(size=(100, 4))
    assert copying_test(nearest_neighbours(copies, [reference], [held_out])).probability == 0.001
    fresh = copying_test(nearest_neighbours(rng.normal(size=(100, 4)), [reference], [held_out]))
    assert fresh.probability > 0.01


def test_the_z_is_that_of_scipy():
    from scipy.stats import mannwhitneyu, norm

    rng = np.random.default_rng(4)
    first, second = rng.normal(size=40), rng.normal(size=70) + 0.4
    expected = norm.isf(
        mannwhitneyu(first, second, alternative="greater", method="asymptotic", use_continuity=False).pvalue
    )
    assert mann_whitney_z(first, second) == pytest.approx(expected, rel=1e-9)
