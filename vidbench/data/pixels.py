"""From a decoded frame to RGB: the two pixel conventions, and which frames have pixels that 8-bit RGB cannot hold.

``exact`` is FFmpeg's bit-exact conversion, the same on every machine: chroma is interpolated between its positions and every
value rounded, so that it is the result of the equations of ITU-R BT.601 or BT.709 in float64 but for that rounding.
``ffmpeg-default`` is what FFmpeg does unless it is told otherwise, and what most tools inherit: chroma is repeated and every
value rounded down more than once, a mean of 1.0 to 1.2 levels darker, by code that is selected for the processor.

Untagged video is read as FFmpeg and players do: matrix BT.601 and limited range for YUV of any size. Grey is full range
whatever its tag.
"""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from vidbench.tasks.schema import PixelConvention

# A converter sets up tables for a size and a format, which costs a third of converting a frame.
_converters = threading.local()

HDR_TRANSFERS = {16: "PQ", 18: "HLG"}
"""Code points of ISO/IEC 23091-2 (H.273). Shown as if they were SDR, these two are flat and grey."""

_HALF_A_DEGREE = 0.0087  # tangent
# FFmpeg has no conversion from these.
_UNKNOWN_MATRICES = {
    8: "YCgCo",
    10: "BT.2020 constant luminance",
    11: "SMPTE ST 2085",
    12: "chromaticity-derived",
    13: "chromaticity-derived",
    14: "ICtCp",
}


def colour_problem(frame: Any) -> str | None:
    """Return why the colours of a PyAV frame cannot be read as SDR, to follow the name of its file; None if they can."""
    transfer = HDR_TRANSFERS.get(int(frame.color_trc))
    if transfer is not None:
        return f"is HDR (transfer {transfer}), and a conversion to SDR is a choice of its own; convert it or remove it"
    matrix = _UNKNOWN_MATRICES.get(int(frame.colorspace))
    if matrix is not None and not frame.format.is_rgb:
        return f"has the colour matrix {matrix}, which FFmpeg does not convert; re-encode it in BT.709 or remove it"
    return None


def has_alpha(frame: Any) -> bool:
    """Return whether a PyAV frame has an alpha channel."""
    return any(component.is_alpha for component in frame.format.components)


def is_transparent(frame: Any) -> bool:
    """Return whether a PyAV frame has a pixel whose alpha is below its maximum, in 8 bits.

    The colours of a palette have an alpha too, which is no component of the frame.
    """
    if not (has_alpha(frame) or frame.format.has_palette):
        return False
    return bool((_converted(frame, "rgba", "exact")[..., 3] < 255).any())


def rgb_pixels(frame: Any, convention: PixelConvention) -> np.ndarray:
    """Convert a PyAV frame to uint8 RGB ``[H, W, 3]`` as stored, by its own colour matrix and range; alpha is dropped."""
    return _converted(frame, "rgb24", convention)


def _converted(frame: Any, layout: str, convention: PixelConvention) -> np.ndarray:
    from av.video.reformatter import Interpolation, VideoReformatter

    flags = Interpolation.BILINEAR
    if convention == "exact":
        flags |= Interpolation.ACCURATE_RND | Interpolation.BITEXACT | Interpolation.FULL_CHR_H_INT
    converters = vars(_converters)
    converter = converters.setdefault(f"{layout} {convention}", VideoReformatter())
    converted = converter.reformat(frame, format=layout, interpolation=int(flags), threads=1)
    pixels: np.ndarray = converted.to_ndarray()
    return pixels


def right_angles(matrix: np.ndarray) -> tuple[int, int, int, int] | None:
    """Return the signs of a, b, c, d (see `upright`) of a display matrix that rotates by right angles or mirrors, else None.

    As in the ``ffmpeg`` command, an angle is right within half a degree, and a matrix of zeros rotates by none.
    """
    rows = matrix[:2, :2].astype(np.int64)
    if not rows.any():
        return 1, 0, 0, 1
    large = np.abs(rows) > _HALF_A_DEGREE * np.abs(rows).max(axis=1, keepdims=True)
    a, b, c, d = (int(sign) for sign in np.where(large, np.sign(rows), 0).ravel())
    is_right = (b == c == 0 and a and d) or (a == d == 0 and b and c)
    return (a, b, c, d) if is_right else None


def upright(pixels_HWC: np.ndarray, matrix: np.ndarray) -> np.ndarray | None:
    """Apply a display matrix that rotates by right angles or mirrors; None for any other angle.

    ISO/IEC 14496-12 (tkhd): a stored pixel (x, y) is shown at (a x + c y, b x + d y), up to a shift, where a, b and c, d
    begin the first and second row.
    """
    signs = right_angles(matrix)
    if signs is None:
        return None
    a, b, c, d = signs
    if a:
        flip_x, flip_y = a < 0, d < 0
    else:
        pixels_HWC = pixels_HWC.transpose(1, 0, 2)
        flip_x, flip_y = c < 0, b < 0
    return np.ascontiguousarray(pixels_HWC[:: -1 if flip_y else 1, :: -1 if flip_x else 1])
