"""The trivial models that bound the scores of reconstruction: the clip itself, its JPEG, and its half-size copy."""

from __future__ import annotations

import io
from abc import abstractmethod
from pathlib import Path

import numpy as np

from vidbench.models.interface import InputError, ModelTask, Reconstructor, ReconstructRequest

JPEG_QUALITY = 75
"""Pillow's default, with its default of half the chroma resolution in both directions."""


class FrameCopier(Reconstructor):
    """A bound that changes each frame by itself and has no weights."""

    name: str

    @classmethod
    def load(cls, checkpoint: Path | None, task: ModelTask, device: str) -> FrameCopier:
        """See `vidbench.models.interface.Model.load`; there is no checkpoint."""
        cls.check_sampling(checkpoint, task)
        # What a model opens while it reconstructs would keep its features from being reused.
        from PIL import JpegImagePlugin  # noqa: F401

        return cls()

    @classmethod
    def check_sampling(cls, checkpoint: Path | None, task: ModelTask) -> None:
        """See `vidbench.models.interface.Model.check_sampling`."""
        if checkpoint is not None:
            raise InputError(f"The model '{cls.name}' has no weights: omit ':{checkpoint}'.")

    def reconstruct(self, request: ReconstructRequest) -> np.ndarray:
        """Return the clips with every frame changed."""
        clips_NTHWC = request.clips_NTHWC
        frames = clips_NTHWC.reshape(-1, *clips_NTHWC.shape[2:])
        return np.stack([self._frame(frame_HWC) for frame_HWC in frames]).reshape(clips_NTHWC.shape)

    @abstractmethod
    def _frame(self, frame_HWC: np.ndarray) -> np.ndarray:
        """Return a changed frame, uint8 ``[H, W, 3]``."""


class IdentityModel(FrameCopier):
    """The clip itself: a reconstruction without loss."""

    name = "identity"

    def _frame(self, frame_HWC: np.ndarray) -> np.ndarray:
        return frame_HWC


class JpegModel(FrameCopier):
    """Each frame as a JPEG of quality 75: what a common image codec loses."""

    name = "jpeg"

    def _frame(self, frame_HWC: np.ndarray) -> np.ndarray:
        from PIL import Image

        file = io.BytesIO()
        Image.fromarray(frame_HWC).save(file, "JPEG", quality=JPEG_QUALITY)
        return np.asarray(Image.open(file))


class HalfSizeModel(FrameCopier):
    """Each frame at half its height and width, and back: a quarter of the pixels, chosen without a network."""

    name = "half"

    def _frame(self, frame_HWC: np.ndarray) -> np.ndarray:
        from PIL import Image

        height, width = frame_HWC.shape[:2]
        half = Image.fromarray(frame_HWC).resize((max(1, width // 2), max(1, height // 2)), Image.Resampling.BOX)
        return np.asarray(half.resize((width, height), Image.Resampling.BILINEAR))
