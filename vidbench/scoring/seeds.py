"""One seed per sample, from the seed of the run and the index of the sample."""

from __future__ import annotations

import numpy as np

# SplitMix64 (Steele, Lea, Flood 2014): a bijection on 64 bits, so distinct indices never share a seed.
_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)


def _mix(state: np.ndarray) -> np.ndarray:
    state = (state ^ (state >> np.uint64(30))) * _MIX_1
    state = (state ^ (state >> np.uint64(27))) * _MIX_2
    return state ^ (state >> np.uint64(31))


def sample_seeds(seed: int, indices: np.ndarray) -> np.ndarray:
    """Return uint64 ``[N]`` seeds for int64 ``[N]`` indices, independent of batching.

    Args:
        seed: seed of the run, 0 to 2^64 - 1.
        indices: indices of the samples in the evaluation.
    """
    with np.errstate(over="ignore"):
        stream = _mix(np.array([seed], dtype=np.uint64) + _GAMMA)
        return _mix(stream + (indices.astype(np.uint64) + np.uint64(1)) * _GAMMA)
