"""Preprocessing of the I3D: named resizes of uint8 frames, an optional central crop, then scaling to [-1, 1]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from vidmetrics.networks.resize import RESIZERS, center_crop, short_side_size


@dataclass(frozen=True)
class _Step:
    """One resize to an exact size, and the side of the square cropped after it, if any."""

    name: str
    height: int
    width: int
    crop: int | None


@dataclass(frozen=True)
class Preprocessing:
    """How frames are prepared for the network; see `vidmetrics.catalog.conventions.Convention` for the fields.

    Attributes:
        resize: resizes in order, ``(name, side)``.
        crop: ``"center"`` keeps the aspect ratio in each resize and crops the central square after it.
    """

    resize: tuple[tuple[str, int], ...]
    crop: Literal["none", "center"] = "none"

    @property
    def id(self) -> str:
        """Id of the preprocessing for frames of any size."""
        cut = "-short-side-then-center-crop" if self.crop == "center" else ""
        return "-then-".join([*(f"{name}-{side}{cut}" for name, side in self.resize), "scale-v1"])

    def id_at(self, height: int, width: int) -> str:
        """Return the id for frames of a given size: equal for two preprocessings with bit-identical results for such frames."""
        steps = [
            f"{s.name}-{s.height}x{s.width}{f'-cut-{s.crop}' if s.crop else ''}" for s in self._steps(height, width)
        ]
        return "-then-".join([*steps, "scale-v1"])

    def changes(self, height: int, width: int) -> bool:
        """Return whether frames of this size are resized or cropped at all."""
        return bool(self._steps(height, width))

    def __call__(self, clips_NTHWC: torch.Tensor) -> torch.Tensor:
        """Map uint8 clips ``[N, T, H, W, 3]`` to float32 ``[N, 3, T, side, side]`` in [-1, 1]."""
        N, T, H, W, C = clips_NTHWC.shape
        scaled = self.resized(clips_NTHWC.reshape(N * T, H, W, C).float()) / 127.5 - 1.0
        return scaled.reshape(N, T, *scaled.shape[1:]).permute(0, 4, 1, 2, 3).contiguous()

    def resized(self, frames_NHWC: torch.Tensor) -> torch.Tensor:
        """Resize and crop float32 frames ``[N, H, W, C]`` to ``[N, side, side, C]``, in the range of the input."""
        for step in self._steps(*frames_NHWC.shape[1:3]):
            frames_NHWC = RESIZERS[step.name](frames_NHWC, step.height, step.width)
            if step.crop:
                frames_NHWC = center_crop(frames_NHWC, step.crop)
        return frames_NHWC

    def _steps(self, height: int, width: int) -> list[_Step]:
        """Return the resizes that change frames of this size; resizing to the same size is the identity for every resizer."""
        steps = []
        for name, side in self.resize:
            target = short_side_size(height, width, side) if self.crop == "center" else (side, side)
            if target != (height, width) or target != (side, side):
                steps.append(_Step(name, *target, None if target == (side, side) else side))
            height, width = side, side
        return steps
