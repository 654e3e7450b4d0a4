"""The two discriminators: D_S on single frames at full resolution, D_T on all frames at low resolution.

Both end in a projection score per frame or time slice, and the score of a clip is the SUM of these. For prediction D_T
sees context and generated frames in a row, D_S generated frames only; the caller passes them so.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dvdgan.blocks import DiscriminatorBlock
from dvdgan.config import Settings
from dvdgan.layers import Embedding, Linear
from dvdgan.widths import discriminator_widths, resolution_groups
from vidbench.models import InputError, ModelTask

_REDUCTION = {"identity": 1, "2x2": 2, "4x4": 4, "crop": 2}
"""Factor by which phi divides the side of a frame."""


class ProjectionHead(nn.Module):
    """Scores w . h + b + e(y) . h, where h are features summed over space after a ReLU (projection discriminator)."""

    def __init__(self, width: int, num_classes: int) -> None:
        super().__init__()
        self.linear = Linear(width, 1)
        self.embedding = Embedding(num_classes, width)

    def forward(self, x: Tensor, labels_N: Tensor) -> Tensor:
        """Map [N * P, width, H, W], the P frames of a clip in a row, to scores float32 [N], summed over the frames."""
        h_NPC = functional.relu(x).float().sum((2, 3)).unflatten(0, (labels_N.shape[0], -1))
        per_frame_NP = self.linear(h_NPC).squeeze(2) + (h_NPC * self.embedding(labels_N).unsqueeze(1)).sum(2)
        return per_frame_NP.sum(1)


class SpatialDiscriminator(nn.Module):
    """D_S: a 2-D residual network on k frames of each clip at full resolution, which the caller draws."""

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        super().__init__()
        if settings.spatial_frames > task.predicted_frames:
            raise InputError(
                f"Setting 'spatial_frames' is {settings.spatial_frames} but clips of task '{task.name}' have "
                f"{task.predicted_frames} frames to generate; set it to {task.predicted_frames} or less."
            )
        groups = resolution_groups(task)
        outputs = discriminator_widths(settings.d_ch, settings, groups + 1)
        inputs = [3, *outputs]
        self.blocks = nn.Sequential(
            *(DiscriminatorBlock(inputs[i], outputs[i], first=i == 0, pool=i < groups) for i in range(groups + 1))
        )
        self.head = ProjectionHead(outputs[-1], max(1, task.num_classes))

    def forward(self, frames_NKCHW: Tensor, labels_N: Tensor) -> Tensor:
        """Scores [N] of frames [N, k, 3, H, W] in [-1, 1]."""
        return self.head(self.blocks(frames_NKCHW.flatten(0, 1)), labels_N)


class TemporalDiscriminator(nn.Module):
    """D_T: all frames, reduced by phi, through two 3-D residual blocks, then 2-D blocks per time slice (paper)."""

    def __init__(self, task: ModelTask, settings: Settings) -> None:
        super().__init__()
        resolution_groups(task)
        self._phi, side = settings.phi, task.height // _REDUCTION[settings.phi]
        if side < 4:
            raise InputError(
                f"Setting 'phi' is '{settings.phi}' and leaves {side}x{side} pixels of the frames of task '{task.name}', "
                "which needs at least 4x4; choose another."
            )
        downs = max(2, side.bit_length() - 3)
        outputs = discriminator_widths(settings.d_ch, settings, downs + 1)
        inputs = [3, *outputs]
        self.blocks3d = nn.Sequential(
            *(
                DiscriminatorBlock(inputs[i], outputs[i], axes=3, first=i == 0, pool_time=settings.time_pooling)
                for i in range(2)
            )
        )
        self.blocks2d = nn.Sequential(
            *(DiscriminatorBlock(inputs[i], outputs[i], pool=i < downs) for i in range(2, downs + 1))
        )
        self.head = ProjectionHead(outputs[-1], max(1, task.num_classes))

    def forward(self, clips_NTCHW: Tensor, labels_N: Tensor, corners_N2: Tensor | None = None) -> Tensor:
        """Scores [N] of clips.

        Args:
            clips_NTCHW: whole clips [N, T, 3, H, W] in [-1, 1], context frames included.
            labels_N: labels int64 [N].
            corners_N2: row and column of each clip's window if phi is a crop, int64 from 0 to H / 2.
        """
        small = self._reduce(clips_NTCHW, corners_N2)
        slices_NCTHW = self.blocks3d(small.transpose(1, 2))
        return self.head(self.blocks2d(slices_NCTHW.transpose(1, 2).flatten(0, 1)), labels_N)

    def _reduce(self, clips_NTCHW: Tensor, corners_N2: Tensor | None) -> Tensor:
        """The function phi."""
        factor = _REDUCTION[self._phi]
        if self._phi == "crop":
            if corners_N2 is None:
                raise ValueError("phi=crop needs the corner of each clip's window")
            return crop_windows(clips_NTCHW, corners_N2, clips_NTCHW.shape[3] // factor)
        if self._phi == "identity":
            return clips_NTCHW
        return functional.avg_pool2d(clips_NTCHW.flatten(0, 1), factor).unflatten(0, clips_NTCHW.shape[:2])


def crop_windows(clips_NTCHW: Tensor, corners_N2: Tensor, side: int) -> Tensor:
    """Crop square windows [N, T, C, side, side], each clip at its own corner (row, column) in all its frames."""
    within = torch.arange(side, device=clips_NTCHW.device)
    rows_NS, columns_NS = (corners_N2[:, axis, None] + within for axis in (0, 1))
    clips_N11 = torch.arange(clips_NTCHW.shape[0], device=clips_NTCHW.device)[:, None, None]
    windows_NHWTC = clips_NTCHW.permute(0, 3, 4, 1, 2)[clips_N11, rows_NS[:, :, None], columns_NS[:, None, :]]
    return windows_NHWTC.permute(0, 3, 4, 1, 2)


def crop_side(task: ModelTask, settings: Settings) -> int | None:
    """Side of the windows that D_T sees if phi is a crop; None otherwise."""
    crops = settings.phi == "crop" and settings.discriminators != "spatial"
    return task.height // _REDUCTION["crop"] if crops else None


def build_discriminators(task: ModelTask, settings: Settings) -> nn.ModuleDict:
    """Build the discriminators that the setting `discriminators` selects, ``spatial`` before ``temporal``.

    Raises:
        InputError: the task or a setting does not fit the architecture.
    """
    kinds = {"spatial": SpatialDiscriminator, "temporal": TemporalDiscriminator}
    return nn.ModuleDict(
        {name: kind(task, settings) for name, kind in kinds.items() if settings.discriminators in (name, "both")}
    )
