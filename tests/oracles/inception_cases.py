"""Seeded weights and input clips shared by the Inception oracles and the tests. Needs only numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from i3d_cases import ClipCase

WEIGHTS_SEED = 20151205

CLIP_CASES = (
    ClipCase("noise-1x32x32", 1, 32, 32, 2, 11),
    ClipCase("pattern-2x32x32", 2, 32, 32, 0, 12),
    ClipCase("mixed-2x64x48", 2, 64, 48, 1, 13),
    ClipCase("pattern-1x64x48", 1, 64, 48, 0, 14),
    ClipCase("noise-1x299x299", 1, 299, 299, 2, 15),
    ClipCase("pattern-1x299x299", 1, 299, 299, 0, 16),
)


def seeded_weights(shapes: Mapping[str, list[int]], seed: int) -> dict[str, np.ndarray]:
    """Return float32 weights of the given shapes, drawn by one generator in sorted order of the names.

    Convolution kernels have the variance 2 / fan-in, so that activations keep their size; variances lie around 1, so
    that a wrong epsilon shows; scales and biases differ from 1 and 0, so that a forgotten one shows.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(shapes.items()):
        if name.endswith(("bn.weight", "running_var")):
            drawn = generator.uniform(low=0.5, high=1.5, size=shape)
        elif name.endswith("conv.weight"):
            drawn = generator.normal(loc=0.0, scale=math.sqrt(2 / math.prod(shape[1:])), size=shape)
        elif name == "fc.weight":
            drawn = generator.normal(loc=0.0, scale=math.sqrt(1 / shape[1]), size=shape)
        else:
            drawn = generator.normal(loc=0.0, scale=0.1, size=shape)
        weights[name] = drawn.astype(np.float32)
    return weights
