"""TensorFlow's bilinear resizes of 8-bit frames, which skip pixels when they reduce a frame.

Published evaluation code on TensorFlow resizes without antialiasing. Both kernels are computed in float32 one operation
at a time, rows of pixels before columns, so that their bytes are the same on every machine.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

SkippingResize = Literal["tf1-bilinear", "tf2-bilinear"]


def resize_skipping(frames_THWC: np.ndarray, height: int, width: int, kernel: SkippingResize) -> np.ndarray:
    """Resize frames bilinearly between the two nearest pixels of each axis, whatever the scale.

    ``"tf1-bilinear"`` reads source position ``i * size_in / size_out``, as ``tf.compat.v1.image.resize_bilinear`` does
    (halving a frame takes every second pixel), and rounds to the nearest level. ``"tf2-bilinear"`` reads
    ``(i + 0.5) * size_in / size_out - 0.5``, as ``tf.image.resize`` does, and drops the fraction of a level, as
    ``tf.cast`` to uint8 does in google-deepmind/dmvr (77cceda), dmvr/processors.py, ``resize_smallest``.

    Args:
        frames_THWC: uint8 ``[T, H, W, C]``.
        height: target number of rows.
        width: target number of columns.
        kernel: name of the kernel.

    Returns:
        uint8 ``[T, height, width, C]``.
    """
    half_pixel = kernel == "tf2-bilinear"
    top, bottom, y = _neighbours(frames_THWC.shape[1], height, half_pixel)
    left, right, x = _neighbours(frames_THWC.shape[2], width, half_pixel)
    resized_THWC = np.empty((len(frames_THWC), height, width, frames_THWC.shape[3]), np.uint8)
    for resized_HWC, frame_HWC in zip(resized_THWC, frames_THWC, strict=True):
        floats_HWC = frame_HWC.astype(np.float32)
        columns_HWC = _between(floats_HWC[:, left], floats_HWC[:, right], x[:, None])
        levels_HWC = _between(columns_HWC[top], columns_HWC[bottom], y[:, None, None])
        resized_HWC[...] = levels_HWC if half_pixel else np.rint(levels_HWC)
    return resized_THWC


def _between(lower: np.ndarray, upper: np.ndarray, share: np.ndarray) -> np.ndarray:
    return lower + (upper - lower) * share


def _neighbours(size_in: int, size_out: int, half_pixel: bool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return, for each output index, the lower and upper source index and the float32 share of the upper.

    As in tensorflow/core/kernels/image/resize_bilinear_op.cc, ``compute_interpolation_weights``.
    """
    scale = np.float32(size_in) / np.float32(size_out)
    index = np.arange(size_out, dtype=np.float32)
    source = (index + np.float32(0.5)) * scale - np.float32(0.5) if half_pixel else index * scale
    floor = np.floor(source)
    lower = np.maximum(floor, 0).astype(np.intp)
    upper = np.minimum(np.ceil(source), size_in - 1).astype(np.intp)
    return lower, upper, source - floor
