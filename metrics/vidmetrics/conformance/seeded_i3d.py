"""Variables of I3D for 400 classes, drawn from a seed: the whole network can be held to account without trained weights.

Names and shapes are those of the published graph (TF-Hub deepmind/i3d-kinetics-400, version 1), so that TensorFlow can
run it on the same numbers. Needs only numpy.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SCOPE = "RGB/inception_i3d/"

# Channels in, then of the branches: 1x1 | 1x1, 3x3 | 1x1, 3x3 | 1x1 after the pool.
_MIXED = {
    "3b": (192, 64, 96, 128, 16, 32, 32),
    "3c": (256, 128, 128, 192, 32, 96, 64),
    "4b": (480, 192, 96, 208, 16, 48, 64),
    "4c": (512, 160, 112, 224, 24, 64, 64),
    "4d": (512, 128, 128, 256, 24, 64, 64),
    "4e": (512, 112, 144, 288, 32, 64, 64),
    "4f": (528, 256, 160, 320, 32, 128, 128),
    "5b": (832, 256, 160, 320, 32, 128, 128),
    "5c": (832, 384, 192, 384, 48, 128, 128),
}


def _convolutions() -> Iterator[tuple[str, int, int, int]]:
    """Yield the convolutions with batch norm: name, kernel size, channels in, channels out."""
    yield from (("Conv3d_1a_7x7", 7, 3, 64), ("Conv3d_2b_1x1", 1, 64, 64), ("Conv3d_2c_3x3", 3, 64, 192))
    for block, (wide, b0, b1a, b1b, b2a, b2b, b3) in _MIXED.items():
        last = "Conv3d_0a_3x3" if block == "5b" else "Conv3d_0b_3x3"  # so named in the published graph
        yield f"Mixed_{block}/Branch_0/Conv3d_0a_1x1", 1, wide, b0
        yield f"Mixed_{block}/Branch_1/Conv3d_0a_1x1", 1, wide, b1a
        yield f"Mixed_{block}/Branch_1/Conv3d_0b_3x3", 3, b1a, b1b
        yield f"Mixed_{block}/Branch_2/Conv3d_0a_1x1", 1, wide, b2a
        yield f"Mixed_{block}/Branch_2/{last}", 3, b2a, b2b
        yield f"Mixed_{block}/Branch_3/Conv3d_0b_1x1", 1, wide, b3


def i3d_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each of the 230 variables by its TensorFlow name, kernels ``[kt, kh, kw, in, out]``."""
    shapes: dict[str, tuple[int, ...]] = {
        f"{SCOPE}Logits/Conv3d_0c_1x1/conv_3d/w": (1, 1, 1, 1024, 400),
        f"{SCOPE}Logits/Conv3d_0c_1x1/conv_3d/b": (400,),
    }
    for name, size, channels_in, channels_out in _convolutions():
        shapes[f"{SCOPE}{name}/conv_3d/w"] = (size, size, size, channels_in, channels_out)
        for part in ("beta", "moving_mean", "moving_variance"):
            shapes[f"{SCOPE}{name}/batch_norm/{part}"] = (1, 1, 1, 1, channels_out)
    return shapes


@lru_cache(maxsize=1)
def seeded_i3d_weights(seed: int) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return float32 variables by one generator that goes through the names in sorted order.

    Kernels are normal with variance 2 / fan-in, so that activations keep their size; moving variances are uniform
    between 0.5 and 1.5, so that a wrong epsilon shows; everything else is normal with standard deviation 0.1.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(i3d_shapes().items()):
        if name.endswith("moving_variance"):
            drawn = generator.uniform(low=0.5, high=1.5, size=shape)
        else:
            spread = math.sqrt(2 / math.prod(shape[:-1])) if name.endswith("/w") else 0.1
            drawn = generator.normal(loc=0.0, scale=spread, size=shape)
        weights[name] = drawn.astype(np.float32)
    return MappingProxyType(weights)
