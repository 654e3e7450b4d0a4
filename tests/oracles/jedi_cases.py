"""Rows of features shared by the oracle of JEDi's distance and the tests. Needs only numpy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class KernelCase(NamedTuple):
    """Two sets of rows drawn from a seed; the second has another mean and spread."""

    first: int
    second: int
    dim: int
    offset: float
    shift: float
    spread: float
    seed: int


KERNEL_CASES = {
    "few": KernelCase(11, 7, 5, 0.0, 0.4, 1.5, 1),
    "near": KernelCase(40, 50, 6, 0.0, 0.1, 1.1, 2),
    "same": KernelCase(400, 300, 64, 0.0, 0.0, 1.0, 3),
    "many": KernelCase(1100, 900, 96, 0.5, 0.2, 1.2, 4),
    "offset": KernelCase(24, 18, 4, 1000.0, 0.01, 1.0, 5),
}
"""Of the last one, sums of raw products would lose six digits."""


def kernel_rows(case: KernelCase) -> tuple[np.ndarray, np.ndarray]:
    """Return two float64 arrays ``[N, D]``."""
    rng = np.random.default_rng(case.seed)
    first = rng.normal(case.offset, 1.0, (case.first, case.dim))
    return first, rng.normal(case.offset + case.shift, case.spread, (case.second, case.dim))


WEIGHTS_SEED = 301
SMALL = {"width": 48, "depth": 3, "heads": 4, "side": 48, "classes": 7}
"""A small V-JEPA; what is not named is as published: 16 frames, tubelets of 2, patches of 16."""


def network_clips(side: int, count: int = 2, seed: int = 302) -> np.ndarray:
    """Return uint8 clips ``[count, 16, side, side, 3]``."""
    return np.random.default_rng(seed).integers(0, 256, (count, 16, side, side, 3), np.uint8)


def seeded_vjepa(shapes: dict[str, tuple[int, ...]], seed: int = WEIGHTS_SEED) -> dict[str, np.ndarray]:
    """Return float32 tensors drawn by one generator in sorted order of the names, such that every one of them shows."""
    rng = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        drawn = rng.standard_normal(shape, dtype=np.float32)
        if name.endswith("weight") and len(shape) > 1:
            drawn *= np.float32(1.5 / np.sqrt(np.prod(shape[1:])))
        elif "norm" in name:
            drawn = drawn * np.float32(0.3) + np.float32(name.endswith("weight"))
            if name.startswith("encoder.norm."):  # so small that the eps of the pooler's norm shows
                drawn *= np.float32(0.01)
        else:
            drawn *= np.float32(0.5)
        tensors[name] = drawn
    return tensors
