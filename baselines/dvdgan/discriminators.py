"""The two discriminators: single frames at full resolution, and all frames at low resolution.

Both end in a projection score per frame or time slice, and the score of a clip is the SUM of these.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.config import Settings
from dvdgan.generator import resolution_groups
from dvdgan.layers import Conv, Embedding, Linear
from vidbench.models import InputError, ModelTask


class DiscriminatorBlock(nn.Module):
    """ReLU-conv3-ReLU-conv3-avgpool2 plus the shortcut conv1-avgpool2 (paper, block figure).

    The first block of a network has no leading ReLU, and a last one neither pools nor widens (DGMR). With 3 axes the
    kernels are 3x3x3 and the pooling is 2x2x2 (DGMR); an odd last time step is pooled alone, not dropped.
    """

    def __init__(self, inputs: int, outputs: int, axes: int = 2, first: bool = False, pool: bool = True) -> None:
        super().__init__()
        self._axes, self._first, self._pools = axes, first, pool
        self.conv1 = Conv(inputs, outputs, 3, axes)
        self.conv2 = Conv(outputs, outputs, 3, axes)
        self.shortcut: nn.Module = Conv(inputs, outputs, 1, axes) if pool or inputs != outputs else nn.Identity()

    def _pool(self, x: Tensor) -> Tensor:
        if not self._pools:
            return x
        return functional.avg_pool2d(x, 2) if self._axes == 2 else _pool_2x2x2(x)

    def forward(self, x: Tensor) -> Tensor:
        """Map [B, inputs, (T,) H, W] to [B, outputs, …], halved where the block pools."""
        h = self.conv1(x if self._first else functional.relu(x))
        return self._pool(self.conv2(functional.relu(h))) + self._pool(self.shortcut(x))


def _pool_2x2x2(x_BCTHW: Tensor) -> Tensor:
    """Means over 2x2x2 cells; an odd last time step is its own cell. Frame by frame, which keeps channels last."""
    batch, frames = x_BCTHW.shape[0], x_BCTHW.shape[2]
    small_BTCHW = functional.avg_pool2d(x_BCTHW.transpose(1, 2).flatten(0, 1), 2).unflatten(0, (batch, frames))
    even = frames // 2 * 2
    slices = [small_BTCHW[:, :even].unflatten(1, (-1, 2)).mean(2), small_BTCHW[:, even:]]
    return torch.cat([part for part in slices if part.shape[1]], dim=1).transpose(1, 2)


class ProjectionHead(nn.Module):
    """Scores w . h + b + e(y) . h of features h, the sum over space after a ReLU (projection discriminator)."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.linear = Linear(width, 1)
        self.embedding = Embedding(num_classes, width)

    def forward(self, x: Tensor, labels_N: Tensor) -> Tensor:
        """Scores float32 [N], the sum over the P frames of each clip, of maps [N * P, width, H, W], clip-major."""
        h_NPC = functional.relu(x).float().sum((2, 3)).unflatten(0, (labels_N.shape[0], -1))
        per_frame_NP = self.linear(h_NPC).squeeze(2) + (h_NPC * self.embedding(labels_N).unsqueeze(1)).sum(2)
        return per_frame_NP.sum(1)


def _widths(settings: Settings, blocks: int) -> list[int]:
    multipliers = list(settings.d_multipliers)
    multipliers += multipliers[-1:] * (blocks - len(multipliers))
    return [settings.d_ch * multiplier for multiplier in multipliers[:blocks]]


class SpatialDiscriminator(nn.Module):
    """A 2-D residual network on k frames of each clip at full resolution; the caller draws them."""

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        super().__init__()
        if settings.spatial_frames > task.num_frames:
            raise InputError(
                f"Setting 'spatial_frames' is {settings.spatial_frames} but clips of task '{task.name}' have "
                f"{task.num_frames} frames; set it to {task.num_frames} or less."
            )
        groups = resolution_groups(task)
        outputs = _widths(settings, groups + 1)
        inputs = [3, *outputs]
        self.blocks = nn.Sequential(
            *(DiscriminatorBlock(inputs[i], outputs[i], first=i == 0, pool=i < groups) for i in range(groups + 1))
        )
        self.head = ProjectionHead(outputs[-1], max(1, task.num_classes))

    def forward(self, frames_NKCHW: Tensor, labels_N: Tensor) -> Tensor:
        """Scores [N] of frames [N, k, 3, H, W] in [-1, 1]."""
        return self.head(self.blocks(frames_NKCHW.flatten(0, 1)), labels_N)


class TemporalDiscriminator(nn.Module):
    """All frames after phi-fold average pooling: two 3-D residual blocks, then 2-D blocks per time slice (paper)."""

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        super().__init__()
        self._phi = settings.phi
        if task.height % settings.phi or task.height // settings.phi < 4:
            raise InputError(
                f"Setting 'phi' is {settings.phi} and leaves fewer than 4x4 pixels of task '{task.name}', or not a "
                "whole number of them; set it to 1 or 2."
            )
        resolution_groups(task)
        downs = max(2, (task.height // settings.phi).bit_length() - 3)
        outputs = _widths(settings, downs + 1)
        inputs = [3, *outputs]
        self.blocks3d = nn.Sequential(
            *(DiscriminatorBlock(inputs[i], outputs[i], axes=3, first=i == 0) for i in range(2))
        )
        self.blocks2d = nn.Sequential(
            *(DiscriminatorBlock(inputs[i], outputs[i], pool=i < downs) for i in range(2, downs + 1))
        )
        self.head = ProjectionHead(outputs[-1], max(1, task.num_classes))

    def forward(self, clips_NTCHW: Tensor, labels_N: Tensor) -> Tensor:
        """Scores [N] of clips [N, T, 3, H, W] in [-1, 1]."""
        small = functional.avg_pool2d(clips_NTCHW.flatten(0, 1), self._phi).unflatten(0, clips_NTCHW.shape[:2])
        slices_NCTHW = self.blocks3d(small.transpose(1, 2))
        return self.head(self.blocks2d(slices_NCTHW.transpose(1, 2).flatten(0, 1)), labels_N)
