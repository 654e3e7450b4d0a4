"""Clips as animated WebP in data URIs."""

from __future__ import annotations

import base64
import io

import numpy as np


def contact_sheet(clips_NTHWC: np.ndarray, columns: int, gap: int = 2) -> np.ndarray:
    """Arrange clips on a grid, as one animation.

    Args:
        clips_NTHWC: uint8 ``[N, T, H, W, 3]``.
        columns: clips per row.
        gap: pixels between clips, filled with mid grey.

    Returns:
        uint8 ``[T, rows * (H + gap) - gap, columns * (W + gap) - gap, 3]``; empty cells are grey.
    """
    count, frames, height, width, _ = clips_NTHWC.shape
    rows = -(-count // columns)
    sheet = np.full((frames, rows * (height + gap) - gap, columns * (width + gap) - gap, 3), 128, np.uint8)
    for i in range(count):
        top, left = (i // columns) * (height + gap), (i % columns) * (width + gap)
        sheet[:, top : top + height, left : left + width] = clips_NTHWC[i]
    return sheet


def animated_webp(frames_THWC: np.ndarray, frames_per_second: float, lossless: bool = True) -> bytes:
    """Encode uint8 ``[T, H, W, 3]`` as an endlessly looping WebP; a lossy one looks alike but is not bit-exact."""
    from PIL import Image

    images = [Image.fromarray(frame) for frame in frames_THWC]
    buffer = io.BytesIO()
    images[0].save(
        buffer,
        format="WEBP",
        save_all=True,
        append_images=images[1:],
        duration=round(1000 / frames_per_second),
        loop=0,
        lossless=lossless,
        quality=80,
        # Slower lossless methods take ten times as long here and save nothing.
        method=0 if lossless else 2,
        # A loop needs no key frames; each would be encoded twice to see which is smaller. Lossless ones are smaller with them.
        **({} if lossless else {"kmin": 0, "kmax": 0}),
    )
    return buffer.getvalue()


def data_uri(webp: bytes) -> str:
    """Return the bytes as a data URI."""
    return "data:image/webp;base64," + base64.b64encode(webp).decode("ascii")
