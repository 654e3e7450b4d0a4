"""The residual block of the discriminators, which the tower over given frames shares.

Axes: B rows, C channels, T frames, H, W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.layers import Conv


class DiscriminatorBlock(nn.Module):
    """ReLU-conv3-ReLU-conv3-avgpool2 plus the shortcut conv1-avgpool2 (paper, block figure).

    The first block of a network has no leading ReLU, and a last one neither pools nor widens (DGMR). With 3 axes the
    kernels are 3x3x3 and the pooling is 2x2x2 (DGMR), or 1x2x2 without `pool_time`; an odd last time step is pooled
    alone, not dropped.
    """

    def __init__(
        self, inputs: int, outputs: int, axes: int = 2, first: bool = False, pool: bool = True, pool_time: bool = True
    ) -> None:
        super().__init__()
        self._axes, self._first, self._pools, self._pools_time = axes, first, pool, pool_time
        self.conv1 = Conv(inputs, outputs, 3, axes)
        self.conv2 = Conv(outputs, outputs, 3, axes)
        self.shortcut: nn.Module = Conv(inputs, outputs, 1, axes) if pool or inputs != outputs else nn.Identity()

    def _pool(self, x: Tensor) -> Tensor:
        if not self._pools:
            return x
        return functional.avg_pool2d(x, 2) if self._axes == 2 else _pool_3d(x, self._pools_time)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, (T,) H, W] to [B, outputs, …], halved where the block pools."""
        h = self.conv1(x if self._first else functional.relu(x))
        return self._pool(self.conv2(functional.relu(h))) + self._pool(self.shortcut(x))


def _pool_3d(x_BCTHW: Tensor, time: bool) -> Tensor:
    """Means over 2x2 pixels, and 2 frames; an odd last frame is its own. Frame by frame, which keeps channels last."""
    batch, frames = x_BCTHW.shape[0], x_BCTHW.shape[2]
    small_BTCHW = functional.avg_pool2d(x_BCTHW.transpose(1, 2).flatten(0, 1), 2).unflatten(0, (batch, frames))
    if not time:
        return small_BTCHW.transpose(1, 2)
    even = frames // 2 * 2
    slices = [small_BTCHW[:, :even].unflatten(1, (-1, 2)).mean(2), small_BTCHW[:, even:]]
    return torch.cat([part for part in slices if part.shape[1]], dim=1).transpose(1, 2)
