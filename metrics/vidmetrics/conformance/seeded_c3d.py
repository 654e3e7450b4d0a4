"""Arrays of a narrow C3D for 101 classes, drawn from a seed. Needs only numpy.

Names are those of conv3d_deepnetA_ucf.npz and mean2.npz (release v1.0 of rezoo/tgan2). The published network has 78
million weights; this one has an eighth of its channels in every layer but the last, and still contains everything that
a port can get wrong: the order of channels, rows and columns, the mean volume, pools that cover the whole input.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTHS: Mapping[str, int] = MappingProxyType(
    {
        "conv1a": 8,
        "conv2a": 16,
        "conv3a": 32,
        "conv3b": 32,
        "conv4a": 64,
        "conv4b": 64,
        "conv5a": 64,
        "conv5b": 64,
        "fc6": 512,
        "fc7": 512,
        "fc8": 101,
    }
)
"""Output channels of each layer, in order."""


def c3d_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each array by its name, kernels ``[out, in, time, height, width]``."""
    shapes: dict[str, tuple[int, ...]] = {"mean": (3, 16, 128, 171)}
    wide = 3
    for name, width in WIDTHS.items():
        # The last pool leaves 4x4 positions.
        shapes[f"{name}/W"] = (width, wide, 3, 3, 3) if name.startswith("conv") else (width, wide)
        if name == "fc6":
            shapes["fc6/W"] = (width, 16 * wide)
        shapes[f"{name}/b"] = (width,)
        wide = width
    return shapes


@lru_cache(maxsize=1)
def seeded_c3d_weights(seed: int) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return float32 arrays, drawn by one generator in sorted order of the names.

    Kernels are normal with variance 2 / fan-in, which preserves the size of activations; the first scales pixel differences
    to about 1, so biases matter, and the last is larger, so clips get different classes. The mean volume is noise around
    one mean per colour, which reveals a shifted window and swapped colours.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(c3d_shapes().items()):
        if name == "mean":
            drawn = generator.uniform(0, 64, shape) + np.array([60.0, 80.0, 100.0]).reshape(3, 1, 1, 1)
        elif name.endswith("/W"):
            gain = {"conv1a/W": 2 / 64**2, "fc8/W": 16}.get(name, 2)
            drawn = generator.normal(0.0, math.sqrt(gain / math.prod(shape[1:])), shape)
        else:
            drawn = generator.normal(0.0, 0.1, shape)
        weights[name] = drawn.astype(np.float32)
    return MappingProxyType(weights)
