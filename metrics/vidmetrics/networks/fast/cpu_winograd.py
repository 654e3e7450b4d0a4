"""3x3x3 convolutions with "SAME" padding by minimal filtering along time, in float32.

Four frames of the output are computed from six products of 1x3x3 convolutions instead of twelve: the six frames that they see and
the three taps of the weights are taken as polynomials, evaluated at 0, `NEAR`, -`NEAR`, `FAR`, -`FAR` and infinity, multiplied, and
interpolated. (Winograd, "Arithmetic complexity of computations", 1980; Lavin and Gray, arXiv 1509.09308, for convolutions.) Only
whole frames are added and multiplied by numbers, so it costs little. The points decide the rounding error: with 3/4 and 3/2, as Barabasz et
al. (arXiv 1803.10986) suggest small fractions, it is below that of the direct convolution, whose sums are longer (benchmarks/notes.md).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Any

import torch

from vidmetrics.networks.fast.cpu_convolution import Convolution, reordered

NEAR, FAR = 0.75, 1.5
TILE = 4
"""Output frames per tile."""
WORTH = 0.7
"""Largest number of products, of those of the direct convolution, with which the additions still pay."""

_GEOMETRY: Any = [0, 1, 1], [1, 1, 1], [1, 1, 1], 1


class Cube:
    """A 3x3x3 convolution of stride 1 with bias and ReLU, by tiles of four frames where that is quicker.

    Args:
        folded: returns float64 weights ``[out, in, 3, 3, 3]`` with batch norm folded in, and bias.
        sizes: ``(T, H, W)`` of a typical input.
    """

    def __init__(self, folded: Callable[[], tuple[torch.Tensor, torch.Tensor]], sizes: tuple[int, int, int]) -> None:
        self._folded = folded
        self._sizes = sizes

    def __call__(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        """Return ``[1, out, T, H, W]``, channels last."""
        return self._by_tiles(x_NCTHW) if tiled(x_NCTHW.shape[2]) else self._direct(x_NCTHW)

    @cached_property
    def _direct(self) -> Convolution:
        return Convolution(*self._folded(), torch.float32, self._sizes, padding=1)

    @cached_property
    def _packed(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        """Weights of the six 1x3x3 convolutions, and the bias."""
        weight, bias = self._folded()
        taps = weight.movedim(2, 0)  # T O I H W
        planes = (evaluation() @ taps.reshape(3, -1)).reshape(6, *taps.shape[1:])
        sizes = (1, *self._sizes[1:])
        return [reordered(plane[:, :, None].float(), sizes, _GEOMETRY) for plane in planes], bias.float()

    def _by_tiles(self, x_NCTHW: torch.Tensor) -> torch.Tensor:
        _, C, T, H, W = x_NCTHW.shape
        frames = -(-T // TILE) * TILE
        padded_THWC = x_NCTHW.new_zeros(frames + 2, H, W, C)
        padded_THWC[1 : T + 1] = x_NCTHW[0].permute(1, 2, 3, 0)
        out_THWC = x_NCTHW.new_empty(frames, H, W, len(self._packed[1]))
        for first in range(0, frames, TILE):
            self._tile(padded_THWC[first : first + TILE + 2], out_THWC[first : first + TILE])
        return out_THWC[:T].permute(3, 0, 1, 2)[None]

    def _tile(self, x_THWC: torch.Tensor, out_THWC: torch.Tensor) -> None:
        """Compute four frames from the six that they see."""
        weights, bias = self._packed
        at_zero, even_near, odd_near, even_far, odd_far, at_infinity = _evaluate(x_THWC)
        near, near_minus = _product(even_near + odd_near, weights[1]), _product(even_near - odd_near, weights[2])
        far, far_minus = _product(even_far + odd_far, weights[3]), _product(even_far - odd_far, weights[4])
        sum_near, sum_far = near + near_minus, far + far_minus
        difference_near, difference_far = near.sub_(near_minus), far.sub_(far_minus)
        first, second, third, last = torch.split(out_THWC, 1)
        torch.add(sum_near, sum_far, out=first)
        _add_product(first, at_zero, weights[0], bias)
        torch.mul(difference_near, NEAR, out=second).add_(difference_far, alpha=FAR).add_(bias).relu_()
        torch.mul(sum_near, NEAR**2, out=third).add_(sum_far, alpha=FAR**2).add_(bias).relu_()
        torch.mul(difference_near, NEAR**3, out=last).add_(difference_far, alpha=FAR**3)
        _add_product(last, at_infinity, weights[5], bias)


def tiled(num_frames: int) -> bool:
    """Return whether a clip of this many frames is computed by tiles: the direct convolution skips the zeros around it."""
    products = -(-num_frames // TILE) * (TILE + 2)
    return products <= WORTH * (3 * num_frames - 2)


def evaluation() -> torch.Tensor:
    """Return float64 ``[6, 3]``, which evaluates the taps at the six points, each divided by what its interpolation needs."""
    near, far = NEAR**2, FAR**2
    rows = [[1 / (near * far), 0.0, 0.0]]
    rows += [[value / (2 * near * (near - far)) for value in (1.0, at, near)] for at in (NEAR, -NEAR)]
    rows += [[value / (2 * far * (far - near)) for value in (1.0, at, far)] for at in (FAR, -FAR)]
    return torch.tensor([*rows, [0.0, 0.0, 1.0]], dtype=torch.float64)


def _evaluate(x_THWC: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """Return six frames at 0, the even and odd part at `NEAR` and at `FAR`, and at infinity."""
    near, far = NEAR**2, FAR**2
    x = torch.split(x_THWC, 1)
    at_zero = torch.add(x[4], x[2], alpha=-(near + far)).add_(x[0], alpha=near * far)
    even_near, odd_near = torch.add(x[4], x[2], alpha=-far), torch.add(x[3], x[1], alpha=-far).mul_(NEAR)
    even_far, odd_far = torch.add(x[4], x[2], alpha=-near), torch.add(x[3], x[1], alpha=-near).mul_(FAR)
    at_infinity = torch.add(x[5], x[3], alpha=-(near + far)).add_(x[1], alpha=near * far)
    return at_zero, even_near, odd_near, even_far, odd_far, at_infinity


def _product(frame_THWC: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    apply: Any = torch.ops.mkldnn._convolution_pointwise
    out: torch.Tensor = apply(_channels_first(frame_THWC), weight, None, *_GEOMETRY, "none", [], None)
    return out[0].permute(1, 2, 3, 0)


def _add_product(out_THWC: torch.Tensor, frame_THWC: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> None:
    """Add a convolution and the bias to a frame, in place, and apply ReLU."""
    add: Any = torch.ops.mkldnn._convolution_pointwise_.binary
    x, out = _channels_first(frame_THWC), _channels_first(out_THWC)
    add(out, x, weight, bias, *_GEOMETRY, "add", 1.0, "relu", [], None)


def _channels_first(frame_THWC: torch.Tensor) -> torch.Tensor:
    return frame_THWC.permute(3, 0, 1, 2)[None]
