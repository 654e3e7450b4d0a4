"""Cropping and resizing decoded frames to the task's size, with the same bytes on every machine.

Pillow's kernels widen with the scale (antialiased); it computes in 22-bit fixed point on 8-bit images, horizontal pass
first, each pass rounded to 8 bits, so that results are identical everywhere. Those that skip pixels are in
`vidbench.data.skipping_resize`.
"""

from __future__ import annotations

import numpy as np

from vidbench.data.skipping_resize import resize_skipping
from vidbench.errors import InputError
from vidbench.tasks.clip_spec import Resize


def crop_window(
    height: int, width: int, target_height: int, target_width: int, place: str = "center"
) -> tuple[int, int, int, int]:
    """Return the largest window with the target's aspect ratio, in integer arithmetic.

    The longer side is cut to ``floor(other * ratio)``. With ``place`` ``"center"`` the window starts at
    ``floor(rest / 2)``, so that an odd rest leaves its extra pixel at the bottom or right; with ``"start"`` at 0, with
    ``"end"`` at the rest.

    Returns:
        ``(top, left, height, width)`` in pixels of the source.
    """
    if width * target_height > height * target_width:
        window_width = max(1, height * target_width // target_height)
        return 0, _offset(width - window_width, place), height, window_width
    window_height = max(1, width * target_height // target_width)
    return _offset(height - window_height, place), 0, window_height, width


def _offset(rest: int, place: str) -> int:
    return {"start": 0, "center": rest // 2, "end": rest}[place]


def covering_size(height: int, width: int, target_height: int, target_width: int) -> tuple[int, int]:
    """Return the height and width of a frame that is resized by one scale until one side fits and the other covers the target.

    The other side is cut down to a whole pixel, as torchvision's ``Resize`` of the short side does.
    """
    if width * target_height >= height * target_width:
        return target_height, width * target_height // height
    return height * target_width // width, target_width


def _half_to_even(rest: int) -> int:
    """Return half of a number of pixels, rounded as Python's ``round`` does, and so torchvision's ``CenterCrop``."""
    return round(rest / 2)


def fit_frames(
    frames_THWC: np.ndarray,
    height: int,
    width: int,
    resize: Resize,
    crop: str,
    source: str = "the video",
    *,
    resize_first: bool = False,
) -> np.ndarray:
    """Crop and resize frames to the task's size; frames of that size are returned unchanged.

    Args:
        frames_THWC: uint8 RGB ``[T, H, W, 3]``.
        height: target number of rows.
        width: target number of columns.
        resize: name of the kernel, or ``"none"`` to accept no other size.
        crop: ``"start"``, ``"center"`` or ``"end"`` crops to that `crop_window` first; ``"none"`` lets the resize change
            the aspect ratio.
        source: name of the frames in error messages.
        resize_first: resize by one scale to the smallest size that covers the target (`covering_size`), then crop its centre;
            ``crop`` says only whether there is one.

    Returns:
        uint8 RGB ``[T, height, width, 3]``.

    Raises:
        InputError: ``resize`` is ``"none"`` and the cropped size is not the task's.
    """
    source_height, source_width = frames_THWC.shape[1:3]
    if (source_height, source_width) == (height, width):
        return frames_THWC
    if resize_first and crop != "none":
        size = covering_size(source_height, source_width, height, width)
        if (source_height, source_width) != size:
            frames_THWC = _resize(frames_THWC, *size, resize)
        top, left = (_half_to_even(length - wanted) for length, wanted in zip(size, (height, width), strict=True))
        return np.ascontiguousarray(frames_THWC[:, top : top + height, left : left + width])
    if crop != "none":
        top, left, window_height, window_width = crop_window(source_height, source_width, height, width, crop)
        frames_THWC = frames_THWC[:, top : top + window_height, left : left + window_width]
    if frames_THWC.shape[1:3] == (height, width):
        return np.ascontiguousarray(frames_THWC)
    if resize == "none":
        raise InputError(
            f"The frames of {source} are {source_width}x{source_height} pixels but the task requires {width}x{height} and "
            "allows no resize; use files of that size or a task that names a resize."
        )
    return _resize(frames_THWC, height, width, resize)


def _resize(frames_THWC: np.ndarray, height: int, width: int, resize: Resize) -> np.ndarray:
    if resize == "tf1-bilinear" or resize == "tf2-bilinear":
        return resize_skipping(frames_THWC, height, width, resize)
    from PIL import Image

    kernel = {
        "pil-box": Image.Resampling.BOX,
        "pil-bilinear": Image.Resampling.BILINEAR,
        "pil-bicubic": Image.Resampling.BICUBIC,
        "pil-lanczos": Image.Resampling.LANCZOS,
    }[resize]
    fitted_THWC = np.empty((len(frames_THWC), height, width, 3), np.uint8)
    for fitted_HWC, frame_HWC in zip(fitted_THWC, frames_THWC, strict=True):
        image = Image.fromarray(np.ascontiguousarray(frame_HWC))
        fitted_HWC[...] = np.asarray(image.resize((width, height), kernel))
    return fitted_THWC
