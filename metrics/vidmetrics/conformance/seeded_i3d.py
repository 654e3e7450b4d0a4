"""Variables of I3D for 400 classes, drawn from a seed, to test the whole network without trained weights.

Names and shapes are those of the published graph (TF-Hub deepmind/i3d-kinetics-400, version 1), so TensorFlow can run it
on the same numbers. Needs only numpy.
"""

from __future__ import annotations

import math
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from vidmetrics.weights.i3d_variables import stored_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping


@lru_cache(maxsize=1)
def seeded_i3d_weights(seed: int) -> Mapping[str, npt.NDArray[np.float32]]:
    """Return float32 variables, drawn by one generator in sorted order of the names.

    Kernels are normal with variance 2 / fan-in, which preserves the size of activations; moving variances are uniform
    between 0.5 and 1.5, which reveals a wrong epsilon; everything else is normal with standard deviation 0.1.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(stored_shapes("i3d-kinetics-400").items()):
        if name.endswith("moving_variance"):
            drawn = generator.uniform(low=0.5, high=1.5, size=shape)
        else:
            spread = math.sqrt(2 / math.prod(shape[:-1])) if name.endswith("/w") else 0.1
            drawn = generator.normal(loc=0.0, scale=spread, size=shape)
        weights[name] = drawn.astype(np.float32)
    return MappingProxyType(weights)
