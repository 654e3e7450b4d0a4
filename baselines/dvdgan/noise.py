"""Random numbers as pure functions of a seed, the same on every machine and device.

PyTorch's CPU generator uses only the low 32 bits of a seed, so among 50,000 samples some would share their latent. Philox
uses all 64, and its raw output is fixed forever, unlike the normal variates of numpy or PyTorch.
"""

from __future__ import annotations

import math

import numpy as np


def derive_seed(*parts: int) -> int:
    """Derive a 64-bit seed from several non-negative integers, e.g. (seed, stream, step)."""
    return int(np.random.SeedSequence(parts).generate_state(1, np.uint64)[0])


def uniform_variates(seed: int, *shape: int) -> np.ndarray:
    """Draw uniform float64 in (0, 1] from a 64-bit seed."""
    raw = np.random.Philox(key=seed).random_raw(math.prod(shape))
    return ((raw >> np.uint64(11)).astype(np.float64) + 1.0).reshape(shape) * 2.0**-53


def normal_variates(seed: int, *shape: int) -> np.ndarray:
    """Draw standard normal float32 from a 64-bit seed (Box-Muller on `uniform_variates`)."""
    radius, angle = uniform_variates(seed, 2, math.prod(shape))
    return (np.sqrt(-2.0 * np.log(radius)) * np.cos(2.0 * np.pi * angle)).astype(np.float32).reshape(shape)


def label_draws(seed: int, count: int, num_classes: int) -> np.ndarray:
    """Draw uniform labels int64 ``[count]``."""
    return np.minimum((uniform_variates(seed, count) * num_classes).astype(np.int64), num_classes - 1)


def frame_draws(seed: int, count: int, num_frames: int, k: int) -> np.ndarray:
    """Draw k different frames for each clip, int64 ``[count, k]``."""
    return np.argsort(uniform_variates(seed, count, num_frames), axis=1)[:, :k]


def crop_corners(seed: int, count: int, spare: int) -> np.ndarray:
    """Draw the row and column of a window for each clip, each from 0 to `spare`, int64 ``[count, 2]``."""
    return np.minimum((uniform_variates(seed, count, 2) * (spare + 1)).astype(np.int64), spare)
