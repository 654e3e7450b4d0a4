"""Clips and weights shared by the oracle of VideoMAE and the tests. Needs only numpy."""

from __future__ import annotations

import numpy as np

WEIGHTS_SEED = 321
SMALL = {"width": 44, "depth": 3, "heads": 4, "hidden": 192, "side": 42, "classes": 7}
"""A small VideoMAE; what is not named is as published: 16 frames, tubelets of 2, patches of 14, hidden width times 48/11."""


def clips_of(height: int = 30, width: int = 50, count: int = 2, seed: int = 322) -> np.ndarray:
    """Return uint8 clips ``[count, 16, height, width, 3]``."""
    return np.random.default_rng(seed).integers(0, 256, (count, 16, height, width, 3), np.uint8)


def seeded_videomae(shapes: dict[str, tuple[int, ...]], seed: int = WEIGHTS_SEED) -> dict[str, np.ndarray]:
    """Return float32 tensors drawn by one generator in sorted order of the names, such that every one of them shows."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        drawn = rng.standard_normal(shape, dtype=np.float32)
        if len(shape) > 1:
            drawn *= np.float32(1.5 / np.sqrt(np.prod(shape[1:])))
        elif "norm" in name:
            drawn = drawn * np.float32(0.3) + np.float32(name.endswith("weight"))
        else:
            drawn *= np.float32(0.5)
        tensors[name] = drawn
    return tensors
