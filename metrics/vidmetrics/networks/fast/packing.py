"""Convolution weights in the layout of the matrix products: batch norm folded in, fp16, padded.

Products read fp16 and accumulate in float32. ``fast`` represents a number by one fp16 number of 11 bits, ``exact`` by the sum of
two, 22 bits. A product of two such sums takes three fp16 products; the fourth, of the two low parts, is smaller than
float32's rounding error. (Ootomo and Yokota, "Recovering single precision accuracy
from Tensor Cores", IJHPCA 36, 2022, arXiv 2203.03341.)

The weights of each output channel are scaled by a power of two so that the largest is in [8, 16). High parts then have fp16's full
precision, and low parts enough range. The scale is undone in float32 after accumulation.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal, cast

import torch

from vidmetrics.networks.i3d import Triple, _Unit
from vidmetrics.networks.inception import _Unit as _FrameUnit

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
        lowest: float32 ``[columns]``, the smallest result: 0 for ReLU, minus infinity for sums that are stored as they are.
        columns: number of outputs; the columns after them are padding.
        kernel: taps in time, rows and columns.
        channels: input channels, which are the rows per tap except for padding.
        block: rows per step of the product.
        stride: in rows and columns; 1 in time.
        padded: whether zeros surround the input, so that with a stride of 1 there are as many outputs as inputs.
    """

    matrix: torch.Tensor
    scale: torch.Tensor
    bias: torch.Tensor
    lowest: torch.Tensor
    columns: int
    kernel: Triple
    channels: int
    block: int
    stride: int = 1
    padded: bool = True

    @property
    def taps(self) -> int:
        """Number of taps."""
        return math.prod(self.kernel)

    @property
    def before(self) -> Triple:
        """Zeros before the first frame, row and column."""
        return tuple(size // 2 if self.padded else 0 for size in self.kernel)  # type: ignore[return-value]

    def sizes(self, height: int, width: int) -> tuple[int, int]:
        """Return the rows and columns of the output."""
        rows, columns = (
            (size + (2 * zeros if self.padded else 0) - taps) // self.stride + 1
            for size, zeros, taps in zip((height, width), self.before[1:], self.kernel[1:], strict=True)
        )
        return rows, columns

    def to(self, device: torch.device) -> Packed:
        """Return the same weights on a device."""
        names = ("matrix", "scale", "bias", "lowest")
        return replace(self, **{name: getattr(self, name).to(device) for name in names})


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


def fold_frames(unit: _FrameUnit) -> tuple[torch.Tensor, torch.Tensor]:
    """Return a unit's weights ``[out, in, 1, h, w]`` and bias ``[out]`` with its batch norm folded in, float64."""
    norm = unit.bn
    weight, gamma, beta, mean, variance = (
        cast(torch.Tensor, t).detach().double()
        for t in (unit.conv.weight, norm.weight, norm.bias, norm.running_mean, norm.running_var)
    )
    gain = gamma * torch.rsqrt(variance + norm.eps)
    return (weight * gain[:, None, None, None])[:, :, None], beta - mean * gain


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
    kernel: Triple,
    channels: int,
    block: int,
    widest: int = WIDEST_TILE,
) -> Packed:
    """Scale, split and pad a float64 matrix ``[..., rows, columns]`` and its bias ``[columns]``.

    ``widest`` is the maximum number of columns of a tile; the other arguments are those of `Packed`.
    """
    scale = column_scale(matrix)
    padded = round_up(matrix.shape[-1] + widest - 16, 64)
    full = matrix.new_zeros(*matrix.shape[:-1], padded)
    full[..., : matrix.shape[-1]] = matrix * scale
    scale_full, bias_full = matrix.new_ones(padded), matrix.new_zeros(padded)
    scale_full[: len(scale)], bias_full[: len(bias)] = 1 / scale, bias
    return Packed(
        split(full, planes).contiguous(),
        scale_full.float(),
        bias_full.float(),
        torch.zeros(padded),
        matrix.shape[-1],
        kernel,
        channels,
        block,
    )


def pack_pointwise(
    units: list[tuple[torch.Tensor, torch.Tensor]], paddings: list[int], planes: int, raw: int | None = None
) -> Packed:
    """Pack several 1x1x1 convolutions of one input as one product.

    Args:
        units: folded weights and biases.
        paddings: columns reserved for each, at least its outputs; the others are zero and give zeros.
        planes: as for `Planes`.
        raw: index of a unit whose sums are stored without its bias and without ReLU.
    """
    channels = units[0][0].shape[1]
    matrix = units[0][0].new_zeros(round_up(channels, POINTWISE_BLOCK), sum(paddings))
    bias = units[0][1].new_zeros(sum(paddings))
    lowest = torch.zeros(sum(paddings))
    column = 0
    for i, ((weight, offset), width) in enumerate(zip(units, paddings, strict=True)):
        matrix[:channels, column : column + len(offset)] = weight.flatten(1).T
        if i == raw:
            lowest[column : column + len(offset)] = -torch.inf
        else:
            bias[column : column + len(offset)] = offset
        column += width
    packed = pack_matrix(matrix, bias, planes, kernel=(1, 1, 1), channels=channels, block=POINTWISE_BLOCK)
    packed.lowest[: len(lowest)] = lowest
    return packed


def block_of(channels: int) -> int:
    """Return the channels per step of a product: the largest of 64, 32 and 16 that divides them."""
    return 64 if channels % 64 == 0 else 32 if channels % 32 == 0 else 16


def pack_taps(
    unit: tuple[torch.Tensor, torch.Tensor], channels: int, planes: int, stride: int = 1, padded: bool = True
) -> Packed:
    """Pack a convolution of several taps.

    Rows are in the order of the kernel's loop: time tap, block of channels, row tap, column tap, channel within the block. The
    taps of one frame therefore read the same cache lines one after the other.

    Args:
        unit: folded weights ``[out, in, t, h, w]``, each size odd, and bias.
        channels: input channels including padding, a multiple of 16.
        planes: as for `Planes`.
        stride: see `Packed`.
        padded: see `Packed`.
    """
    weight, bias = unit
    t, h, w = weight.shape[2:]
    block = block_of(channels)
    full = weight.new_zeros(weight.shape[0], channels, t, h, w)
    full[:, : weight.shape[1]] = weight
    blocks = full.reshape(weight.shape[0], channels // block, block, t, h, w)
    matrix = blocks.permute(3, 1, 4, 5, 2, 0).reshape(t * h * w * channels, weight.shape[0])
    packed = pack_matrix(matrix, bias, planes, kernel=(t, h, w), channels=channels, block=block)
    return replace(packed, stride=stride, padded=padded)


def unpack_taps(packed: Packed) -> torch.Tensor:
    """Restore the layout before `pack_taps`: float64 ``[out, channels, t, h, w]``, still scaled, including padding."""
    t, h, w = packed.kernel
    matrix = packed.matrix.double().sum(0)[:, : packed.columns]
    blocks = matrix.reshape(t, packed.channels // packed.block, h, w, packed.block, packed.columns)
    return blocks.permute(5, 1, 4, 0, 2, 3).reshape(packed.columns, packed.channels, t, h, w)
