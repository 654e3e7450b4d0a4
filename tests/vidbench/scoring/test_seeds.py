"""One seed per sample: a pure function of seed and index."""

from __future__ import annotations

import numpy as np

from vidbench.scoring.seeds import sample_seeds

_MASK = 2**64 - 1


def _splitmix64(state: int) -> int:
    """Compute SplitMix64 slowly and independently, with Python integers."""
    z = state & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)


def test_against_a_slow_version():
    gamma = 0x9E3779B97F4A7C15
    indices = np.array([0, 1, 7, 2**40])
    for seed in (0, 1, 2**63 + 5):
        stream = _splitmix64(seed + gamma)
        expected = [_splitmix64(stream + (int(i) + 1) * gamma) for i in indices]
        assert sample_seeds(seed, indices).tolist() == expected


def test_published_first_output_of_splitmix64():
    # The first output of the published generator from state 0 is 0xE220A8397B1DCDAF.
    assert _splitmix64(0x9E3779B97F4A7C15) == 0xE220A8397B1DCDAF


def test_independent_of_batching_and_without_repeats():
    whole = sample_seeds(3, np.arange(10_000))
    parts = np.concatenate([sample_seeds(3, np.arange(0, 17)), sample_seeds(3, np.arange(17, 10_000))])
    np.testing.assert_array_equal(whole, parts)
    assert len(set(whole.tolist())) == 10_000
    assert not set(whole.tolist()) & set(sample_seeds(4, np.arange(10_000)).tolist())
