"""The named resizers: how published code resizes frames for its network.

``tf1-bilinear`` is TensorFlow 1's kernel, bit for bit; ``bilinear`` and ``bilinear-antialias`` are torch's ``interpolate``
with half-pixel centres. All expect float32 and none rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch

from vidmetrics.errors import InputError


def _neighbours(size_in: int, size_out: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return, for each output index, the lower and upper source index (int64) and the float32 weight of the upper."""
    scale = torch.tensor(size_in, dtype=torch.float32) / torch.tensor(size_out, dtype=torch.float32)
    # Always on the CPU: the rounding of index * scale determines the last bits of the weights.
    source = torch.arange(size_out, dtype=torch.float32) * scale
    lower = source.floor().long().clamp(max=size_in - 1)
    upper = (lower + 1).clamp(max=size_in - 1)
    return lower.to(device), upper.to(device), (source - lower).to(device)


def resize_tf1_bilinear(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize like ``tf.compat.v1.image.resize_bilinear`` with its defaults.

    Legacy sampling: output pixel i reads source position ``i * size_in / size_out`` in float32, without half-pixel
    centres, aligned corners or antialiasing; rows are interpolated before columns (tensorflow/core/kernels/image/
    resize_bilinear_op.cc). The aspect ratio is not preserved.

    Args:
        frames_NHWC: float32 ``[N, H, W, C]``, any range.
        height: rows of the output.
        width: columns of the output.

    Returns:
        float32 ``[N, height, width, C]`` in the range of the input.

    Raises:
        InputError: wrong dtype or shape, or an empty frame.
    """
    _check(frames_NHWC, height, width)
    top, bottom, y = _neighbours(frames_NHWC.shape[1], height, frames_NHWC.device)
    left, right, x = _neighbours(frames_NHWC.shape[2], width, frames_NHWC.device)
    lower_x, upper_x = frames_NHWC[:, :, left], frames_NHWC[:, :, right]
    rows = lower_x + (upper_x - lower_x) * x[:, None]
    lower_y, upper_y = rows[:, top], rows[:, bottom]
    return lower_y + (upper_y - lower_y) * y[:, None, None]


def resize_bilinear(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize bilinearly with half-pixel centres, without antialiasing.

    Output pixel i reads source position ``(i + 0.5) * size_in / size_out - 0.5``, clamped to the frame: torch's
    ``interpolate(mode="bilinear", align_corners=False)`` and TensorFlow 2's ``tf.image.resize``. It skips pixels
    when it reduces frames.

    Args:
        frames_NHWC: float32 ``[N, H, W, C]``, any range.
        height: rows of the output.
        width: columns of the output.

    Returns:
        float32 ``[N, height, width, C]`` in the range of the input.

    Raises:
        InputError: wrong dtype or shape, or an empty frame.
    """
    return _interpolate(frames_NHWC, height, width, antialias=False)


def resize_bilinear_antialias(frames_NHWC: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Resize bilinearly with half-pixel centres and, when reducing, a triangle filter as wide as the scale.

    torch's ``interpolate(mode="bilinear", align_corners=False, antialias=True)``, which equals Pillow's without its
    rounding to 8 bits; the same as `resize_bilinear` when enlarging.

    Args:
        frames_NHWC: float32 ``[N, H, W, C]``, any range.
        height: rows of the output.
        width: columns of the output.

    Returns:
        float32 ``[N, height, width, C]`` in the range of the input.

    Raises:
        InputError: wrong dtype or shape, or an empty frame.
    """
    return _interpolate(frames_NHWC, height, width, antialias=True)


Resizer = Callable[[torch.Tensor, int, int], torch.Tensor]

RESIZERS: Mapping[str, Resizer] = MappingProxyType(
    {
        "tf1-bilinear": resize_tf1_bilinear,
        "bilinear": resize_bilinear,
        "bilinear-antialias": resize_bilinear_antialias,
    }
)
"""All resizers by name: ``(frames_NHWC, height, width) -> frames_NHWC``."""


def short_side_size(height: int, width: int, side: int) -> tuple[int, int]:
    """Return ``(height, width)`` after resizing the short side to ``side`` while preserving the aspect ratio.

    The long side is ``ceil(length * (side / short))`` in float64, in that order of operations, as VideoGPT
    (videogpt/data.py, preprocess) and its descendants compute it: for a few sizes the ceiling adds a pixel that exact
    arithmetic does not, and a square becomes ``(side + 1, side)``.
    """
    scale = side / min(height, width)
    if height < width:
        return side, math.ceil(width * scale)
    return math.ceil(height * scale), side


def center_crop(frames_NHWC: torch.Tensor, side: int) -> torch.Tensor:
    """Crop the central square of frames ``[N, H, W, C]``; an odd margin has its extra pixel at the bottom or right.

    Raises:
        InputError: the frames are smaller than the square.
    """
    _, H, W, _ = frames_NHWC.shape
    if side < 1 or min(H, W) < side:
        raise InputError(f"A square of {side}x{side} cannot be cut out of frames of {H}x{W}; resize them first.")
    top, left = (H - side) // 2, (W - side) // 2
    return frames_NHWC[:, top : top + side, left : left + side]


def _interpolate(frames_NHWC: torch.Tensor, height: int, width: int, antialias: bool) -> torch.Tensor:
    _check(frames_NHWC, height, width)
    # Contiguous, because torch uses a different kernel, with different last bits, for channels-last frames.
    frames_NCHW = frames_NHWC.permute(0, 3, 1, 2).contiguous()
    resized_NCHW = torch.nn.functional.interpolate(
        frames_NCHW, (height, width), mode="bilinear", align_corners=False, antialias=antialias
    )
    return resized_NCHW.permute(0, 2, 3, 1)


def _check(frames_NHWC: torch.Tensor, height: int, width: int) -> None:
    if frames_NHWC.dtype != torch.float32 or frames_NHWC.ndim != 4 or 0 in frames_NHWC.shape[1:]:
        raise InputError(
            f"The resize expects float32 [N, H, W, C], not {frames_NHWC.dtype} {list(frames_NHWC.shape)}; convert first."
        )
    if height < 1 or width < 1:
        raise InputError(f"Frames cannot be resized to {width}x{height}; both sides must be at least 1.")
