"""Tile sizes of the kernels by the shape of the convolution.

Tuned on an NVIDIA H200 with ``benchmarks/i3d_gpu_tiles.py`` at batch 64 and by the same method for the Inception; see ``benchmarks/notes.md``. Tiles do not change the order of
sums in ``fast``. In ``exact``, the depth is the number of products that are accumulated in the matrix unit.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Tile:
    """A tile and the compilation options of its program.

    Attributes:
        rows: output pixels.
        wide: output channels of the first accumulator.
        narrow: output channels of the second accumulator, or 0.
        depth: products per step.
        warps: warps per program. For 128 rows and eight warps ptxas serialises the matrix instructions (C7515), so tiles of 128
            rows use four.
        stages: number of buffers in the pipeline of copies.
        vector: fp16 values per copy of inputs: 8 bypass the first-level cache, 4 use it.
    """

    rows: int
    wide: int
    narrow: int = 0
    depth: int = 64
    warps: int = 8
    stages: int = 3
    vector: int = 8


def tile_for(taps: int, columns: int, channels: int, planes: int) -> Tile:
    """Return the tile of a convolution for its taps, output channels, input channels and planes."""
    if planes == 2:  # two accumulators and twice the inputs: tiles are small, and three programs share a multiprocessor
        if columns <= 32:
            return Tile(128, 32, depth=32, warps=4, stages=3 if taps == 9 else 4)
        if taps == 1 and columns >= 640 and channels % 256 == 0:
            return Tile(128, 64, warps=4, stages=2)
        if columns % 96 == 0 and (taps == 1 or columns == 96):
            return Tile(128, 64, 32, depth=32, warps=4)
        if taps == 1 and columns <= 64:
            return Tile(128, 64, warps=4)
        return Tile(128, 64, depth=32, warps=4, stages=4 if taps == 1 else 3)
    if taps == 1:
        if columns <= 32:
            return Tile(128, 32, warps=4)
        if columns >= 640 and channels % 256 == 0:
            return Tile(128, 128, warps=4)
        return Tile(128, 64, 32, depth=32, warps=4, stages=4) if columns % 96 == 0 else Tile(128, 64, warps=4)
    if columns <= 64:
        return Tile(128, 32 if columns <= 32 else 64, depth=32, warps=4, stages=4)
    if columns in (96, 288):
        return Tile(128, 64, 32, depth=32, warps=4, stages=4)
    if columns in (160, 192, 320) or (columns == 384 and channels % 64):
        return Tile(256, 128, 64, depth=32, stages=4)
    if channels % 64 == 0:
        return Tile(128, 128, warps=4)
    return Tile(128, 128, depth=32, warps=4, stages=5)


def first_layer_tile(pixel_planes: int) -> Tile:
    """Return the tile of the first layer."""
    return Tile(128, 64, warps=4, stages=2 if pixel_planes == 2 else 3)


def second_layer_tile(planes: int) -> Tile:
    """Return the tile of the pool and product after the first layer, which has no pipeline."""
    return Tile(64 if planes == 1 else 128, 64, warps=4)


def average_tile() -> Tile:
    """Return the pixels and channels of a program of an average pool."""
    return Tile(16, 64, warps=4)


def pool_tile(planes: int) -> Tile:
    """Return the pixels and channels of a program of a max-pool."""
    return Tile(8, 128 if planes == 1 else 64, warps=4)
