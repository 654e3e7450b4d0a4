"""Tensors of a small VideoMAE and a small V-JEPA, drawn from a seed. Needs only numpy.

Names are those of the published checkpoints; sizes that are not given here are the published ones: 16 frames, tubelets of 2.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from vidmetrics.weights.videomae_tensors import VideoMAESizes, videomae_shapes
from vidmetrics.weights.vjepa_tensors import Sizes, tensor_shapes

SMALL_VIDEOMAE = VideoMAESizes(width=44, depth=2, heads=4, hidden=192, side=28, classes=5)
SMALL_VJEPA = Sizes(width=48, depth=2, heads=4, side=32, classes=5)


def seeded_videomae_weights(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return the float32 tensors of `SMALL_VIDEOMAE`."""
    return _drawn_such_that_all_show(videomae_shapes(SMALL_VIDEOMAE), seed)


def seeded_vjepa_weights(seed: int) -> dict[str, npt.NDArray[np.float32]]:
    """Return the float32 tensors of `SMALL_VJEPA`; the encoder's last norm makes features so small that the eps of the pooler shows."""
    tensors = _drawn_such_that_all_show(tensor_shapes(SMALL_VJEPA), seed)
    return {name: v * np.float32(0.01) if name.startswith("encoder.norm.") else v for name, v in tensors.items()}


def _drawn_such_that_all_show(shapes: Mapping[str, tuple[int, ...]], seed: int) -> dict[str, npt.NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in sorted(shapes.items()):
        drawn = generator.standard_normal(shape, dtype=np.float32)
        if name.endswith("weight") and len(shape) > 1:
            drawn *= np.float32(1.5 / np.sqrt(np.prod(shape[1:])))
        elif "norm" in name:
            drawn = drawn * np.float32(0.3) + np.float32(name.endswith("weight"))
        else:
            drawn *= np.float32(0.5)
        tensors[name] = drawn
    return tensors
