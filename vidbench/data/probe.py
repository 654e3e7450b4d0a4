"""Decoding a whole video to learn what it contains, and whether that matches its container."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from vidbench.data.decode import decoding, display_matrix, to_rgb
from vidbench.data.extent import fragmented_seconds
from vidbench.data.opening import UnusableVideoError
from vidbench.data.pixels import right_angles
from vidbench.tasks.schema import PixelConvention

_TAGGED_DURATION = re.compile(r"(\d+):(\d\d):(\d\d(?:\.\d+)?)")
# By the signs of a, b, c, d in the display matrix (see `vidbench.data.pixels.upright`); clockwise, as players rotate.
_ROTATIONS = {(1, 0, 0, 1): "0", (0, 1, -1, 0): "90", (-1, 0, 0, -1): "180", (0, -1, 1, 0): "270"}


@dataclass(frozen=True)
class VideoFacts:
    """A decoded video.

    Attributes:
        frames: number of decoded frames.
        fps: average frames per second stated by the container, or None.
        width: upright, in pixels.
        height: upright, in pixels.
        rotation: clockwise rotation in degrees that makes the stored frames upright, or ``"mirrored"``.
        seconds: from the first frame to the end of the last, by timestamps; None without timestamps.
        promised_seconds: length stated by the container, or None.
    """

    frames: int
    fps: float | None
    width: int
    height: int
    rotation: str = "0"
    seconds: float | None = None
    promised_seconds: float | None = None

    @property
    def shortfall(self) -> float:
        """Seconds missing from the length that the container states; 0 where rounding explains the difference."""
        if self.seconds is None or self.promised_seconds is None:
            return 0.0
        lost = self.promised_seconds - self.seconds
        return lost if lost > max(0.25, 0.02 * self.promised_seconds) else 0.0


def examine_video(
    path: Path,
    each: Callable[[np.ndarray], None] | None = None,
    pixels: PixelConvention = "exact",
    decoded: Callable[[Any], None] | None = None,
) -> VideoFacts:
    """Decode a whole video.

    Args:
        path: the file.
        each: called with every frame, uint8 RGB ``[H, W, 3]``, upright; None skips the conversion to pixels.
        pixels: how frames become RGB, see `vidbench.data.pixels`.
        decoded: called with every frame as PyAV returns it.

    Raises:
        UnusableVideoError: as `vidbench.data.decode.decode_frames`.
    """
    count, first, last_end = 0, None, None
    width = height = 0
    matrix = None
    with decoding(path) as video:
        rate = video.stream.average_rate
        fps = float(rate) if rate else None
        for frame in video.frames:
            if count == 0:
                width, height, matrix = frame.width, frame.height, display_matrix(frame, path)
            if decoded is not None:
                decoded(frame)
            if each is not None:
                each(to_rgb(frame, path, pixels))
            count += 1
            if frame.pts is not None and frame.time_base:
                start = float(frame.pts * frame.time_base)
                length = float(frame.duration * frame.time_base) if frame.duration else (1 / fps if fps else 0.0)
                first = start if first is None else min(first, start)
                last_end = start + length if last_end is None else max(last_end, start + length)
        promised = _promised_seconds(video.container, video.stream, first or 0.0)
        if len(video.container.streams) == 1 and (stated := fragmented_seconds(path)) is not None:
            promised = max(stated, promised or 0.0)
    signs = (1, 0, 0, 1) if matrix is None else right_angles(matrix)
    if signs is not None and signs[0] == 0:
        width, height = height, width
    return VideoFacts(
        frames=count,
        fps=fps,
        width=width,
        height=height,
        rotation="mirrored" if signs is None else _ROTATIONS.get(signs, "mirrored"),
        seconds=None if first is None or last_end is None else last_end - first,
        promised_seconds=promised,
    )


def refuse_truncated(path: Path, facts: VideoFacts) -> None:
    """Refuse a video that is shorter than its container states.

    Raises:
        UnusableVideoError: it is; names the file and both lengths.
    """
    if facts.shortfall:
        raise UnusableVideoError(
            "truncated",
            f"The video '{path}' has {facts.seconds:.2f} s of the {facts.promised_seconds:.2f} s that its header "
            "states: it is truncated, so fetch it again or remove it.",
        )


def _promised_seconds(container: Any, stream: Any, first: float) -> float | None:
    """Return the length of the video stream itself; the file's length may be that of its sound.

    Matroska has it in a tag, which FFmpeg fills with the time at which the stream ends, counted from 0 and not from its
    ``first`` frame, and mkvmerge, which marks its tags, with the length. The length of the file, and of an AVI stream,
    counts from 0, too.
    """
    in_matroska = container.format.name.startswith("matroska")
    if stream.duration and not in_matroska:
        return float(stream.duration * stream.time_base) - (first if container.format.name == "avi" else 0.0)
    tagged = _TAGGED_DURATION.match(stream.metadata.get("DURATION", ""))
    if tagged:
        hours, minutes, seconds = tagged.groups()
        tagged_seconds = 3600 * int(hours) + 60 * int(minutes) + float(seconds)
        return tagged_seconds - (0.0 if "_STATISTICS_WRITING_APP" in stream.metadata else first)
    if container.duration and len(container.streams) == 1:
        return float(container.duration) / 1e6 - (first if in_matroska else 0.0)
    return None
