"""Convolutions of one clip or frame by oneDNN, the library behind torch's CPU convolutions, with their weights in its own order.

torch reorders the weights in every call, and for small inputs on one thread it takes a slower kernel. The operators
that ``torch.compile`` inserts avoid both: the weights are reordered once, and ReLU is applied as the sums are stored.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

LAST = torch.channels_last_3d
"""Memory format of every activation: the channels of a pixel are neighbours."""


class Convolution:
    """A convolution with bias and ReLU.

    Args:
        weight: float64 ``[out, in, t, h, w]``, or ``[out, in, h, w]`` for a frame, with batch norm folded in.
        bias: float64 ``[out]``.
        dtype: float32, or bfloat16 with float32 sums.
        sizes: ``(T, H, W)`` of a typical input, or ``(H, W)``. Others are computed too, slower if oneDNN wants another order for them.
        stride: of all axes.
        padding: zeros on both sides of all axes, or of each.
    """

    def __init__(
        self,
        weight: torch.Tensor,
        bias: torch.Tensor,
        dtype: torch.dtype,
        sizes: Sequence[int],
        stride: int = 1,
        padding: int | Sequence[int] = 0,
    ) -> None:
        axes = len(sizes)
        around = [padding] * axes if isinstance(padding, int) else list(padding)
        self._geometry = around, [stride] * axes, [1] * axes, 1
        self._bias = bias.to(dtype)
        self._weight = reordered(weight.to(dtype), sizes, self._geometry)

    def __call__(self, x_NCTHW: torch.Tensor, padding: list[int] | None = None) -> torch.Tensor:
        """Return ``[1, out, T, H, W]``, or ``[1, out, H, W]``, channels last, for another padding of the axes if given."""
        apply: Any = torch.ops.mkldnn._convolution_pointwise
        around, *others = self._geometry
        out: torch.Tensor = apply(x_NCTHW, self._weight, self._bias, padding or around, *others, "relu", [], None)
        return out


def reordered(weight: torch.Tensor, sizes: Sequence[int], geometry: Any) -> torch.Tensor:
    """Return weights ``[out, in, t, h, w]`` in oneDNN's order, for a clip of ``(T, H, W)``; without time, for a frame.

    ``geometry`` is the padding, stride and dilation of the axes, and the number of groups.
    """
    of_torch: Any = torch._C._nn
    reorder = of_torch.mkldnn_reorder_conv2d_weight if len(sizes) == 2 else of_torch.mkldnn_reorder_conv3d_weight
    out: torch.Tensor = reorder(weight.to_mkldnn(), *geometry, [1, weight.shape[1], *sizes])
    return out
