"""Seeded weights, input clips and frames to resize, shared by the I3D oracle and the tests. Needs only numpy.

Every input is a pure function of its case, in integer arithmetic, so that its bytes are the same on every machine.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

WEIGHTS_SEED = 0


@dataclass(frozen=True)
class ClipCase:
    """One input clip: its size, and the fraction of noise (0, 1 or 2 halves) in a moving pattern."""

    name: str
    frames: int
    height: int
    width: int
    noise_halves: int
    seed: int

    def clip(self) -> np.ndarray:
        """Return the clip, uint8 ``[T, H, W, 3]``."""
        shape = (self.frames, self.height, self.width, 3)
        noise = np.random.default_rng(self.seed).integers(0, 256, shape, dtype=np.uint8)
        mixed = noise.astype(np.int64) * self.noise_halves + _pattern(*shape[:3]) * (2 - self.noise_halves)
        return (mixed // 2).astype(np.uint8)


CLIP_CASES = (
    ClipCase("pattern-9x224x224", 9, 224, 224, 0, 1),
    ClipCase("noise-12x224x224", 12, 224, 224, 2, 2),
    ClipCase("pattern-12x224x224", 12, 224, 224, 0, 3),
    ClipCase("pattern-16x224x224", 16, 224, 224, 0, 4),
    ClipCase("mixed-48x224x224", 48, 224, 224, 1, 5),
    ClipCase("pattern-16x64x64", 16, 64, 64, 0, 6),
    ClipCase("mixed-12x48x80", 12, 48, 80, 1, 7),
    ClipCase("pattern-9x301x253", 9, 301, 253, 0, 8),
)


def _triangle(value: np.ndarray) -> np.ndarray:
    return 255 - np.abs(value % 510 - 255)


def _pattern(frames: int, height: int, width: int) -> np.ndarray:
    """Return moving smooth waves, with a block that moves across and inverts them; int64 ``[T, H, W, 3]``."""
    t, y, x = np.meshgrid(*(np.arange(size) for size in (frames, height, width)), indexing="ij")
    # In units of a 224-pixel frame, so clips of all sizes look similar.
    v, u = y * 224 // height, x * 224 // width
    waves = np.stack([_triangle(3 * u + 11 * t), _triangle(2 * v - 17 * t + u), _triangle(u * v // 24 + 7 * t)], -1)
    block = (np.abs(v - 40 - 9 * t) % 224 < 30) & (np.abs(u - 150 + 6 * t) % 224 < 45)
    return np.where(block[..., None], 255 - waves, waves)


@dataclass(frozen=True)
class ResizeCase:
    """Frames ``[2, height, width, 3]`` to resize to ``out_height`` x ``out_width``; integers 0..255 or fractions."""

    height: int
    width: int
    out_height: int
    out_width: int
    fractions: bool = False

    @property
    def name(self) -> str:
        """Name of the answer."""
        kind = "fractions" if self.fractions else "integers"
        return f"{kind}-{self.height}x{self.width}-to-{self.out_height}x{self.out_width}"

    def frames(self) -> np.ndarray:
        """Return the frames, float32 ``[2, height, width, 3]``."""
        rng = np.random.default_rng([self.height, self.width, self.out_height, self.out_width])
        shape = (2, self.height, self.width, 3)
        if self.fractions:
            return rng.integers(-(2**20), 2**20, shape).astype(np.float32) / np.float32(4099)
        return rng.integers(0, 256, shape).astype(np.float32)


RESIZE_CASES = (
    ResizeCase(7, 5, 11, 13),
    ResizeCase(7, 5, 11, 13, fractions=True),
    ResizeCase(13, 17, 31, 9),
    ResizeCase(31, 64, 17, 23),
    ResizeCase(48, 80, 37, 41, fractions=True),
    ResizeCase(100, 3, 7, 50),
    ResizeCase(16, 16, 32, 32),
    ResizeCase(3, 224, 224, 3),
    ResizeCase(9, 9, 9, 9, fractions=True),
    ResizeCase(1, 1, 3, 4),
    ResizeCase(5, 6, 1, 1),
)


def seeded_weights(shapes: Mapping[str, list[int]], seed: int) -> dict[str, np.ndarray]:
    """Return float32 weights of the given shapes, drawn by one generator in sorted order of the names.

    Convolution kernels have the variance 2 / fan-in, so that activations keep their size; moving variances lie around
    1, so that a wrong epsilon shows.
    """
    generator = np.random.default_rng(seed)
    weights = {}
    for name, shape in sorted(shapes.items()):
        if "moving_variance" in name:
            drawn = generator.uniform(low=0.5, high=1.5, size=shape)
        else:
            kernel = name.rsplit("/", 1)[-1] == "w"
            drawn = generator.normal(loc=0.0, scale=math.sqrt(2 / math.prod(shape[:-1])) if kernel else 0.1, size=shape)
        weights[name] = drawn.astype(np.float32)
    return weights


def sha256_of(arrays: Mapping[str, np.ndarray]) -> str:
    """Return one digest of named arrays: names, dtypes, shapes and little-endian bytes, in sorted order of the names."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        little = np.ascontiguousarray(array).astype(array.dtype.newbyteorder("<"))
        digest.update(f"{name} {little.dtype.str} {list(little.shape)}\n".encode())
        digest.update(little.tobytes())
    return digest.hexdigest()
