"""Tensors of the Inception of FID, KID and the Inception Score, drawn from a seed. Needs only numpy.

Names and shapes are those of pt_inception-2015-12-05-6726825d.pth, so pytorch-fid, torch-fidelity and torchmetrics can
load the same numbers.
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

_NUM_CLASSES, _POOL_FEATURES = 1008, 2048

# A convolution: its name, channels in, channels out, height and width of the kernel.
_Convolution = tuple[str, int, int, int, int]


def _block_35(wide: int, pool: int) -> Iterator[_Convolution]:
    yield from (("branch1x1", wide, 64, 1, 1), ("branch5x5_1", wide, 48, 1, 1), ("branch5x5_2", 48, 64, 5, 5))
    yield from (("branch3x3dbl_1", wide, 64, 1, 1), ("branch3x3dbl_2", 64, 96, 3, 3), ("branch3x3dbl_3", 96, 96, 3, 3))
    yield "branch_pool", wide, pool, 1, 1


def _to_17(wide: int) -> Iterator[_Convolution]:
    yield "branch3x3", wide, 384, 3, 3
    yield from (("branch3x3dbl_1", wide, 64, 1, 1), ("branch3x3dbl_2", 64, 96, 3, 3), ("branch3x3dbl_3", 96, 96, 3, 3))


def _block_17(wide: int, inner: int) -> Iterator[_Convolution]:
    yield from (("branch1x1", wide, 192, 1, 1), ("branch7x7_1", wide, inner, 1, 1))
    yield from (("branch7x7_2", inner, inner, 1, 7), ("branch7x7_3", inner, 192, 7, 1))
    yield from (("branch7x7dbl_1", wide, inner, 1, 1), ("branch7x7dbl_2", inner, inner, 7, 1))
    yield from (("branch7x7dbl_3", inner, inner, 1, 7), ("branch7x7dbl_4", inner, inner, 7, 1))
    yield from (("branch7x7dbl_5", inner, 192, 1, 7), ("branch_pool", wide, 192, 1, 1))


def _to_8(wide: int) -> Iterator[_Convolution]:
    yield from (("branch3x3_1", wide, 192, 1, 1), ("branch3x3_2", 192, 320, 3, 3), ("branch7x7x3_1", wide, 192, 1, 1))
    yield from (("branch7x7x3_2", 192, 192, 1, 7), ("branch7x7x3_3", 192, 192, 7, 1), ("branch7x7x3_4", 192, 192, 3, 3))


def _block_8(wide: int) -> Iterator[_Convolution]:
    yield from (("branch1x1", wide, 320, 1, 1), ("branch3x3_1", wide, 384, 1, 1))
    yield from (("branch3x3_2a", 384, 384, 1, 3), ("branch3x3_2b", 384, 384, 3, 1))
    yield from (("branch3x3dbl_1", wide, 448, 1, 1), ("branch3x3dbl_2", 448, 384, 3, 3))
    yield from (("branch3x3dbl_3a", 384, 384, 1, 3), ("branch3x3dbl_3b", 384, 384, 3, 1))
    yield "branch_pool", wide, 192, 1, 1


def _convolutions() -> Iterator[_Convolution]:
    yield from (("Conv2d_1a_3x3", 3, 32, 3, 3), ("Conv2d_2a_3x3", 32, 32, 3, 3), ("Conv2d_2b_3x3", 32, 64, 3, 3))
    yield from (("Conv2d_3b_1x1", 64, 80, 1, 1), ("Conv2d_4a_3x3", 80, 192, 3, 3))
    blocks = {
        "Mixed_5b": _block_35(192, 32),
        "Mixed_5c": _block_35(256, 64),
        "Mixed_5d": _block_35(288, 64),
        "Mixed_6a": _to_17(288),
        "Mixed_6b": _block_17(768, 128),
        "Mixed_6c": _block_17(768, 160),
        "Mixed_6d": _block_17(768, 160),
        "Mixed_6e": _block_17(768, 192),
        "Mixed_7a": _to_8(768),
        "Mixed_7b": _block_8(1280),
        "Mixed_7c": _block_8(2048),
    }
    for block, convolutions in blocks.items():
        for name, wide, out, height, width in convolutions:
            yield f"{block}.{name}", wide, out, height, width


def inception_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each of the 472 tensors by its name, kernels ``[out, in, height, width]``."""
    shapes: dict[str, tuple[int, ...]] = {"fc.weight": (_NUM_CLASSES, _POOL_FEATURES), "fc.bias": (_NUM_CLASSES,)}
    for name, wide, out, height, width in _convolutions():
        shapes[f"{name}.conv.weight"] = (out, wide, height, width)
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.bn.{part}"] = (out,)
    return shapes


@lru_cache(maxsize=1)
def seeded_inception_weights(seed: int) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return float32 tensors, drawn by one generator in sorted order of the names.

    Kernels are normal with variance 2 / fan-in, which preserves the size of activations, and the last layer with variance
    144 / fan-in, so frames get different classes; variances and scales are uniform between 0.5 and 1.5, which reveals a
    wrong epsilon or a missing scale; everything else is normal with standard deviation 0.1.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(inception_shapes().items()):
        if name.endswith(("running_var", "bn.weight")):
            drawn = generator.uniform(low=0.5, high=1.5, size=shape)
        else:
            gain = 144 if name == "fc.weight" else 2
            spread = math.sqrt(gain / math.prod(shape[1:])) if name.endswith(("conv.weight", "fc.weight")) else 0.1
            drawn = generator.normal(loc=0.0, scale=spread, size=shape)
        weights[name] = drawn.astype(np.float32)
    return MappingProxyType(weights)
