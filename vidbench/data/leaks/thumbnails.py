"""The perceptual hash of a video: a grey thumbnail of 8 by 8 pixels of each frame.

Cells are means over areas, so that size and codec of a copy hardly change them. 64 bytes a frame, 19 KB for ten seconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from vidbench.data.layouts.listing import FrameSource, VideoFile
from vidbench.data.probe import examine_video
from vidbench.errors import InputError

SIDE = 8
MOST_FRAMES = 3000
"""Frames of a video that are looked at, from its first: two minutes at 25 frames per second."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Thumbnails:
    """The thumbnails of a video.

    Attributes:
        cells_TC: uint8 ``[T, 64]``, row by row.
        fps: frames per second that the file states, or None.
    """

    cells_TC: np.ndarray
    fps: float | None

    def mirrored(self) -> Thumbnails:
        """Return those of the video seen in a mirror."""
        rows_TRC = self.cells_TC.reshape(-1, SIDE, SIDE)[:, :, ::-1]
        return Thumbnails(rows_TRC.reshape(-1, SIDE * SIDE), self.fps)

    def at_rate_of(self, other: Thumbnails) -> Thumbnails:
        """Return those of fewer frames if the other video states a lower rate, as its re-encoding would have kept them."""
        if not self.fps or not other.fps or self.fps <= other.fps * 1.02:
            return self
        times = np.arange(int(len(self.cells_TC) * other.fps / self.fps)) * (self.fps / other.fps)
        return Thumbnails(self.cells_TC[times.round().astype(np.int64).clip(0, len(self.cells_TC) - 1)], other.fps)


def thumbnail(frame_HWC: np.ndarray) -> np.ndarray:
    """Return the mean luma of 8 by 8 areas of a uint8 RGB frame ``[H, W, 3]``, as uint8 ``[64]``."""
    # Columns first: most of the work is then a sum of rows, without a grey copy of the whole frame.
    height, width = frame_HWC.shape[:2]
    rows, columns = _edges(height), _edges(width)
    if height < SIDE or width < SIDE:
        index = np.ix_(np.arange(SIDE) * height // SIDE, np.arange(SIDE) * width // SIDE)
        means_RC = frame_HWC[index].astype(np.float32) @ _LUMA
    else:
        sums = np.add.reduceat(frame_HWC, rows, axis=0, dtype=np.uint32)
        sums = np.add.reduceat(sums, columns, axis=1)
        areas = np.outer(np.diff([*rows, height]), np.diff([*columns, width]))
        means_RC = (sums @ _LUMA) / areas
    return means_RC.round().clip(0, 255).astype(np.uint8).reshape(-1)


def thumbnails_of(source: FrameSource) -> Thumbnails:
    """Decode a video to its thumbnails.

    Raises:
        InputError: it cannot be decoded, or is truncated.
    """
    found: list[np.ndarray] = []

    def keep(frame_HWC: np.ndarray) -> None:
        if len(found) < MOST_FRAMES:
            found.append(thumbnail(frame_HWC))

    fps = None
    if isinstance(source, VideoFile):
        fps = examine_video(source.path, keep).fps
    else:
        for frame_HWC in source.frames():
            keep(frame_HWC)
    if not found:
        raise InputError(f"The video '{source.path}' has no frames; replace or remove it.")
    return Thumbnails(np.stack(found), fps)


def _edges(length: int) -> np.ndarray:
    return np.arange(SIDE) * length // SIDE
