"""The residual tower over the context frames of a prediction, which computes the first states of the ConvGRUs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from dvdgan.blocks import DiscriminatorBlock
from dvdgan.layers import Conv


class ContextTower(nn.Module):
    """Residual blocks as in the spatial discriminator, applied to each context frame with the same weights.

    After each block the features of a clip's frames are stacked on channels, oldest first, and a 3x3 convolution and a
    ReLU turn them into the first state of the ConvGRU of that resolution (paper, prediction figure; DGMR likewise).
    """

    def __init__(
        self, num_frames: int, widths: Sequence[int], states: Sequence[int], stacked: bool = False, whole: bool = False
    ) -> None:
        """Build.

        Args:
            num_frames: context frames per clip.
            widths: channels after each block, finest resolution first; each block halves the resolution.
            states: channels of the ConvGRU state computed after each block, in the same order.
            stacked: whether the first block sees the frames stacked on channels, as one image of 3 * num_frames of them.
            whole: whether the first block keeps the resolution.
        """
        super().__init__()
        self._stacked = stacked
        inputs = [3 * num_frames if stacked else 3, *widths]
        self.blocks = nn.ModuleList(
            DiscriminatorBlock(inputs[i], width, first=i == 0, pool=i > 0 or not whole)
            for i, width in enumerate(widths)
        )
        num_frames = 1 if stacked else num_frames
        self.mixes = nn.ModuleList(
            Conv(num_frames * width, state, 3) for width, state in zip(widths, states, strict=True)
        )

    def forward(self, context_NTCHW: Tensor) -> list[Tensor]:
        """Map context frames [N, T, 3, H, W] in [-1, 1] to states [N, S, h, w], the coarsest (4x4) first."""
        clips, frames = context_NTCHW.shape[0], 1 if self._stacked else context_NTCHW.shape[1]
        x = context_NTCHW.flatten(1, 2) if self._stacked else context_NTCHW.flatten(0, 1)
        states = []
        for block, mix in zip(self.blocks, self.mixes, strict=True):
            x = block(x)
            states.append(torch.relu(mix(x.reshape(clips, frames * x.shape[1], *x.shape[2:]))))
        return states[::-1]
