"""The residual blocks: the generator's, and the discriminators', which the tower over context frames shares.

Each has a fused form for a GPU, in which the elementwise operations between convolutions are single kernels
(`dvdgan.fast.fused`). Axes: N clips, B rows, C channels, T frames, H, W pixels, D the code [z; e(y)]; of kernels O outputs,
I inputs, K time steps.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.fast import fused
from dvdgan.fast.fused_maps import biased_relu, doubled, residual_sum
from dvdgan.layers import ConditionalBatchNorm, Conv, bare, sum_of_biases

MOST_OUTPUTS = 2**31 - 1
"""Outputs that one call of the upsampling kernel can count."""


class GeneratorBlock(nn.Module):
    """BN-ReLU-up-conv3-BN-ReLU-conv3 plus the shortcut up-conv1 (paper, block figure).

    The 1x1 convolution runs before the upsampling: the two commute, and it is four times cheaper there. The shortcut is
    the identity if the block changes neither resolution nor width.
    """

    def __init__(
        self, inputs: int, outputs: int, code_dim: int, num_frames: int, bn_eps: float, upsampling: str | None
    ) -> None:
        super().__init__()
        self._upsampling = upsampling
        self.norm1 = ConditionalBatchNorm(inputs, code_dim, num_frames, bn_eps)
        self.conv1 = Conv(inputs, outputs, 3)
        self.norm2 = ConditionalBatchNorm(outputs, code_dim, num_frames, bn_eps)
        self.conv2 = Conv(outputs, outputs, 3)
        plain = inputs == outputs and upsampling is None
        self.shortcut: nn.Module = nn.Identity() if plain else Conv(inputs, outputs, 1)

    def forward(self, x: Tensor, code_ND: Tensor) -> Tensor:
        """Map [N * T, inputs, H, W] to [N * T, outputs, H or 2H, W or 2W]."""
        if fused.is_on():
            return self._fused(x, code_ND)
        h = self.conv1(self._up(self.norm1(x, code_ND)))
        return self.conv2(self.norm2(h, code_ND)) + self._up(self.shortcut(x))

    def _fused(self, x: Tensor, code_ND: Tensor) -> Tensor:
        """The fused form: the biases of the convolutions are added by the operations that follow them."""
        h = self.conv1.convolve(self._up(self.norm1(x, code_ND)))
        out = self.conv2.convolve(self.norm2(h, code_ND, self.conv1.bias))
        short, doubles = bare(self.shortcut, x), self._upsampling == "bilinear"
        return residual_sum(
            out, short if doubles else self._up(short), sum_of_biases(self.conv2, self.shortcut), doubles
        )

    def _up(self, x: Tensor) -> Tensor:
        if self._upsampling is None:
            return x
        if fused.is_on() and self._upsampling == "bilinear":
            return doubled(x)
        # On a GPU the kernel for the other layout uses one thread per output pixel: at 8x8 it took 60 ms, not 1.
        x = x.contiguous(memory_format=torch.channels_last)
        # This kernel counts its outputs in 32 bits, and a big batch of long clips has more.
        parts = x.chunk(-(-4 * x.numel() // MOST_OUTPUTS))
        frames = [functional.interpolate(part, scale_factor=2, mode=self._upsampling) for part in parts]
        return frames[0] if len(frames) == 1 else torch.cat(frames)


class DiscriminatorBlock(nn.Module):
    """ReLU-conv3-ReLU-conv3-avgpool2 plus the shortcut conv1-avgpool2 (paper, block figure).

    The first block of a network has no leading ReLU, and the last one does not pool (DGMR); unlike DGMR's it widens where
    the channels still grow (`dvdgan.widths`). With 3 axes the kernels are 3x3x3 and the pooling is 2x2x2 (DGMR), or 1x2x2
    without `pool_time`; an odd last time step is pooled alone, not dropped.

    Space is pooled within the convolution (`PooledConv`) and time once, on the sum: the same function at less cost.
    """

    def __init__(
        self, inputs: int, outputs: int, axes: int = 2, first: bool = False, pool: bool = True, pool_time: bool = True
    ) -> None:
        super().__init__()
        self._first, self._halves_time = first, pool and pool_time and axes == 3
        last = PooledConv if pool else Conv
        self.conv1 = Conv(inputs, outputs, 3, axes)
        self.conv2 = last(outputs, outputs, 3, axes)
        # On images, with their 3 channels, the gradient of a convolution of stride 2 is slow on a GPU (a seventh of a
        # small network's update) and that of pooling fast: there the 1x1 convolution comes second, which is equivalent.
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
    """Convolution followed by 2x2 average pooling, computed as one convolution of stride 2.

    The mean of four neighbouring outputs is one output of a kernel a pixel wider, the mean of the kernel's four shifts:
    for 3x3 that is 16 products instead of 36. Pooling alone is also slow on a GPU, above all its gradient. Weights are
    still divided by the singular value of the original kernel.
    """

    def convolve(self, x: Tensor, bias: Tensor | None = None) -> Tensor:
        """Map [B, inputs, (T,) H, W] to [B, outputs, (T,) H // 2, W // 2]."""
        kernel = self.effective
        if kernel.dim() == 4:
            wide = _mean_of_shifts(kernel).contiguous(memory_format=torch.channels_last)
            return functional.conv2d(x, wide, bias, stride=2, padding=self._padding)
        # Time step by time step: with channels last, none of this copies.
        steps_BIHW = kernel.transpose(1, 2).flatten(0, 1)
        wide_OKIHW = _mean_of_shifts(steps_BIHW).unflatten(0, (kernel.shape[0], kernel.shape[2]))
        wide = wide_OKIHW.transpose(1, 2).contiguous(memory_format=torch.channels_last_3d)
        edge = self._padding
        # If a window covers both edges, PyTorch 2.13's bfloat16 gradient on a CPU writes out of bounds: pad explicitly.
        if x.shape[-1] == 2:
            x, edge = functional.pad(x, (edge,) * 4), 0
        return functional.conv3d(x, wide, bias, stride=(1, 2, 2), padding=(self._padding, edge, edge))


def _mean_of_shifts(kernels_BIHW: Tensor) -> Tensor:
    """Kernels a pixel wider: the mean of each one's shifts by 0 or 1 down and 0 or 1 to the right, zero-padded."""
    return functional.avg_pool2d(kernels_BIHW, 2, stride=1, padding=1)


def halve_sides(x: Tensor) -> Tensor:
    """Average-pool maps [B, C, (T,) H, W] over 2x2 pixels, frame by frame."""
    if x.dim() == 4:
        return functional.avg_pool2d(x, 2)
    frames = functional.avg_pool2d(x.transpose(1, 2).flatten(0, 1), 2)
    return frames.unflatten(0, (x.shape[0], x.shape[2])).transpose(1, 2)


def halve_time(x_BCTHW: Tensor) -> Tensor:
    """Average pairs of frames; an odd last frame is kept. Channels that are last in memory stay last."""
    x_BTHWC = x_BCTHW.permute(0, 2, 3, 4, 1)
    pairs = x_BTHWC.shape[1] // 2
    halved = x_BTHWC[:, : 2 * pairs].unflatten(1, (pairs, 2)).mean(2)
    if x_BTHWC.shape[1] % 2:
        halved = torch.cat([halved, x_BTHWC[:, -1:]], dim=1)
    return halved.permute(0, 4, 1, 2, 3)
