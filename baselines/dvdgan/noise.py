"""Seeded randomness that is a pure function of its seed, on every machine and device.

PyTorch's CPU generator keeps only the low 32 bits of a seed, so among 50,000 samples some would share their latent;
Philox takes all 64 bits, and its raw output is fixed for ever, unlike the normal variates of numpy or PyTorch.
"""

from __future__ import annotations

import math

import numpy as np


def mix(*parts: int) -> int:
    """One 64-bit seed from several non-negative integers, e.g. (seed, stream, step)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


def uniform(seed: int, *shape: int) -> np.ndarray:
    """Uniform float64 in (0, 1] of the given shape from a 64-bit seed."""
    raw = np.random.Philox(key=seed).random_raw(math.prod(shape))
    return ((raw >> np.uint64(11)).astype(np.float64) + 1.0).reshape(shape) * 2.0**-53


def normal(seed: int, *shape: int) -> np.ndarray:
    """Standard normal float32 of the given shape from a 64-bit seed (Box-Muller on `uniform`)."""
    radius, angle = uniform(seed, 2, math.prod(shape))
    return (np.sqrt(-2.0 * np.log(radius)) * np.cos(2.0 * np.pi * angle)).astype(np.float32).reshape(shape)


def labels(seed: int, count: int, num_classes: int) -> np.ndarray:
    """Uniform labels int64 ``[count]``."""
    return np.minimum((uniform(seed, count) * num_classes).astype(np.int64), num_classes - 1)


def frame_draws(seed: int, count: int, num_frames: int, k: int) -> np.ndarray:
    """For each of `count` clips its own k different frames, int64 ``[count, k]``."""
    return np.argsort(uniform(seed, count, num_frames), axis=1)[:, :k]


def crop_corners(seed: int, count: int, spare: int) -> np.ndarray:
    """For each of `count` clips the row and the column of a window, each from 0 to `spare`, int64 ``[count, 2]``."""
    return np.minimum((uniform(seed, count, 2) * (spare + 1)).astype(np.int64), spare)
