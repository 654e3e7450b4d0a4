"""RGB by the equations of ITU-R BT.601, BT.709 and BT.2020, in float64 and without FFmpeg."""

from __future__ import annotations

from typing import Any

import numpy as np

# Weights of red and blue by code point of ISO/IEC 23091-2; 2 is untagged and read as BT.601.
WEIGHTS = {1: (0.2126, 0.0722), 2: (0.299, 0.114), 5: (0.299, 0.114), 6: (0.299, 0.114), 9: (0.2627, 0.0593)}


def samples_of(plane: Any) -> np.ndarray:
    """Return one plane of a frame in float64, ``[H, W]``."""
    return np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width].astype(float)


def enlarged(chroma: np.ndarray, height: int, width: int, left: bool) -> np.ndarray:
    """Interpolate chroma of 4:2:0 linearly.

    Its samples are between two rows, and at every second column (``left``, as H.264 and MPEG-4 decoders state) or between two
    (as nobody states).
    """
    for axis, size, offset in ((0, height, -0.25), (1, width, 0.0 if left else -0.25)):
        places = np.clip(np.arange(size) / 2 + offset, 0, chroma.shape[axis] - 1)
        below = np.floor(places).astype(int)
        above = np.minimum(below + 1, chroma.shape[axis] - 1)
        share = (places - below).reshape((-1, 1) if axis == 0 else (1, -1))
        chroma = chroma.take(below, axis) * (1 - share) + chroma.take(above, axis) * share
    return chroma


def by_the_equations(frame: Any, left: bool = True) -> np.ndarray:
    """RGB of a yuv420p frame in float64, 0 to 255, not rounded."""
    y, u, v = map(samples_of, frame.planes[:3])
    u, v = (enlarged(plane, *y.shape, left) for plane in (u, v))
    full = int(frame.color_range) == 2 or frame.format.name == "yuvj420p"
    red, blue = WEIGHTS[int(frame.colorspace)]
    y = y / 255 if full else (y - 16) / 219
    u, v = ((plane - 128) / (255 if full else 224) for plane in (u, v))
    r, b = y + 2 * (1 - red) * v, y + 2 * (1 - blue) * u
    g = (y - red * r - blue * b) / (1 - red - blue)
    return np.clip(np.stack([r, g, b], -1) * 255, 0, 255)
