"""Frames and weights shared by the oracle of LPIPS and the tests. Needs only numpy."""

from __future__ import annotations

import numpy as np

WEIGHTS_SEED = 311
SIDES = (32, 45)


def frame_pairs(side: int, count: int = 2, seed: int = 312) -> tuple[np.ndarray, np.ndarray]:
    """Return two arrays of uint8 frames ``[count, side, side + 5, 3]``; the last pair differs in one level of grey only."""
    rng = np.random.default_rng(seed)
    first, second = (rng.integers(0, 255, (count, side, side + 5, 3), np.uint8) for _ in range(2))
    second[-1] = first[-1] + np.uint8(1)
    return first, second


def seeded_backbone(shapes: dict[str, tuple[int, ...]], seed: int = WEIGHTS_SEED) -> dict[str, np.ndarray]:
    """Return float32 tensors drawn by one generator in sorted order of the names."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        spread = np.sqrt(2 / np.prod(shape[1:])) if name.endswith("weight") else 0.1
        tensors[name] = rng.standard_normal(shape, dtype=np.float32) * np.float32(spread)
    return tensors
