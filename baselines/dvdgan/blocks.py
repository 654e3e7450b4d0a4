"""The residual block of the discriminators, which the tower over given frames shares.

Axes: B rows, C channels, T frames, H, W pixels; of kernels O outputs, I inputs, K time steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.fast import fused
from dvdgan.fast.fused_maps import biased_relu, residual_sum
from dvdgan.layers import Conv, bare, sum_of_biases


class DiscriminatorBlock(nn.Module):
    """ReLU-conv3-ReLU-conv3-avgpool2 plus the shortcut conv1-avgpool2 (paper, block figure).

    The first block of a network has no leading ReLU, and a last one neither pools nor widens (DGMR). With 3 axes the
    kernels are 3x3x3 and the pooling is 2x2x2 (DGMR), or 1x2x2 without `pool_time`; an odd last time step is pooled
    alone, not dropped.

    Pixels are pooled by the convolution before (`PooledConv`) and time once, on the sum: the same function for less.
    """

    def __init__(
        self, inputs: int, outputs: int, axes: int = 2, first: bool = False, pool: bool = True, pool_time: bool = True
    ) -> None:
        super().__init__()
        self._first, self._halves_time = first, pool and pool_time and axes == 3
        last = PooledConv if pool else Conv
        self.conv1 = Conv(inputs, outputs, 3, axes)
        self.conv2 = last(outputs, outputs, 3, axes)
        # Images have 3 channels, for which a convolution of stride 2 has a slow gradient on a GPU (a seventh of a small
        # network's update) and pooling a fast one: there the 1x1 convolution comes second, which is the same.
        self._pools_images = pool and first
        short = Conv if first else last
        self.shortcut: nn.Module = short(inputs, outputs, 1, axes) if pool or inputs != outputs else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, (T,) H, W] to [B, outputs, …], halved where the block pools."""
        before, beside = x if self._first else functional.relu(x), halve_sides(x) if self._pools_images else x
        if fused.is_on():
            h = biased_relu(self.conv1.convolve(before), sum_of_biases(self.conv1))
            short = bare(self.shortcut, beside)
            out = residual_sum(self.conv2.convolve(h), short, sum_of_biases(self.conv2, self.shortcut))
        else:
            out = self.conv2(functional.relu(self.conv1(before))) + self.shortcut(beside)
        return halve_time(out) if self._halves_time else out


class PooledConv(Conv):
    """Convolution and then means over 2x2 pixels, computed as one convolution of stride 2.

    The windows of four neighbours make one window a pixel wider, whose weights are the mean of the kernel's four shifts
    in it: for 3x3 that is 16 products per mean instead of 36. Pooling by itself is slow on a GPU besides, above
    all its gradient. The singular value that a weight is divided by remains that of the kernel itself.
    """

    def convolve(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Map [B, inputs, (T,) H, W] to [B, outputs, (T,) H // 2, W // 2]."""
        kernel = self.effective
        if kernel.dim() == 4:
            wide = _mean_of_shifts(kernel).contiguous(memory_format=torch.channels_last)
            return functional.conv2d(x, wide, bias, stride=2, padding=self._padding)
        # Time step by time step: with channels last, nothing of this is a copy.
        steps_BIHW = kernel.transpose(1, 2).flatten(0, 1)
        wide_OKIHW = _mean_of_shifts(steps_BIHW).unflatten(0, (kernel.shape[0], kernel.shape[2]))
        wide = wide_OKIHW.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        edge = self._padding
        # A window over both edges at once: there PyTorch 2.13's gradient in bfloat16 on a CPU writes beyond its memory.
        if x.shape[-1] == 2:
            x, edge = functional.pad(x, (edge,) * 4), 0
        return functional.conv3d(x, wide, bias, stride=(1, 2, 2), padding=(self._padding, edge, edge))


def _mean_of_shifts(kernels_BIHW: Tensor) -> Tensor:
    """Kernels a pixel wider: the mean of each at the four places (0 or 1 down, 0 or 1 to the right) in zeros."""
    return functional.avg_pool2d(kernels_BIHW, 2, stride=1, padding=1)


def halve_sides(x: Tensor) -> Tensor:
    """Means over 2x2 pixels of maps [B, C, (T,) H, W], frame by frame."""
    if x.dim() == 4:
        return functional.avg_pool2d(x, 2)
    frames = functional.avg_pool2d(x.transpose(1, 2).flatten(0, 1), 2)
    return frames.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)


def halve_time(x_BCTHW: Tensor) -> Tensor:
    """Means over pairs of frames; an odd last frame is its own. Channels stay last in memory where they were."""
    x_BTHWC = x_BCTHW.permute(0, 2, 3, 4, 1)
    pairs = x_BTHWC.shape[1] // 2
    halved = x_BTHWC[:, : 2 * pairs].unflatten(1, (pairs, 2)).mean(2)
    if x_BTHWC.shape[1] % 2:
        halved = torch.cat([halved, x_BTHWC[:, -1:]], dim=1)
    return halved.permute(0, 4, 1, 2, 3)
