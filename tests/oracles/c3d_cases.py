"""Seeded weights and input clips shared by the C3D oracle and the tests. Needs only numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from i3d_cases import ClipCase

WEIGHTS_SEED = 101

CLIP_CASES = (
    ClipCase("mixed-16x64x80", 16, 64, 80, 1, 21),
    ClipCase("pattern-16x112x112", 16, 112, 112, 0, 22),
    ClipCase("noise-16x131x253", 16, 131, 253, 2, 23),
)


def shapes(widths: Mapping[str, int]) -> dict[str, tuple[int, ...]]:
    """Return the shape of every weight of a C3D with these numbers of channels per layer, in order."""
    found, wide = {"mean": (3, 16, 128, 171)}, 3
    for name, width in widths.items():
        if name.startswith("conv"):
            found[f"{name}/W"] = (width, wide, 3, 3, 3)
        else:
            found[f"{name}/W"] = (width, 16 * wide if name == "fc6" else wide)
        found[f"{name}/b"] = (width,)
        wide = width
    return found


def seeded_weights(widths: Mapping[str, int], seed: int) -> dict[str, np.ndarray]:
    """Return float32 weights, drawn by one generator in sorted order of the names.

    Kernels have the variance 2 / fan-in, so that activations keep their size; the first brings differences of pixels to
    about 1, so that biases show. The mean volume is noise, so that a shifted window shows.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(shapes(widths).items()):
        if name == "mean":
            weights[name] = (generator.integers(0, 2048, shape) / 16 + 32).astype(np.float32)
            continue
        scale = math.sqrt(2 / math.prod(shape[1:])) / (64 if name == "conv1a/W" else 1) if name.endswith("W") else 0.1
        weights[name] = generator.standard_normal(shape, dtype=np.float32) * np.float32(scale)
    return weights
