"""Convolution weights in the layout of the matrix products: batch norm folded in, fp16, padded.

Products read fp16 and accumulate in float32. ``fast`` represents a number by one fp16 number of 11 bits, ``exact`` by the sum of
two, 22 bits. A product of two such sums takes three fp16 products; the fourth, of the two low parts, is smaller than
float32's rounding error. (Ootomo and Yokota, "Recovering single precision accuracy
from Tensor Cores", IJHPCA 36, 2022, arXiv 2203.03341.)

The weights of each output channel are scaled by a power of two so that the largest is in [8, 16). High parts then have fp16's full
precision, and low parts enough range. The scale is undone in float32 after accumulation.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import torch

from vidmetrics.networks.i3d import _Unit

Planes = Literal[1, 2]
"""Number of fp16 numbers that represent one number: 1 for ``fast``, 2 (high, low) for ``exact``."""

LARGEST = 65504.0
"""Largest finite fp16 number."""

WIDEST_TILE = 256
"""Maximum number of columns of a tile; matrices are padded so that tiles stay inside them."""


@dataclass(frozen=True)
class Packed:
    """The weights of one convolution.

    Attributes:
        matrix: fp16 ``[planes, rows, columns]``, contiguous; the order of rows depends on the function that packed it.
        scale: float32 ``[columns]``, powers of two that multiply the accumulated products.
        bias: float32 ``[columns]``, added after scaling.
        columns: number of outputs; the columns after them are padding.
        taps: 27 for a 3x3x3 convolution, 1 for 1x1x1.
        channels: input channels, which are the rows per tap except for padding.
        block: rows per step of the product.
    """

    matrix: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor
    columns: int
    taps: int
    channels: int
    block: int

    def to(self, device: torch.device) -> Packed:
        """Return the same weights on a device."""
        matrix, scale, bias = (t.to(device) for t in (self.matrix, self.scale, self.bias))
        return replace(self, matrix=matrix, scale=scale, bias=bias)


POINTWISE_BLOCK = 64
"""Channels per step of a 1x1x1 convolution; rows are padded to a multiple of this."""


def fold(unit: _Unit) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a unit's weights ``[out, in, t, h, w]`` and bias ``[out]`` with its batch norm folded in, float64, on the CPU."""
    weight, beta, mean, variance = (
        t.detach().double().cpu()
        for t in (unit.weight, unit.beta, unit.get_buffer("mean"), unit.get_buffer("variance"))
    )
    gain = torch.rsqrt(variance + unit.eps)
    return weight * gain[:, None, None, None, None], beta - mean * gain


def split(values: torch.Tensor, planes: int) -> torch.Tensor:
    """Return fp16 ``[planes, ...]`` whose sum over planes approximates float32 or float64 values.

    The relative error is at most 2^-11 for one plane and 2^-22 for two; below 2^-14 the absolute error is at most 2^-25.
    """
    high = values.half()
    if planes == 1:
        return high[None]
    return torch.stack([high, (values - high.to(values.dtype)).half()])


def column_scale(matrix: torch.Tensor) -> torch.Tensor:
    """Return ``[columns]`` powers of two that bring the largest magnitude of each column of ``[..., columns]`` into [8, 16)."""
    largest = matrix.abs().flatten(0, -2).amax(0)
    exponent = torch.where(largest > 0, torch.frexp(largest).exponent, 4)
    # Keeps the scale itself within float32; batch norm keeps real weights far from these limits.
    return torch.ldexp(torch.ones_like(largest), (4 - exponent).clamp(-100, 100))


def round_up(size: int, multiple: int) -> int:
    """Return the smallest multiple that is not less than size."""
    return -(-size // multiple) * multiple


def pack_matrix(
    matrix: torch.Tensor,
    bias: torch.Tensor,
    planes: int,
    *,
    taps: int,
    channels: int,
    block: int,
    widest: int = WIDEST_TILE,
) -> Packed:
    """Scale, split and pad a float64 matrix ``[..., rows, columns]`` and its bias ``[columns]``.

    ``widest`` is the maximum number of columns of a tile.
    """
    scale = column_scale(matrix)
    padded = round_up(matrix.shape[-1] + widest - 16, 64)
    full = matrix.new_zeros(*matrix.shape[:-1], padded)
    full[..., : matrix.shape[-1]] = matrix * scale
    scale_full, bias_full = matrix.new_ones(padded), matrix.new_zeros(padded)
    scale_full[: len(scale)], bias_full[: len(bias)] = 1 / scale, bias
    return Packed(
        split(full, planes).contiguous(), scale_full.float(), bias_full.float(), matrix.shape[-1], taps, channels, block
    )


def pack_pointwise(units: list[tuple[torch.Tensor, torch.Tensor]], paddings: list[int], planes: int) -> Packed:
    """Pack several 1x1x1 convolutions of one input as one product.

    Args:
        units: folded weights and biases.
        paddings: columns reserved for each, at least its outputs; the others are zero and give zeros.
        planes: as for `Planes`.
    """
    channels = units[0][0].shape[1]
    matrix = units[0][0].new_zeros(round_up(channels, POINTWISE_BLOCK), sum(paddings))
    bias = units[0][1].new_zeros(sum(paddings))
    column = 0
    for (weight, offset), width in zip(units, paddings, strict=True):
        matrix[:channels, column : column + len(offset)] = weight.flatten(1).T
        bias[column : column + len(offset)] = offset
        column += width
    return pack_matrix(matrix, bias, planes, taps=1, channels=channels, block=POINTWISE_BLOCK)


def block_of(channels: int) -> int:
    """Return the channels per step of a product: the largest of 64, 32 and 16 that divides them."""
    return 64 if channels % 64 == 0 else 32 if channels % 32 == 0 else 16


def pack_cube(unit: tuple[torch.Tensor, torch.Tensor], channels: int, planes: int) -> Packed:
    """Pack a 3x3x3 convolution.

    Rows are in the order of the kernel's loop: time tap, block of channels, row tap, column tap, channel within the block. Nine
    consecutive taps therefore read the same cache lines.

    Args:
        unit: folded weights ``[out, in, 3, 3, 3]`` and bias.
        channels: input channels including padding, a multiple of 16.
        planes: as for `Planes`.
    """
    weight, bias = unit
    block = block_of(channels)
    full = weight.new_zeros(weight.shape[0], channels, 3, 3, 3)
    full[:, : weight.shape[1]] = weight
    blocks = full.reshape(weight.shape[0], channels // block, block, 3, 3, 3)
    matrix = blocks.permute(3, 1, 4, 5, 2, 0).reshape(27 * channels, weight.shape[0])
    return pack_matrix(matrix, bias, planes, taps=27, channels=channels, block=block)


def unpack_cube(packed: Packed) -> torch.Tensor:
    """Restore the layout before `pack_cube`: float64 ``[out, channels, 3, 3, 3]``, still scaled, including padding."""
    matrix = packed.matrix.double().sum(0)[:, : packed.columns]
    blocks = matrix.reshape(3, packed.channels // packed.block, 3, 3, packed.block, packed.columns)
    return blocks.permute(5, 1, 4, 0, 2, 3).reshape(packed.columns, packed.channels, 3, 3, 3)
