"""The test for copies: counted as a loop counts, with exact chances, and at its level for any model that has copied nothing."""

from __future__ import annotations

from math import comb

import numpy as np
import pytest

from vidmetrics.statistics.exchangeability import SideCounts, chance_of_held_out, chance_of_reference, count_sides


def _looped(samples, reference, held_out):
    """The counts by one comparison after the other."""
    real = [(row, "reference") for row in reference] + [(row, "held-out") for row in held_out]
    found = set()
    for sample in samples:
        distances = [float(((sample - row) ** 2).sum()) for row, _ in real]
        found.add(distances.index(min(distances)))
    return len(found), sum(real[place][1] == "reference" for place in found)


@pytest.mark.parametrize("offset", [0.0, 1000.0], ids=["centred", "far-from-zero"])
def test_counts_are_those_of_a_loop_whatever_the_blocks(offset):
    rng = np.random.default_rng(0)
    samples, reference, held_out = (rng.normal(offset, 1, (n, 5)).astype(np.float32) for n in (40, 50, 30))
    found, in_reference = _looped(samples.astype(float), reference.astype(float), held_out.astype(float))
    for sizes in ([50], [1, 20, 29]):
        blocks = np.split(reference, np.cumsum(sizes)[:-1])
        counts = count_sides(samples, blocks, iter(np.split(held_out, [7])))
        assert counts == SideCounts(50, 30, found, in_reference)


def test_chances_are_those_of_dealt_labels():
    counts = SideCounts(num_reference=6, num_held_out=4, found=5, found_in_reference=4)
    ways = {k: comb(6, k) * comb(4, 5 - k) for k in range(1, 6)}
    total = comb(10, 5)
    assert sum(ways.values()) == total
    assert chance_of_reference(counts) == pytest.approx((ways[4] + ways[5]) / total, rel=1e-12)
    assert chance_of_held_out(counts) == pytest.approx(sum(ways[k] for k in (1, 2, 3, 4)) / total, rel=1e-12)
    assert counts.expected == 3.0


@pytest.mark.parametrize("kind", ["perfect", "narrow", "few", "far"])
def test_a_model_that_has_copied_nothing_is_found_at_the_level_however_bad_it_is(kind):
    rng = np.random.default_rng(1)
    chances = []
    for _ in range(400):
        real = rng.normal(size=(100, 3))
        made = {
            "perfect": lambda: rng.normal(size=(60, 3)),
            "narrow": lambda: 0.3 * rng.normal(size=(60, 3)),
            "few": lambda: np.repeat(rng.normal(size=(8, 3)), 8, axis=0),
            "far": lambda: 5 + rng.normal(size=(60, 3)),
        }[kind]()
        counts = count_sides(made, [real[:70]], [real[70:]])
        chances.append((chance_of_reference(counts), chance_of_held_out(counts)))
    # Exact p-values of a discrete count: at most the level, within three standard errors.
    for level in (0.01, 0.05, 0.2):
        assert (np.array(chances) <= level).mean(axis=0).max() <= level + 3 * np.sqrt(level * (1 - level) / 400)


def test_copies_of_either_side_are_found_and_copies_of_half_are_too():
    rng = np.random.default_rng(2)
    reference, held_out, others = (rng.normal(size=(n, 4)) for n in (400, 100, 100))
    copies = reference[rng.choice(400, 100, replace=False)] + 1e-3 * rng.normal(size=(100, 4))
    assert chance_of_reference(count_sides(copies, [reference], [held_out])) < 1e-9
    assert chance_of_held_out(count_sides(held_out, [reference], [held_out])) < 1e-50
    mixed = np.concatenate([held_out[:50] + 1e-3, others[:50]])
    assert chance_of_held_out(count_sides(mixed, [reference], [held_out])) < 1e-6
    assert chance_of_reference(count_sides(others, [reference], [held_out])) > 1e-3
